"""The detector: is something alive here, and where; a quantised YOLOX by what its card promises.

The model gives numbers per cell of three grids; everything behind them is here, in numpy.
`models/training/fusion.py` is the reference, `models/README.md` the specification.
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
INSIDE = 0.7  # Of a box that lies so much inside a better one: a head, not a second animal.
LEAST = 0.02  # Boxes below are noise; the best box of a frame is given all the same.
OVERLAP = 0.5  # Intersection over union from which two boxes are one animal.
MOST = 16  # Boxes of one frame: the air counts to 15.
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Card:
    """What a detector's card promises: three outputs, one row of each per cell."""

    file: ModelFile
    source: Source
    outputs: tuple[Output, ...]
    strides: tuple[int, ...]


def read_card(path: Path) -> Card:
    """Read and check a card; raise ModelRefused naming what is wrong."""
    return cards.read(path, _card)


def _card(top: Any, folder: Path) -> Card:
    cards.text(top, "kind", "detector")
    source, strides = cards.source(top), _strides(top)
    count = sum((source.height // each) * (source.width // each) for each in strides)
    found = {cards.text(each, "name"): each for each in cards.take(top, "outputs", list)}
    if set(found) != set(OUTPUTS):
        raise ModelRefused(f"outputs are {sorted(found)}, must be {sorted(OUTPUTS)}")
    outputs = tuple(_output(found[name], name, count) for name in OUTPUTS)
    if sorted(each.index for each in outputs) != [0, 1, 2]:
        raise ModelRefused("outputs: their index must be 0, 1 and 2")
    return Card(cards.model_file(top, folder), source, outputs, strides)


def _output(section: Any, name: str, count: int) -> Output:
    values = int(cards.number(section, "values", OUTPUTS[name], OUTPUTS[name]))
    index = int(cards.number(section, "index", 0, len(OUTPUTS) - 1))
    return Output(f"output {name}", index, (1, count, values), cards.quantised(section))


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

    def detect(self, picture: Image.Image) -> tuple[Detection, ...]:
        """Find what lives in a picture, best first; raise DeviceError.

        The best box is always there, however faint: its probability is the frame's score.
        """
        tensor, inner = letterbox(picture, self.width, self.height)
        box, obj, cls = self._model.run(tensor)
        found = boxes_of(box, obj, cls, self._cells, inner)
        found = found[(found[:, 3] > found[:, 1]) & (found[:, 4] > found[:, 2])]
        if not len(found):
            return ()
        least = min(LEAST, float(found[:, 0].max()))
        return tuple(map(_detection, apart(found, least, OVERLAP, MOST)))


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
