"""From which score on a box is an individual: chosen on the boxes of the data."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training.evaluate import wilson
from models.training.evidence import Frame
from models.training.report import table
from trapnode.devices.detector import individuals
from trapnode.model import Detection

TOO_MANY = 0.05  # of pictures with one box may be counted as two or more: no cub that is not there
TRIED = tuple(round(0.02 * step, 2) for step in range(3, 46))
SHOWN = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
AT_THE_ANIMAL = 0.5  # intersection over union with the source's box


@dataclass(frozen=True, slots=True)
class Boxed:
    """What the detector found in a picture in which its source drew one box."""

    found: tuple[Detection, ...]
    truth: Detection

    def count(self, least: float) -> int:
        """Count the individuals."""
        return len(individuals(self.found, least))

    def right(self, least: float) -> bool:
        """Say if exactly the one animal is counted, where it is."""
        counted = individuals(self.found, least)
        return len(counted) == 1 and _overlap(counted[0], self.truth) >= AT_THE_ANIMAL


def _overlap(a: Detection, b: Detection) -> float:
    across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (a.width * a.height + b.width * b.height - shared)


def detections(boxes: NDArray[Any]) -> tuple[Detection, ...]:
    """Turn a frame's stored boxes into what the unit counts."""
    return tuple(
        Detection(left, top, right - left, bottom - top, score)
        for score, left, top, right, bottom in boxes.astype(float).tolist()
        if right > left and bottom > top
    )


def boxed(frames: Sequence[Frame], found: Mapping[str, NDArray[Any]], data: Path) -> list[Boxed]:
    """Take the pictures that have a box in the index."""
    with (data / "index.csv").open(newline="") as file:
        rows = {str((data / r["path"]).resolve()): r for r in csv.DictReader(file) if r["x"]}
    return [
        Boxed(
            detections(found["boxes"][row]),
            Detection(*(float(rows[frame.path][side]) for side in "xywh"), 1.0),
        )
        for row, frame in enumerate(frames)
        if frame.path in rows
    ]


def choose(listed: Sequence[Boxed]) -> float:
    """Give the least score at which hardly any one animal is counted as several."""
    for least in TRIED:
        if np.mean([each.count(least) > 1 for each in listed]) <= TOO_MANY:
            return least
    return TRIED[-1]


def section(frames: Sequence[Frame], found: Mapping[str, NDArray[Any]], data: Path) -> str:
    """Write what each score would count."""
    listed = boxed(frames, found, data)
    chosen, several = choose(listed), len(listed)
    blanks = [
        detections(found["boxes"][row])
        for row, frame in enumerate(frames)
        if frame.trap and frame.label == "blank" and not frame.sequence
    ]
    rows = []
    for least in sorted({*SHOWN, chosen}):
        false = sum(bool(individuals(each, least)) for each in blanks)
        rows.append([
            f"**{least:g}**" if least == chosen else f"{least:g}",
            wilson(sum(each.right(least) for each in listed), several),
            wilson(sum(each.count(least) > 1 for each in listed), several),
            wilson(sum(each.count(least) == 0 for each in listed), several),
            wilson(false, len(blanks)),
        ])  # fmt: skip
    heads = ["score from", "one, where it is", "counted too many", "no box", "trap blanks with one"]
    return table(heads, rows)
