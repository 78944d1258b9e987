"""From witnesses to a verdict: the arithmetic of the set, its thresholds, and who stays.

`judge` is the reference for the unit, as `fusion` is: keep both in step with models/README.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.training.fusion import Floats, Moved, log_odds


@dataclass(frozen=True, slots=True)
class Fusion:
    """The few numbers of the card: what each witness weighs, and where it says nothing."""

    detector_weight: float = 1.0
    detector_middle: float = 0.03  # the score that speaks neither for nor against life
    classifier_weight: float = 1.0
    motion_weight: float = 1.5
    motion_middle: float = 4.5
    motion_silent: float = 5.0  # log-odds that stillness takes at most: less than a clear sight
    motion_loud: float = 2.0  # log-odds that motion gives at most: wind moves, too
    crop_score: float = 0.05  # under it the best box means nothing
    spared: float = 0.1  # stillness says nothing of a frame that is a target with this probability


def shares_of(full: Floats, crop: Floats, score: float, fusion: Fusion) -> Floats:
    """Give the classifier's probabilities: the mean of both views, where the box deserves one."""
    return (full + crop) / 2 if score >= fusion.crop_score else full


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


def judge(
    scores: Sequence[float], fulls: Sequence[Floats], crops: Sequence[Floats],
    moved: Sequence[Moved] | None, targets: Sequence[int], fusion: Fusion,
) -> NDArray[np.float64]:  # fmt: skip
    """Give every frame of a sequence its label probabilities; a single frame has no motion."""
    motion = stirred(moved, scores, fusion) if moved else 0.0
    said = []
    for score, full, crop in zip(scores, fulls, crops, strict=True):
        shares = shares_of(full, crop, score, fusion)
        spared = max(float(shares[target]) for target in targets) >= fusion.spared
        added = max(motion, 0.0) if spared else motion
        said.append(shares_with(shares, alive(score, float(shares[0]), fusion) + added))
    return np.array(said)


def dropped(shares: NDArray[np.float64], target: int, limits: Mapping[str, float]) -> bool:
    """Say whether a sequence (or a frame alone) would be let go, as the verdict policy does."""
    blank, hope = shares[:, 0] >= limits["blank"], shares[:, target] >= limits["target"]
    return bool(blank.all() and not hope.any())
