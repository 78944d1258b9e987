"""What the witnesses say together: detector, classifier and motion to one probability of life.

Pure numpy and few numbers, all from the set's card. `models/training/fusion.py` and `decide.py`
are the reference, `models/README.md` the specification.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fusion", "Moved", "alive", "log_odds", "motion", "shares_with", "stirred"]

SURE = 1e-3  # No witness is surer than this: one alone never outweighs all others.
BLOCK, QUIET, LOUD = 8, 1.0, 3.0  # pixels; grey levels that are noise; times the usual difference
MATCHED = (0.1, 0.25, 0.5, 0.75, 0.9)  # parts of a frame's greys that light alone may change
Floats = NDArray[np.float64]
Moved = tuple[float, float]  # At the frame's best box, anywhere.


@dataclass(frozen=True, slots=True)
class Fusion:
    """The few numbers of the card: what each witness weighs, and where it says nothing."""

    detector_weight: float
    detector_middle: float  # The score that speaks neither for nor against life.
    classifier_weight: float
    motion_weight: float
    motion_middle: float
    motion_silent: float  # Log-odds that stillness takes at most: less than a clear sight.
    motion_loud: float  # Log-odds that motion gives at most: wind moves, too.
    crop_score: float  # Under it the best box means nothing.
    spared: float  # Stillness says nothing of a frame that is a target with this probability.


def log_odds(share: float) -> float:
    """Give log-odds, bounded so that no witness is ever certain."""
    bounded = min(max(share, SURE), 1 - SURE)
    return float(np.log(bounded / (1 - bounded)))


def alive(score: float, blank: float, fusion: Fusion) -> float:
    """Give the log-odds that something lives in a frame, as both models see it."""
    seen = log_odds(score) - log_odds(fusion.detector_middle)
    return fusion.detector_weight * seen - fusion.classifier_weight * log_odds(blank)


def stirred(moved: Sequence[Moved], scores: Sequence[float], fusion: Fusion) -> float:
    """Give the log-odds that motion adds to every frame of a burst; stillness takes.

    Where the detector saw something, only what moves there counts. Where it saw nothing, motion
    anywhere forbids to speak of stillness, and no more.
    """
    most = max(
        at_box if score >= fusion.crop_score else min(anywhere, fusion.motion_middle)
        for (at_box, anywhere), score in zip(moved, scores, strict=True)
    )
    added = fusion.motion_weight * (most - fusion.motion_middle)
    return float(np.clip(added, -fusion.motion_silent, fusion.motion_loud))


def shares_with(shares: Floats, odds: float) -> Floats:
    """Make P(blank), label 0, 1 / (1 + exp(odds)) and scale the others to the rest."""
    blank = 1 / (1 + np.exp(odds))
    others = shares[1:] / max(float(shares[1:].sum()), 1e-9)
    return np.concatenate([[blank], others * (1 - blank)])


def motion(greys: Sequence[NDArray[np.uint8]], boxes: Sequence[Floats]) -> list[Moved]:
    """Say how much moved in each frame of a burst: at its best box, and anywhere.

    Frames are 160x120 greys of the previews, two at least; `boxes` are their best ones, score
    first. Each frame is compared, after a small blur and a change of light, with the median of all
    (of two: with the other), block by block; a block counts from LOUD times what the whole frame
    usually differs. Blocks that hang together are a patch; what moved is log(1 + its sum), of the
    largest patch that touches the box, and of the largest patch.
    """
    frames = [_blur(grey.astype(np.float64)) for grey in greys]
    middle = np.median(frames, axis=0)
    still = [middle] * len(frames) if len(frames) > 2 else frames[::-1]
    return [_moved(*each) for each in zip(frames, still, boxes, strict=True)]


def _blur(grey: Floats) -> Floats:
    padded = np.pad(grey, 1, mode="edge")
    height, width = grey.shape
    shifted = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.asarray(np.mean(shifted, axis=0))


def _moved(frame: Floats, still: Floats, box: Floats) -> Moved:
    mine, its = np.quantile(frame, MATCHED), np.quantile(still, MATCHED)
    apart_by, of_its = mine - mine.mean(), its - its.mean()
    gain = np.clip((apart_by * of_its).sum() / ((apart_by**2).sum() + 1e-6), 0.5, 2)
    change = np.abs((frame - mine.mean()) * gain + its.mean() - still)
    rows, columns = (side // BLOCK for side in change.shape)
    whole = change[: rows * BLOCK, : columns * BLOCK]
    blocks = whole.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
    usual = np.median(blocks)
    spread = 1.4826 * np.median(np.abs(blocks - usual)) + QUIET
    return _largest((blocks - usual) / spread, box[1:] * np.array([columns, rows] * 2))


def _largest(loud: Floats, box: Floats) -> Moved:
    """Sum each patch of neighbouring loud blocks; `box` is in blocks, half a block is near."""
    left, top, right, bottom = box + np.array([-0.5, -0.5, 0.5, 0.5])
    waiting = {(int(y), int(x)) for y, x in zip(*np.nonzero(loud > LOUD), strict=True)}
    touching = anywhere = 0.0
    while waiting:
        edge, total, touches = [waiting.pop()], 0.0, False
        while edge:
            y, x = edge.pop()
            total += float(loud[y, x])
            touches |= bool(x + 1 > left and x < right and y + 1 > top and y < bottom)
            near = waiting & {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)}
            waiting -= near
            edge += near
        anywhere = max(anywhere, total)
        touching = max(touching, total) if touches else touching
    return float(np.log1p(touching)), float(np.log1p(anywhere))
