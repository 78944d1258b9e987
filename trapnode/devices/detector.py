"""The detector: is something alive here, and where; a quantised YOLOX by what its card promises.

The model gives numbers per cell of three grids; everything behind them is here, in numpy.
`models/README.md` is the specification.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trapnode.devices import cards
from trapnode.devices.cards import ModelFile, ModelRefused, Source
from trapnode.devices.picture import letterbox
from trapnode.devices.tflite import Model, Output, Runtime
from trapnode.model import Detection

__all__ = ["Card", "TfliteDetector", "apart", "boxes_of", "cells", "individuals", "read_card"]

OUTPUTS = {"box": 4, "obj": 1, "cls": 1}  # In the order in which `boxes_of` takes them.
MOST = ("most8", "most16", "most32")  # The most each feature reaches in the picture, by stride.
FEATURES = 4096  # Of one stride, at most.
INSIDE = 0.7  # Of a box that lies so much inside a better one: a head, not a second animal.
LEAST = 0.02  # Boxes below are noise; the best box of a frame is given all the same.
OVERLAP = 0.5  # Intersection over union from which two boxes are one animal.
BOXES = 16  # Of one frame: the air counts to 15.
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Card:
    """What a detector's card promises: three outputs, one row of each per cell.

    And maybe three more with the features' maxima, and the weights that read life from them.
    """

    file: ModelFile
    source: Source
    outputs: tuple[Output, ...]
    strides: tuple[int, ...]
    weights: Floats
    bias: float


def read_card(path: Path) -> Card:
    """Read and check a card; raise ModelRefused naming what is wrong."""
    return cards.read(path, _card)


def _card(top: Any, folder: Path) -> Card:
    cards.text(top, "kind", "detector")
    source, strides = cards.source(top), _strides(top)
    count = sum((source.height // each) * (source.width // each) for each in strides)
    found = {cards.text(each, "name"): each for each in cards.take(top, "outputs", list)}
    names = (*OUTPUTS, *MOST) if set(MOST) & set(found) else tuple(OUTPUTS)
    if set(found) != set(names):
        raise ModelRefused(f"outputs are {sorted(found)}, must be {sorted(names)}")
    outputs = tuple(_output(found[name], name, count, len(names)) for name in names)
    if sorted(each.index for each in outputs) != list(range(len(names))):
        raise ModelRefused(f"outputs: their index must be 0 to {len(names) - 1}")
    weights, bias = _alive(top, sum(each.shape[-1] for each in outputs[len(OUTPUTS) :]))
    return Card(cards.model_file(top, folder), source, outputs, strides, weights, bias)


def _output(section: Any, name: str, count: int, outputs: int) -> Output:
    least, most = (OUTPUTS[name],) * 2 if name in OUTPUTS else (1, FEATURES)
    values = int(cards.number(section, "values", least, most))
    index = int(cards.number(section, "index", 0, outputs - 1))
    shape = (1, count, values) if name in OUTPUTS else (1, values)
    return Output(f"output {name}", index, shape, cards.quantised(section))


def _alive(top: Any, features: int) -> tuple[Floats, float]:
    """Read the weights of the maxima; without any the whole picture says nothing."""
    if not features:
        return np.zeros(0), 0.0
    section = cards.take(top, "alive", dict)
    found = cards.take(section, "weights", list)
    if len(found) != features or not all(type(each) in (int, float) for each in found):
        raise ModelRefused(f"alive: {len(found)} weights, must be {features} numbers")
    weights = np.array(found, np.float64)
    if not np.isfinite(weights).all():
        raise ModelRefused("alive: a weight is not finite")
    return weights, cards.number(section, "bias", -1e6, 1e6)


def _strides(top: Any) -> tuple[int, ...]:
    found = cards.take(top, "strides", list)
    if not found or not all(type(each) is int and 1 <= each <= 256 for each in found):
        raise ModelRefused(f"strides are {found}, must be whole numbers from 1 to 256")
    return tuple(found)


class TfliteDetector:
    """One detector on one runtime."""

    def __init__(self, path: Path, *, runtime: Runtime | None = None, threads: int = 1) -> None:
        """Load the model of the card at `path`; raise ModelRefused if it is not that model."""
        card = read_card(path)
        self._model = Model(card.file, card.source, card.outputs, runtime=runtime, threads=threads)
        self.name = card.file.name
        self.width, self.height = card.source.width, card.source.height
        self._cells = cells(self.width, self.height, card.strides)
        self._weights, self._bias = card.weights, card.bias

    def detect(self, picture: Image.Image) -> tuple[tuple[Detection, ...], float]:
        """Find what lives in a picture, best first, and the whole picture's log-odds of life.

        The best box is always there, however faint: its probability is the frame's score. A
        detector without maxima says nothing of the whole picture: 0. Raises DeviceError.
        """
        tensor, inner = letterbox(picture, self.width, self.height)
        box, obj, cls, *most = self._model.run(tensor)
        lives = float(np.concatenate([*most, []]) @ self._weights + self._bias)
        found = boxes_of(box, obj, cls, self._cells, inner)
        found = found[(found[:, 3] > found[:, 1]) & (found[:, 4] > found[:, 2])]
        if not len(found):
            return (), lives
        least = min(LEAST, float(found[:, 0].max()))
        return tuple(map(_detection, apart(found, least, OVERLAP, BOXES))), lives


def individuals(boxes: Sequence[Detection], least: float) -> tuple[Detection, ...]:
    """Take the boxes that may be counted, best first: from `least` on, none inside a better one.

    So at least as many were there; a cub before its mother is counted with her.
    """
    counted: list[Detection] = []
    for box in boxes:
        if box.probability >= least and all(_inside(box, each) < INSIDE for each in counted):
            counted.append(box)
    return tuple(counted)


def _inside(box: Detection, other: Detection) -> float:
    across = min(box.x + box.width, other.x + other.width) - max(box.x, other.x)
    down = min(box.y + box.height, other.y + other.height) - max(box.y, other.y)
    return max(across, 0.0) * max(down, 0.0) / (box.width * box.height)


def cells(width: int, height: int, strides: Sequence[int]) -> Floats:
    """List column, row and stride of every cell, row by row, stride by stride."""
    parts = []
    for stride in strides:
        row, column = np.mgrid[: height // stride, : width // stride]
        parts.append(np.stack([column.ravel(), row.ravel(), np.full(row.size, stride)], axis=1))
    return np.asarray(np.concatenate(parts), np.float64)


def boxes_of(box: Floats, obj: Floats, cls: Floats, grid: Floats, inner: tuple[int, int]) -> Floats:
    """Give score, left, top, right, bottom per cell; the sides are shares of the picture.

    `inner` is the size of the picture inside the letterbox, in pixels of the input.
    """
    score = 1 / ((1 + np.exp(-obj.ravel())) * (1 + np.exp(-cls.ravel())))
    stride = grid[:, 2:]
    middle = (box[:, :2] + grid[:, :2]) * stride
    half = np.exp(np.clip(box[:, 2:], -10, 10)) * stride / 2
    edges = np.concatenate([middle - half, middle + half], axis=1) / np.array([*inner, *inner])
    return np.asarray(np.concatenate([score[:, None], edges.clip(0, 1)], axis=1))


def apart(found: Floats, least: float, overlap: float, most: int) -> Floats:
    """Keep the best box of each heap: score from `least` on, intersection over union below."""
    found = found[found[:, 0] >= least]
    kept: list[Floats] = []
    for each in found[np.argsort(-found[:, 0], kind="stable")]:
        if len(kept) == most:
            break
        if all(_overlap(each, other) < overlap for other in kept):
            kept.append(each)
    return np.array(kept).reshape(-1, 5)


def _overlap(a: Floats, b: Floats) -> float:
    across, down = (min(a[far], b[far]) - max(a[far - 2], b[far - 2]) for far in (3, 4))
    if across <= 0 or down <= 0:
        return 0.0
    areas = sum((each[3] - each[1]) * (each[4] - each[2]) for each in (a, b))
    return float(across * down / (areas - across * down))


def _detection(row: Floats) -> Detection:
    score, left, top, right, bottom = (float(each) for each in row)
    return Detection(left, top, right - left, bottom - top, score)
