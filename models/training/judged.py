"""Every frame and sequence as the set judges it, by heads and thresholds that saw nothing of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training import fusion
from models.training.decide import Fusion, judge
from models.training.evidence import Frame
from models.training.folds import place_of
from models.training.pictures import LABELS

LEOPARD = LABELS.index("leopard")
MANY = 20  # frames from which a place has a quantile of its own
LOST = 0.02  # `blank`: no known place, nor all but the largest together, loses more of its living;
LOST_LABELS_UNSURE = 0.05  # CA-01 calls frames living whose animal has left, some 2 % of them;
UNSURE = "mlwic_examples"
LEOPARD_MARGIN = 0.5  # and no trap leopard comes nearer to the line than this, in log-odds.
HOPE = 0.5  # `target`: half of what the least sure leopard reaches, photographs and all.


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What the models said of one sequence's frames (or of a frame alone), head by head."""

    frames: tuple[Frame, ...]
    rows: tuple[int, ...]
    scores: tuple[float, ...]
    moved: tuple[fusion.Moved, ...] | None
    place: str

    @property
    def truth(self) -> str:
        """Name the sequence: the label of its first frame that shows something."""
        return next((f.label for f in self.frames if f.label != "blank"), "blank")


@dataclass(frozen=True, slots=True)
class Held:
    """Shares of full frames and crops by held-out heads, shape (places, frames, labels)."""

    names: Sequence[str]
    full: NDArray[np.float32]
    crop: NDArray[np.float32]
    fusion: Fusion = field(default_factory=Fusion)

    def judge(self, one: Witnesses, out: str) -> NDArray[np.float64]:
        """Judge by the heads that saw neither the witnesses' place nor `out`."""
        rows, index = list(one.rows), self.names.index(out)
        full, crop = self.full[index, rows], self.crop[index, rows]
        return judge(one.scores, list(full), list(crop), one.moved, (LEOPARD,), self.fusion)


def witnesses(frames: Sequence[Frame], found: Mapping[str, NDArray[Any]]) -> list[Witnesses]:
    """Group the evidence: frames of the index alone, frames of sequences together."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row, frame in enumerate(frames):
        groups[frame.sequence or frame.path].append(row)
    return [_witnesses(frames, found, rows) for rows in groups.values()]


def _witnesses(
    frames: Sequence[Frame], found: Mapping[str, NDArray[Any]], rows: Sequence[int]
) -> Witnesses:
    several = len(rows) > 1
    boxes = [found["boxes"][row, 0].astype(np.float64) for row in rows]
    moved = fusion.motion([found["grey"][row] for row in rows], boxes) if several else None
    scores = tuple(float(found["boxes"][row, 0, 0]) for row in rows)
    listed = tuple(frames[row] for row in rows)
    return Witnesses(listed, tuple(rows), scores, tuple(moved) if moved else None,
                     place_of(listed[0]))  # fmt: skip


def line(groups: Iterable[Witnesses], held: Held, out: str | None) -> dict[str, float]:
    """Choose the thresholds on single frames of all places but `out`; None: of all, to ship."""
    odds: dict[str, list[float]] = defaultdict(list)
    leopards, hopes = [], []
    for one in groups:
        if one.place == out or one.truth == "blank" or one.frames[0].sequence:
            continue
        [shares] = held.judge(one, out or one.place)
        lives = float(np.log(1 / shares[0] - 1))
        if one.truth == "leopard":
            hopes.append(float(shares[LEOPARD]))
        if one.frames[0].trap:
            odds[one.place].append(lives)
            leopards += [lives - LEOPARD_MARGIN] if one.truth == "leopard" else []
    sure = [each for place, values in odds.items() if place != UNSURE for each in values]
    lines = [float(np.quantile(sure, LOST)), *leopards]
    for place, values in odds.items():
        if len(values) >= MANY:
            lines.append(
                float(np.quantile(values, LOST_LABELS_UNSURE if place == UNSURE else LOST))
            )
    return {"blank": float(1 / (1 + np.exp(min(lines)))), "target": HOPE * min(hopes)}
