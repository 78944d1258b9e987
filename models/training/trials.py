"""One head after another, trained on other rows and judged alike: what an ablation runs."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.training import evidence, folds, judged, outside, pasted
from models.training.composites import Recipe
from models.training.evaluate import wilson
from models.training.evidence import Frame
from models.training.folds import Rows
from models.training.pictures import LABELS

CACHE = Path(".training")
ANIMALS_KEPT = 0.97
CA_01 = "mlwic_examples"
DIRECTIONS, STEPS = 128, 20
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bench:
    """All that stays the same between the rows of the table."""

    frames: list[Frame]
    found: dict[str, NDArray[Any]]
    rows: Rows
    space: folds.Space
    made: list[Recipe]
    said: dict[str, NDArray[Any]]
    windows: Rows
    places: NDArray[np.str_]
    witnesses: list[judged.Witnesses]

    def rows_of(self, take: Mask, weight: float = 1.0) -> Rows:
        """Give the rows of some composites."""
        return pasted.rows(self.made, self.said, take, weight)

    @property
    def cut(self) -> Mask:
        """Say which composites have an animal cut from a photograph."""
        return np.array([bool(r.animal and r.animal.box) for r in self.made])

    def labelled(self, label: str) -> Mask:
        """Say which composites show a label."""
        return np.array([recipe.label == label for recipe in self.made])


def bench_of(data: Path, detector: Path, stamps: Path | None) -> Bench:
    backbone, cache = CACHE / "features" / "backbone.tflite", CACHE / "evidence"
    frames = evidence.frames(data)
    found = evidence.gather(data, detector, backbone, cache)
    thin = found | {"crops": found["crops"][:, :1]}
    rows = folds.rows(frames, thin, data, backbone, CACHE / "features", other_looks=False)
    made = pasted.recipes(data, frames, found, stamps)
    said = pasted.gather(made, detector, backbone, cache)
    windows = outside.rows(pasted.animals(data, frames, found), backbone, cache)
    places = np.array([folds.place_of(frame) for frame in frames])
    listed = [
        one for one in judged.witnesses(frames, found)
        if one.frames[0].trap or one.truth == "leopard"
    ]  # fmt: skip
    space = folds.space(rows, backbone, DIRECTIONS)
    return Bench(frames, found, rows, space, made, said, windows, places, listed)


def figures(bench: Bench, parts: Sequence[Rows]) -> dict[str, str]:
    """Train on these rows, and say what comes of it."""
    rows = pasted.joined(parts)
    usual = bench.rows.weight.mean() / rows.weight.mean()  # else the penalty would change, too
    rows = replace(rows, weight=(rows.weight * usual).astype(np.float32))
    grounds = np.array([recipe.ground.place for recipe in bench.made])
    views = {
        "full": np.concatenate([bench.found["full"], bench.said["full"], bench.windows.stored]),
        "crop": np.concatenate([bench.found["crops"][:, 0], bench.said["crop"],
                                bench.windows.stored]),
    }  # fmt: skip
    places = np.concatenate([bench.places, grounds, bench.windows.place])
    cache = CACHE / "ablations" / hashlib.sha256(views["crop"].tobytes()).hexdigest()[:8]
    cache.mkdir(parents=True, exist_ok=True)
    shares = _held_out(rows, bench, views, places, cache)
    held = judged.Held(
        sorted(set(places)),
        shares["full"],
        shares["crop"],
        np.zeros(shares["full"].shape[:2], np.float32),
    )
    frames = [one for one in bench.witnesses if not one.frames[0].sequence]
    judged_alone = [_judged(held, one, one.place) for one in frames]
    line = float(np.quantile([j.blank for j in judged_alone if j.trap and j.lives], ANIMALS_KEPT))
    return _real(judged_alone, line) | _pasted(bench, held, line) | _windows(bench, held)


@dataclass(frozen=True, slots=True)
class Judged:
    """One frame alone: its truth, P(blank), and what it would be named if it stays."""

    truth: str
    place: str
    trap: bool
    blank: float
    named: str

    @property
    def lives(self) -> bool:
        """Say whether there is anything to keep."""
        return self.truth != "blank"


def _judged(held: judged.Held, one: judged.Witnesses, out: str) -> Judged:
    [shares] = held.judge(one, out)
    frame, named = one.frames[0], LABELS[1 + int(shares[1:].argmax())]
    return Judged(frame.label, one.place, frame.trap, float(shares[0]), named)


def _held_out(rows: Rows, bench: Bench, views: Mapping[str, NDArray[np.uint8]],
              places: NDArray[np.str_], cache: Path) -> dict[str, NDArray[np.float32]]:  # fmt: skip
    """Fit as `folds.held_out` does, but only the pairs that composites need.

    For other pairs the heads that did not see the frame's own place stand in.
    """
    key = hashlib.sha256(rows.stored.tobytes() + rows.weight.tobytes() + b"thin").hexdigest()
    path = cache / f"thin-{key[:12]}.npz"
    if path.exists():
        return dict(np.load(path))
    x, names = bench.space.of(rows.stored), sorted(set(places))
    inputs = {name: bench.space.of(stored) for name, stored in views.items()}
    shape = (len(names), len(places), len(LABELS))
    shares = {name: np.zeros(shape, np.float32) for name in views}
    lenders = {recipe.animal.place for recipe in bench.made if recipe.animal} & set(names)
    pairs = {(recipe.ground.place, lender) for recipe in bench.made for lender in lenders}
    for one, other in [(name, name) for name in names] + sorted(pairs):
        kernel, bias = folds.fit(x, rows, (one, other), STEPS)
        for name, view in inputs.items():
            for mine, out in ((one, other), (other, one)):
                here = places == mine
                said = torch.softmax(view[torch.from_numpy(here)] @ kernel + bias, 1).numpy()
                at = slice(None) if one == other else names.index(out)
                shares[name][at, here] = said
    np.savez(path, **shares)
    return shares


def _real(frames: Sequence[Judged], line: float) -> dict[str, str]:
    trap = [each for each in frames if each.trap]
    living = [each for each in trap if each.lives]
    leopards = [each for each in trap if each.truth == "leopard"]
    photographs = [each for each in frames if not each.trap]
    others = [each for each in living if each.truth != "leopard"]
    return {
        "trap leopards kept": f"{sum(e.blank < line for e in leopards)} of {len(leopards)}",
        "named": f"{sum(e.named == 'leopard' for e in leopards)} of {len(leopards)}",
        "leopard photographs named": _named(photographs),
        "others on traps named leopard": _share([e.named == "leopard" for e in others]),
        "AUC": f"{_separation(trap):.3f}",
        "without CA-01": f"{_separation([e for e in trap if e.place != CA_01]):.3f}",
        "blanks dropped": _share([e.blank >= line for e in trap if not e.lives]),
        "dropped without CA-01": _alone([e for e in trap if e.place != CA_01]),
        "trap living named right": _named(living),
        "right without CA-01": _named([e for e in living if e.place != CA_01]),
    }


def _share(hits: Sequence[bool]) -> str:
    return f"{np.mean(hits):.1%}"


def _named(frames: Sequence[Judged]) -> str:
    return _share([each.named == each.truth for each in frames])


def _alone(frames: Sequence[Judged]) -> str:
    """Give the share of blanks dropped by the line that these frames' own living draw."""
    line = np.quantile([each.blank for each in frames if each.lives], ANIMALS_KEPT)
    return _share([each.blank >= line for each in frames if not each.lives])


def _separation(frames: Sequence[Judged]) -> float:
    """Give the area under the curve."""
    living = np.array([each.blank for each in frames if each.lives])
    blanks = np.array([each.blank for each in frames if not each.lives])
    return float((blanks[:, None] > living).mean())


def _pasted(bench: Bench, held: judged.Held, line: float) -> dict[str, str]:
    """Judge the composites of cut-outs, and the twins, one by one."""
    said = []
    for number, recipe in enumerate(bench.made):
        if recipe.animal and not recipe.animal.box:
            continue
        ground = recipe.ground
        frame = Frame(ground.path, recipe.label, False, ground.place, ground.place, "", "")
        row, score = len(bench.frames) + number, float(bench.said["best"][number, 0])
        one = judged.Witnesses((frame,), (row,), (score,), None, ground.place)
        said.append(_judged(held, one, recipe.animal.place if recipe.animal else ground.place))
    leopards = [each for each in said if each.truth == "leopard"]
    others = [each for each in said if each.lives and each.truth != "leopard"]
    return {
        "pasted leopards kept": _share([each.blank < line for each in leopards]),
        "pasted leopards named": _named(leopards),
        "pasted others kept": _share([each.blank < line for each in others]),
        "pasted others named": _named(others),
        "their grounds dropped": _share([e.blank >= line for e in said if not e.lives]),
    }


def _windows(bench: Bench, held: judged.Held) -> dict[str, str]:
    """Name the windows outside boxes, by heads that saw nothing of their place."""
    first = len(bench.frames) + len(bench.made)
    own = [held.names.index(place) for place in bench.windows.place]
    said = held.full[own, np.arange(first, first + len(own))].argmax(axis=1) == judged.LEOPARD
    leopards = bench.windows.other == "leopard"
    return {
        "windows of leopards named leopard": wilson(int(said[leopards].sum()), int(leopards.sum())),
        "of others": wilson(int(said[~leopards].sum()), int((~leopards).sum())),
    }
