"""From witnesses to a verdict, by the unit's own arithmetic: many frames, many heads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trapnode.devices.fusion import Fusion, Moved, alive, known, shares_with, stirred

Floats = NDArray[np.float64]
SHIPS = Fusion(
    detector_weight=1.0,
    detector_middle=0.03,
    classifier_weight=1.0,
    motion_weight=1.5,
    motion_middle=4.5,
    motion_silent=7.0,
    motion_loud=2.0,
    crop_score=0.05,
    spared=0.1,
    scene_weight=0.75,
    scene_most=4.0,
    site_weight=15.0,
    site_middle=0.8,
    site_silent=2.0,
)


def weighing(**changes: float) -> Fusion:
    """Give the numbers that ship, but for `changes`."""
    return replace(SHIPS, **changes)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the models said of one frame."""

    score: float  # of the best box
    scene: float  # log-odds of the whole picture
    full: Floats  # the classifier's shares of the frame
    crop: Floats  # and of the best box
    like: float = 0.0  # how alike its place is to the site's blanks


def shares_of(seen: Seen, fusion: Fusion) -> Floats:
    """Give the classifier's probabilities: the mean of both views, where the box deserves one."""
    return (seen.full + seen.crop) / 2 if seen.score >= fusion.crop_score else seen.full


def judge(
    frames: Sequence[Seen], moved: Sequence[Moved] | None, targets: Sequence[int], fusion: Fusion
) -> Floats:
    """Give every frame of a sequence its label probabilities; a single frame has no motion."""
    motion = stirred(moved, [each.score for each in frames], fusion) if moved else 0.0
    said = []
    for seen in frames:
        shares = shares_of(seen, fusion)
        spared = max(float(shares[target]) for target in targets) >= fusion.spared
        added = max(motion, 0.0) if spared else motion + known(seen.like, fusion)
        lives = alive(seen.score, seen.scene, float(shares[0]), fusion) + added
        said.append(shares_with(shares, lives))
    return np.array(said)


def dropped(shares: Floats, target: int, limits: Mapping[str, float]) -> bool:
    """Say whether a sequence (or a frame alone) would be let go, as the verdict policy does."""
    blank, hope = shares[:, 0] >= limits["blank"], shares[:, target] >= limits["target"]
    return bool(blank.all() and not hope.any())
