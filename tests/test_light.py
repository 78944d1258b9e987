"""Is it night, how bright is a night frame, and what may a cold start believe."""

from datetime import UTC, datetime, timedelta

import pytest

from trapnode.light import Daylight, Exposure, Reading
from trapnode.policy.light import (
    Dusk,
    Seed,
    after,
    as_wanted,
    is_fresh,
    is_grey,
    lux_of,
    next_gain,
    shows_nothing,
)
from trapnode.store.seed import read_seed, write_seed

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY, NIGHT, UNKNOWN = Daylight.DAY, Daylight.NIGHT, Daylight.UNKNOWN


def lights(*lux, before=UNKNOWN):
    """Give what is believed after each look."""
    dusk, seen = Dusk(before), []
    for each in lux:
        dusk = after(dusk, each)
        seen.append(dusk.light)
    return seen


def test_dusk_and_dawn_turn_once_each():
    evening = [400, 130, 110, 60, 41, 39, 60, 30, 10]
    assert lights(*evening) == [DAY] * 5 + [NIGHT] * 4
    morning = [1, 39, 41, 100, 119, 121, 130, 90, 60]
    assert lights(*morning, before=NIGHT) == [NIGHT] * 6 + [DAY] * 3


def test_one_bright_look_at_night_is_the_other_cameras_light():
    assert lights(5, 900, 5, 900, 5, before=NIGHT) == [NIGHT] * 5


def test_a_look_that_tells_nothing_changes_nothing():
    for light in Daylight:
        assert lights(None, None, before=light) == [light] * 2


def test_a_camera_without_lux_betrays_it_by_the_exposure_that_it_chose():
    chosen = Reading(exposure=Exposure(66_666, 16.0))
    assert after(Dusk(), lux_of(chosen, own=True)).light is NIGHT
    assert after(Dusk(), lux_of(Reading(exposure=Exposure(5000, 1.2)), own=True)).light is DAY
    assert lux_of(chosen, own=False) is None  # We chose it: it tells of us.
    assert lux_of(Reading(), own=True) is None
    assert lux_of(Reading(exposure=Exposure(0, 1.0)), own=True) is None
    assert lux_of(Reading(lux=3.0, exposure=Exposure(10, 1.0)), own=True) == 3.0


@pytest.mark.parametrize(
    ("gain", "high", "expected"),
    [(4, 170, 4), (4, 200, 3.4), (4, 255, 2), (1.5, 255, 1), (4, 10, 8), (6, 100, 8), (4, 0, 8)],
)
def test_a_close_animal_lowers_the_gain_and_a_far_one_raises_it_within_limits(gain, high, expected):
    assert next_gain(gain, high, 8.0) == pytest.approx(expected)


def test_black_and_white_frames_show_nothing_and_an_animal_in_the_dark_does():
    assert shows_nothing(0, 5)
    assert shows_nothing(252, 255)
    assert not shows_nothing(0, 60)
    assert not shows_nothing(0, 255)


def test_infra_red_has_no_colour_and_daylight_keeps_its_own():
    assert is_grey(NIGHT, None)
    assert is_grey(UNKNOWN, 30.0)
    assert not is_grey(UNKNOWN, None)
    assert not is_grey(UNKNOWN, 900.0)
    assert not is_grey(DAY, 10.0)


def test_a_seed_holds_for_minutes_by_a_clock_that_somebody_trusts():
    seed = Seed(NOON, DAY, Exposure(5000, 1.0))
    for passed_s, fresh in ((0, True), (299, True), (301, False), (-1, False), (1e9, False)):
        now = NOON + timedelta(seconds=passed_s)
        assert is_fresh(seed, now, trusted=True) is fresh
        assert not is_fresh(seed, now, trusted=False)


def test_a_frame_is_as_wanted_within_a_fifth():
    wanted = Exposure(10_000, 8.0)
    assert as_wanted(Reading(exposure=Exposure(9985, 4.0)), wanted)
    assert not as_wanted(Reading(exposure=Exposure(66_000, 8.0)), wanted)
    assert as_wanted(Reading(), wanted)
    assert not as_wanted(Reading(settled=False), None)


@pytest.mark.parametrize("gains", [None, (1.5, 2.25)])
def test_a_seed_comes_back_as_it_was(tmp_path, gains):
    seed = Seed(NOON, NIGHT, Exposure(10_000, 6.5, gains))
    write_seed(tmp_path, seed)
    assert read_seed(tmp_path) == seed
    assert [path.name for path in tmp_path.iterdir()] == ["light.json"]


def test_a_torn_seed_is_none_wherever_the_power_cut_fell(tmp_path):
    write_seed(tmp_path, Seed(NOON, NIGHT, Exposure(10_000, 6.5)))
    path = tmp_path / "light.json"
    whole = path.read_bytes()
    for cut in range(0, len(whole), 3):
        path.write_bytes(whole[:cut])
        assert read_seed(tmp_path) is None
        path.write_bytes(whole[:cut] + bytes(len(whole) - cut))  # As ext4 leaves it.
        assert read_seed(tmp_path) is None


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"us": 10000', b'"us": 0'),
        (b'"us": 10000', b'"us": 99000000'),
        (b'"gain": 6.5', b'"gain": NaN'),
        (b'"gain": 6.5', b'"gain": 1e9'),
        (b'"night"', b'"noon"'),
        (b"+00:00", b""),
        (b"null", b"[1.0]"),
    ],
)
def test_a_seed_that_makes_no_sense_is_none(tmp_path, was, becomes):
    write_seed(tmp_path, Seed(NOON, NIGHT, Exposure(10_000, 6.5)))
    path = tmp_path / "light.json"
    assert was in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(was, becomes))
    assert read_seed(tmp_path) is None


def test_a_card_that_takes_no_seed_costs_nothing(tmp_path):
    write_seed(tmp_path / "gone", Seed(NOON, DAY, Exposure(5000, 1.0)))
    assert read_seed(tmp_path / "gone") is None
