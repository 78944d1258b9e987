"""Every frame and sequence as the set judges it, by heads and thresholds that saw nothing of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training.decide import SHIPS, Seen, judge
from models.training.evidence import Frame
from models.training.folds import place_of
from models.training.pictures import LABELS
from trapnode.devices.fusion import Fusion, Moved, motion

LEOPARD = LABELS.index("leopard")
MANY = 20  # frames from which a place has a quantile of its own
LOST = 0.03  # `blank`: no known place, nor all but the largest together, loses more of its living;
LARGEST = "mlwic_examples"
LEOPARD_MARGIN = 0.5  # and no trap leopard comes nearer to the line than this, in log-odds.
HOPE = 0.5  # `target`: half of what the least sure leopard reaches, photographs and all.


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What the models said of one sequence's frames (or of a frame alone), head by head."""

    frames: tuple[Frame, ...]
    rows: tuple[int, ...]
    scores: tuple[float, ...]
    moved: tuple[Moved, ...] | None
    place: str
    boxes: tuple[NDArray[np.float64], ...] = ()  # the best of each frame
    greys: tuple[NDArray[np.uint8], ...] = ()

    @property
    def truth(self) -> str:
        """Name the sequence: the label of its first frame that shows something."""
        return next((f.label for f in self.frames if f.label != "blank"), "blank")


@dataclass(frozen=True, slots=True)
class Held:
    """What held-out heads said: shares of full frames and crops, (places, frames, labels).

    And log-odds of the whole picture, (places, frames); likeness to the site's blanks, (frames,).
    """

    names: Sequence[str]
    full: NDArray[np.float32]
    crop: NDArray[np.float32]
    scene: NDArray[np.float32]
    fusion: Fusion = SHIPS
    likes: NDArray[np.float64] | None = None

    def judge(self, one: Witnesses, out: str) -> NDArray[np.float64]:
        """Judge by the heads that saw neither the witnesses' place nor `out`."""
        index = self.names.index(out)
        seen = [
            Seen(
                score,
                float(self.scene[index, row]),
                self.full[index, row],
                self.crop[index, row],
                float(self.likes[row]) if self.likes is not None else 0.0,
            )
            for score, row in zip(one.scores, one.rows, strict=True)
        ]
        return judge(seen, one.moved, (LEOPARD,), self.fusion)


def witnesses(frames: Sequence[Frame], found: Mapping[str, NDArray[Any]]) -> list[Witnesses]:
    """Group the evidence: frames of the index alone, frames of sequences together."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row, frame in enumerate(frames):
        groups[frame.sequence or frame.path].append(row)
    return [_witnesses(frames, found, rows) for rows in groups.values()]


def _witnesses(
    frames: Sequence[Frame], found: Mapping[str, NDArray[Any]], rows: Sequence[int]
) -> Witnesses:
    boxes = tuple(found["boxes"][row, 0].astype(np.float64) for row in rows)
    greys = tuple(found["grey"][row] for row in rows)
    moved = motion(greys, boxes) if len(rows) > 1 else None
    scores = tuple(float(found["boxes"][row, 0, 0]) for row in rows)
    listed = tuple(frames[row] for row in rows)
    return Witnesses(listed, tuple(rows), scores, tuple(moved) if moved else None,
                     place_of(listed[0]), boxes, greys)  # fmt: skip


def line(groups: Iterable[Witnesses], held: Held, out: str | None) -> dict[str, float]:
    """Choose the thresholds on single frames of all places but `out`; None: of all, to ship."""
    odds: dict[str, list[float]] = defaultdict(list)
    leopards, hopes = [], []
    for one in groups:
        if (
            one.place == out
            or one.truth == "blank"
            or one.frames[0].sequence
            or one.frames[0].doubted
        ):
            continue
        [shares] = held.judge(one, out or one.place)
        lives = float(np.log(1 / shares[0] - 1))
        if one.truth == "leopard":
            hopes.append(float(shares[LEOPARD]))
        if one.frames[0].trap:
            odds[one.place].append(lives)
            leopards += [lives - LEOPARD_MARGIN] if one.truth == "leopard" else []
    sure = [each for place, values in odds.items() if place != LARGEST for each in values]
    lines = [float(np.quantile(sure, LOST)), *leopards]
    many = [values for values in odds.values() if len(values) >= MANY]
    lines += [float(np.quantile(values, LOST)) for values in many]
    return {"blank": float(1 / (1 + np.exp(min(lines)))), "target": HOPE * min(hopes)}
