"""What the witnesses say together: detector, classifier, motion, site to one probability of life.

Pure numpy and few numbers, all from the set's card; `models/README.md` is the specification.
Training uses this very code.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Fusion",
    "Moved",
    "alike",
    "alive",
    "known",
    "log_odds",
    "motion",
    "shares_with",
    "stirred",
]

SURE = 1e-3  # No witness is surer than this: one alone never outweighs all others.
BLOCK, QUIET, LOUD = 8, 1.0, 3.0  # pixels; grey levels that are noise; times the usual difference
NEAR, EDGE, NOISE = 14, 6, 200.0  # pixels; pixels; squared grey levels squared, a pixel's share
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
    scene_weight: float  # Of what the detector's features say of the whole picture.
    scene_most: float  # Log-odds that they give or take at most.
    site_weight: float
    site_middle: float  # How alike two looks at a place are that say nothing.
    site_silent: float  # Log-odds that a place known from blanks takes at most.


def log_odds(share: float) -> float:
    """Give log-odds, bounded so that no witness is ever certain."""
    bounded = min(max(share, SURE), 1 - SURE)
    return float(np.log(bounded / (1 - bounded)))


def alive(score: float, scene: float, blank: float, fusion: Fusion) -> float:
    """Give the log-odds that something lives in a frame, as both models see it.

    `score` is of the best box, `scene` the log-odds of the whole picture, `blank` the classifier's.
    """
    seen = log_odds(score) - log_odds(fusion.detector_middle)
    whole = float(np.clip(scene, -fusion.scene_most, fusion.scene_most))
    named = -log_odds(blank)
    return (
        fusion.detector_weight * seen
        + fusion.scene_weight * whole
        + fusion.classifier_weight * named
    )


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


def known(likeness: float, fusion: Fusion) -> float:
    """Give the log-odds of life that a likeness to this place's blanks takes: 0 or less."""
    taken = fusion.site_weight * (likeness - fusion.site_middle)
    return -float(np.clip(taken, 0, fusion.site_silent))


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


def alike(
    grey: NDArray[np.uint8], past: Sequence[NDArray[np.uint8]], box: Floats, least: float
) -> float:
    """Say how much the place under a frame's best box looks as in blanks of the same site.

    All are 160x120 greys; `box` is score, left, top, right, bottom. The likeness of two looks is
    their correlation under the box, made NEAR pixels wide and high at least, so that light and
    contrast do not count; what only noise tells apart is not alike. The second best of all looks:
    one alone may be a mistake. 0 where there are not two, and where the score is under `least`:
    what lives may be elsewhere then.
    """
    if len(past) < 2 or box[0] < least:
        return 0.0
    window = _window(box, *grey.shape)
    mine = grey[window].astype(np.float64)
    return sorted(_correlation(mine, each[window].astype(np.float64)) for each in past)[-2]


def _window(box: Floats, height: int, width: int) -> tuple[slice, slice]:
    """Give rows and columns of a box; the EDGE above and below may be the camera's own writing."""
    sides = []
    for low, high, size, edge in ((box[2], box[4], height, EDGE), (box[1], box[3], width, 0)):
        middle, half = (low + high) / 2 * size, max((high - low) * size, NEAR) / 2
        start = int(np.clip(middle - half, edge, size - edge - NEAR))
        sides.append(slice(start, int(np.clip(middle + half + 1, start + NEAR, size - edge))))
    return sides[0], sides[1]


def _correlation(one: Floats, other: Floats) -> float:
    one, other = one - one.mean(), other - other.mean()
    noise = NOISE * one.size**0.5 + 1
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum() + noise))


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
