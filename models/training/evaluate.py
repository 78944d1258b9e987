"""Counts and their intervals: what became of each frame and sequence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z = 1.96  # 95 %


@dataclass(frozen=True, slots=True)
class Outcome:
    """One frame, or one sequence, with its truth and what the set made of it."""

    name: str
    truth: str
    place: str
    said: str
    blank: float  # the least P(blank) of its frames
    dropped: bool
    trap: bool
    moved: float | None = None


def wilson(hits: int, of: int) -> str:
    """Write a share with its 95 % Wilson interval: `97.0% (65 of 67; 89.8% to 99.2%)`."""
    if of == 0:
        return "- (none)"
    share, square = hits / of, Z * Z / of
    middle = (share + square / 2) / (1 + square)
    half = Z / (1 + square) * (share * (1 - share) / of + square / of / 4) ** 0.5
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return f"{share:.1%} ({hits} of {of}; {low:.1%} to {high:.1%})"


def separation(outcomes: Sequence[Outcome]) -> float:
    """Give the area under the curve of P(blank) between blanks and the living."""
    blanks = np.array([each.blank for each in outcomes if each.truth == "blank"])
    living = np.array([each.blank for each in outcomes if each.truth != "blank"])
    if not len(blanks) or not len(living):
        return float("nan")
    return float(((blanks[:, None] > living) + 0.5 * (blanks[:, None] == living)).mean())
