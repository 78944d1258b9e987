"""Counts and their intervals: what became of frames, and what probabilities are worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    path: str = ""  # of the (first) frame


def interval(hits: int, of: int) -> tuple[float, float]:
    """Give the 95 % Wilson interval of a share."""
    share, square = hits / of, Z * Z / of
    middle = (share + square / 2) / (1 + square)
    half = Z / (1 + square) * (share * (1 - share) / of + square / of / 4) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def wilson(hits: int, of: int) -> str:
    """Write a share with its 95 % Wilson interval: `97.0% (65 of 67; 89.8% to 99.2%)`."""
    if of == 0:
        return "- (none)"
    low, high = interval(hits, of)
    return f"{hits / of:.1%} ({hits} of {of}; {low:.1%} to {high:.1%})"


def separation(outcomes: Sequence[Outcome]) -> float:
    """Give the area under the curve of P(blank) between blanks and the living."""
    blanks = np.array([each.blank for each in outcomes if each.truth == "blank"])
    living = np.array([each.blank for each in outcomes if each.truth != "blank"])
    if not len(blanks) or not len(living):
        return float("nan")
    return float(((blanks[:, None] > living) + 0.5 * (blanks[:, None] == living)).mean())


Sample = tuple[NDArray[np.float64], NDArray[np.bool_]]  # how probable, and if it was so


def bins(sample: Sample, parts: int = 10) -> list[tuple[float, int, int]]:
    """Give mean probability, hits and number for each part of the scale that has any."""
    said, was = sample
    part = np.minimum((said * parts).astype(int), parts - 1)
    found = [(said[part == each], was[part == each]) for each in range(parts)]
    return [(float(p.mean()), int(hits.sum()), len(p)) for p, hits in found if len(p)]


def calibration_error(sample: Sample) -> float:
    """Give the expected calibration error: the mean gap between said and seen, over ten bins."""
    total = len(sample[0])
    return sum(of / total * abs(said - hits / of) for said, hits, of in bins(sample))


def calibration(sample: Sample, draws: int = 500) -> str:
    """Write the expected calibration error with its 95 % bootstrap interval over frames."""
    random, count = np.random.default_rng(0), len(sample[0])
    drawn = [random.integers(0, count, count) for _ in range(draws)]
    errors = [calibration_error((sample[0][take], sample[1][take])) for take in drawn]
    low, high = np.quantile(errors, (0.025, 0.975))
    return f"{calibration_error(sample):.3f} ({low:.3f} to {high:.3f})"


def f1_by_label(
    truth: Sequence[str], said: Sequence[str], labels: Sequence[str]
) -> dict[str, float]:
    """Give each label's F1; labels that never occur are left out."""
    pairs = list(zip(truth, said, strict=True))
    scores = {}
    for label in labels:
        hits = sum(a == label == b for a, b in pairs)
        wrong = sum((a == label) != (b == label) for a, b in pairs)
        if any(a == label for a, _ in pairs):
            scores[label] = 2 * hits / (2 * hits + wrong)
    return scores
