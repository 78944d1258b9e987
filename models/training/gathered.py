"""Everything the figures come from: all frames judged by heads that saw nothing of their place."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training import evidence, folds, judged, page, scene, train
from models.training.evidence import Frame
from models.training.judged import Held, Witnesses

CACHE = train.CACHE


@dataclass(frozen=True, slots=True)
class Options:
    """Where things are."""

    data: Path
    models: Path
    packages: Path  # of the networks that others published
    python: Path  # has both runtimes


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything the figures come from."""

    frames: list[Frame]
    found: dict[str, NDArray[Any]]
    groups: list[Witnesses]
    held: Held
    outcomes: page.Outcomes


def gather(options: Options) -> Gathered:
    """Judge every frame and sequence by heads that saw nothing of its place."""
    backbone = train.stored_backbone(options.data)
    frames = evidence.frames(options.data)
    found = evidence.gather(
        options.data, options.models / "yolox-tiny.tflite", backbone, CACHE / "evidence"
    )
    rows = train.learned(frames, found, options.data, options.models / "yolox-tiny.tflite")
    places = np.array([folds.place_of(frame) for frame in frames])
    views = {"full": found["full"], "crop": found["crops"][:, 0]}
    across = folds.space(rows, backbone)
    shares = folds.held_out(rows, across, views, places, CACHE / "evidence")
    groups = judged.witnesses(frames, found)
    odds = scene.held_out(scene.Maxima(found["most"], frames), CACHE / "evidence")
    held = Held(sorted(set(places)), shares["full"], shares["crop"], odds)
    return Gathered(frames, found, groups, held, page.measure(groups, held))


def timed(what: str, work: Any, *args: Any) -> Any:
    """Do some work and say how long it took."""
    began = time.monotonic()
    result = work(*args)
    print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)
    return result
