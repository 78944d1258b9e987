"""What the witnesses say together, against the reference and against common sense."""

from dataclasses import asdict

import numpy as np
import pytest

from models.training import decide
from models.training import fusion as reference
from tests.sets import CARD
from trapnode.devices.fusion import Fusion, alive, log_odds, motion, shares_with, stirred

WEIGHTS = Fusion(**CARD["fusion"])
MIDDLE = WEIGHTS.motion_middle
ANIMAL = np.array([0.8, 0.375, 0.41, 0.625, 0.67])  # Score, left, top, right, bottom.
ELSEWHERE = np.array([0.8, 0.0, 0.0, 0.1, 0.1])


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
@pytest.mark.parametrize("box", [ANIMAL, ELSEWHERE, np.zeros(5)], ids=["there", "else", "none"])
def test_motion_is_that_of_the_reference(count, box):
    burst = frames(count, animal_at=1)
    moved = motion(burst, [box] * count)
    assert moved == reference.motion(burst, [box] * count)
    scores = [float(box[0])] * count
    weights = decide.Fusion(**asdict(WEIGHTS))
    assert stirred(moved, scores, WEIGHTS) == decide.stirred(moved, scores, weights)


def test_what_moves_counts_at_the_box_where_there_is_one():
    burst = frames(5, animal_at=2)
    there, elsewhere = motion(burst, [ANIMAL] * 5), motion(burst, [ELSEWHERE] * 5)
    assert there[2] == max(there)
    assert there[2][0] == there[2][1] == elsewhere[2][1] > MIDDLE
    assert elsewhere[2][0] == 0.0
    assert stirred(there, [0.8] * 5, WEIGHTS) > 0 > stirred(elsewhere, [0.8] * 5, WEIGHTS)
    assert stirred(elsewhere, [0.0] * 5, WEIGHTS) == 0.0


def test_light_alone_is_no_motion():
    brighter = [(frame * 0.8 + 20).astype(np.uint8) for frame in frames(1)]
    moved = motion(frames(2) + brighter, [ANIMAL] * 3)
    assert max(anywhere for _, anywhere in moved) < MIDDLE


@pytest.mark.parametrize("share", [0.0, 1e-6, 0.3, 0.999999, 1.0])
def test_no_witness_is_ever_certain(share):
    assert log_odds(share) == reference.log_odds(share)
    assert abs(log_odds(share)) < 7


def test_both_models_speak_for_life_by_their_own_measure():
    middle = alive(0.03, 0.5, WEIGHTS)
    assert middle == pytest.approx(0.0)
    assert alive(0.5, 0.5, WEIGHTS) > middle
    assert alive(0.03, 0.1, WEIGHTS) > middle
    assert alive(0.3, 0.2, WEIGHTS) == decide.alive(0.3, 0.2, decide.Fusion(**asdict(WEIGHTS)))


def test_motion_gives_and_stillness_takes_no_more_than_the_card_says():
    assert stirred([(99.0, 99.0)], [0.8], WEIGHTS) == WEIGHTS.motion_loud
    assert stirred([(0.0, 0.0)], [0.8], WEIGHTS) == -WEIGHTS.motion_silent


@pytest.mark.parametrize("odds", [-20.0, -3.0, 0.0, 3.0, 20.0])
def test_probabilities_sum_to_one_and_the_living_keep_their_proportions(odds):
    found = shares_with(np.array((0.2, 0.5, 0.3)), odds)
    assert found[0] == pytest.approx(1 / (1 + np.exp(odds)))
    assert found.sum() == pytest.approx(1)
    assert found[1] / found[2] == pytest.approx(5 / 3)


def test_a_classifier_sure_of_a_blank_leaves_numbers_all_the_same():
    assert np.isfinite(shares_with(np.array((1.0, 0.0, 0.0)), 3.0)).all()
