"""What the witnesses say together: detector, classifier and motion to one probability of life.

Pure numpy and few numbers, all from the set's card. `models/training/fusion.py` and `decide.py`
are the reference, `models/README.md` the specification.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fusion", "alive", "log_odds", "motion", "shares_with"]

SURE = 1e-3  # No witness is surer than this: one alone never outweighs all others.
BLOCK, QUIET, LOUD = 8, 1.0, 3.0  # pixels; grey levels that are noise; times the usual difference
MATCHED = (0.1, 0.25, 0.5, 0.75, 0.9)  # parts of a frame's greys that light alone may change
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fusion:
    """The few numbers of the card: what each witness weighs, and where it says nothing."""

    detector_weight: float
    detector_middle: float  # The score that speaks neither for nor against life.
    classifier_weight: float
    motion_weight: float
    motion_middle: float
    motion_most: float  # Of log-odds, either way: silence alone never proves a blank.
    crop_score: float  # Under it the best box is not worth a look of its own.


def log_odds(share: float) -> float:
    """Give log-odds, bounded so that no witness is ever certain."""
    bounded = min(max(share, SURE), 1 - SURE)
    return float(np.log(bounded / (1 - bounded)))


def alive(score: float, blank: float, moved: float | None, fusion: Fusion) -> float:
    """Give the log-odds that something lives in a frame; `moved` is the burst's largest motion."""
    seen = fusion.detector_weight * (log_odds(score) - log_odds(fusion.detector_middle))
    named = -fusion.classifier_weight * log_odds(blank)
    if moved is None:
        return seen + named
    stirred = fusion.motion_weight * (moved - fusion.motion_middle)
    return seen + named + float(np.clip(stirred, -fusion.motion_most, fusion.motion_most))


def shares_with(shares: Floats, odds: float) -> Floats:
    """Make P(blank), label 0, 1 / (1 + exp(odds)) and scale the others to the rest."""
    blank = 1 / (1 + np.exp(odds))
    others = shares[1:] / max(float(shares[1:].sum()), 1e-9)
    return np.concatenate([[blank], others * (1 - blank)])


def motion(greys: Sequence[NDArray[np.uint8]]) -> list[float]:
    """Say how much moved in each frame of a burst, as the log of 1 + its largest moving patch.

    Frames are 160x120 greys of the previews, two at least. Each is compared, after a small blur
    and a change of light, with the median of all (of two: with the other), block by block; a block
    counts from LOUD times what the whole frame usually differs. The patch is what hangs together.
    """
    frames = [_blur(grey.astype(np.float64)) for grey in greys]
    middle = np.median(frames, axis=0)
    still = [middle] * len(frames) if len(frames) > 2 else frames[::-1]
    return [_moved(frame, other) for frame, other in zip(frames, still, strict=True)]


def _blur(grey: Floats) -> Floats:
    padded = np.pad(grey, 1, mode="edge")
    height, width = grey.shape
    shifted = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.asarray(np.mean(shifted, axis=0))


def _moved(frame: Floats, still: Floats) -> float:
    mine, its = np.quantile(frame, MATCHED), np.quantile(still, MATCHED)
    apart_by, of_its = mine - mine.mean(), its - its.mean()
    gain = np.clip((apart_by * of_its).sum() / ((apart_by**2).sum() + 1e-6), 0.5, 2)
    change = np.abs((frame - mine.mean()) * gain + its.mean() - still)
    rows, columns = (side // BLOCK for side in change.shape)
    whole = change[: rows * BLOCK, : columns * BLOCK]
    blocks = whole.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
    usual = np.median(blocks)
    spread = 1.4826 * np.median(np.abs(blocks - usual)) + QUIET
    return float(np.log1p(_largest_patch((blocks - usual) / spread)))


def _largest_patch(loud: Floats) -> float:
    """Sum each patch of neighbouring loud blocks; give the largest sum."""
    waiting = {(int(y), int(x)) for y, x in zip(*np.nonzero(loud > LOUD), strict=True)}
    largest = 0.0
    while waiting:
        edge, total = [waiting.pop()], 0.0
        while edge:
            y, x = edge.pop()
            total += float(loud[y, x])
            near = waiting & {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)}
            waiting -= near
            edge += near
        largest = max(largest, total)
    return largest
