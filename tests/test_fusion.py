"""What the witnesses say together, against common sense."""

import numpy as np
import pytest

from tests.sets import CARD
from trapnode.devices.fusion import (
    Fusion,
    alike,
    alive,
    known,
    log_odds,
    motion,
    shares_with,
    stirred,
)

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
    assert abs(log_odds(share)) < 7


def test_every_witness_speaks_for_life_by_its_own_measure():
    middle = alive(0.03, 0.0, 0.5, WEIGHTS)
    assert middle == pytest.approx(0.0)
    assert alive(0.5, 0.0, 0.5, WEIGHTS) > middle
    assert alive(0.03, 1.0, 0.5, WEIGHTS) > middle
    assert alive(0.03, 0.0, 0.1, WEIGHTS) > middle


def test_the_whole_picture_gives_and_takes_no_more_than_the_card_says():
    most = WEIGHTS.scene_weight * WEIGHTS.scene_most
    assert alive(0.03, 99.0, 0.5, WEIGHTS) == pytest.approx(most)
    assert alive(0.03, -99.0, 0.5, WEIGHTS) == pytest.approx(-most)


STUMP = np.array([0.3, 0.2, 0.3, 0.5, 0.7])


def test_a_stump_is_known_from_blanks_in_any_light():
    blanks = frames(3, seed=5)
    again = (frames(1, seed=9)[0] * 0.7 + 30).astype(np.uint8)
    like = alike(again, blanks, STUMP, 0.05)
    assert like > 0.95
    assert -WEIGHTS.site_silent <= known(like, WEIGHTS) < 0


def test_an_animal_before_a_known_place_is_not_known():
    [here] = frames(1, seed=9, animal_at=0)
    like = alike(here, frames(3, seed=5), ANIMAL, 0.05)
    assert like < WEIGHTS.site_middle
    assert known(like, WEIGHTS) == 0.0


@pytest.mark.parametrize("count", [0, 1])
def test_one_look_at_a_place_may_be_a_mistake(count):
    assert alike(frames(1)[0], frames(count, seed=1), STUMP, 0.05) == 0.0


def test_where_the_detector_saw_nothing_the_site_says_nothing():
    faint = np.array([0.01, *STUMP[1:]])
    assert alike(frames(1)[0], frames(3, seed=1), faint, 0.05) == 0.0


def test_darkness_is_not_alike():
    night = [np.random.default_rng(n).integers(2, 6, (120, 160)).astype(np.uint8) for n in range(4)]
    assert alike(night[0], night[1:], STUMP, 0.05) < 0.5


@pytest.mark.parametrize("box", [(0, 0, 0.001, 0.001), (0.999, 0.999, 1, 1), (0, 0, 1, 1)])
def test_a_box_of_any_size_has_a_likeness(box):
    blanks = frames(3, seed=5)
    assert -1 <= alike(blanks[0], blanks[1:], np.array([0.5, *box]), 0.05) <= 1


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
