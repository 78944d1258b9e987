"""What the witnesses say together, against the reference and against common sense."""

import numpy as np
import pytest

from models.training import fusion as reference
from trapnode.devices.fusion import Fusion, alive, log_odds, motion, shares_with

WEIGHTS = Fusion(
    detector_weight=1.0,
    detector_middle=0.03,
    classifier_weight=1.0,
    motion_weight=1.0,
    motion_middle=3.0,
    motion_most=2.0,
    crop_score=0.05,
)


def forest(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    coarse = random.integers(30, 200, (15, 20)).astype(float)
    return np.kron(coarse, np.ones((8, 8)))


def frames(count: int, seed: int = 0, animal_at: int | None = None) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        frame = forest() + random.normal(0, 2, (120, 160))
        if number == animal_at:
            frame[50:80, 60:100] = 230
        made.append(frame.clip(0, 255).astype(np.uint8))
    return made


@pytest.mark.parametrize("count", [2, 3, 6])
def test_motion_is_that_of_the_reference(count):
    burst = frames(count, animal_at=1)
    assert motion(burst) == reference.motion(burst)


def test_a_still_burst_moves_little_and_an_animal_much():
    assert max(motion(frames(5))) < WEIGHTS.motion_middle
    moved = motion(frames(5, animal_at=2))
    assert moved[2] == max(moved) > WEIGHTS.motion_middle


def test_light_alone_is_no_motion():
    brighter = [(frame * 0.8 + 20).astype(np.uint8) for frame in frames(1)]
    assert max(motion(frames(2) + brighter)) < WEIGHTS.motion_middle


@pytest.mark.parametrize("share", [0.0, 1e-6, 0.3, 0.999999, 1.0])
def test_no_witness_is_ever_certain(share):
    assert log_odds(share) == reference.log_odds(share)
    assert abs(log_odds(share)) < 7


def test_each_witness_speaks_for_life_by_its_own_measure():
    middle = alive(0.03, 0.5, 3.0, WEIGHTS)
    assert middle == pytest.approx(0.0)
    assert alive(0.5, 0.5, 3.0, WEIGHTS) > middle
    assert alive(0.03, 0.1, 3.0, WEIGHTS) > middle
    assert alive(0.03, 0.5, 4.0, WEIGHTS) > middle
    assert alive(0.03, 0.5, None, WEIGHTS) == pytest.approx(middle)


def test_silence_alone_never_proves_a_blank():
    assert alive(0.03, 0.5, -50.0, WEIGHTS) == pytest.approx(-WEIGHTS.motion_most)
    assert alive(0.03, 0.5, 50.0, WEIGHTS) == pytest.approx(WEIGHTS.motion_most)


@pytest.mark.parametrize("odds", [-20.0, -3.0, 0.0, 3.0, 20.0])
def test_probabilities_sum_to_one_and_the_living_keep_their_proportions(odds):
    found = shares_with(np.array((0.2, 0.5, 0.3)), odds)
    assert found[0] == pytest.approx(1 / (1 + np.exp(odds)))
    assert found.sum() == pytest.approx(1)
    assert found[1] / found[2] == pytest.approx(5 / 3)


def test_a_classifier_sure_of_a_blank_leaves_numbers_all_the_same():
    assert np.isfinite(shares_with(np.array((1.0, 0.0, 0.0)), 3.0)).all()
