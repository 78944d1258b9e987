"""The camera with its own light, before a place with day, night, dawn and a hand on the lens."""

from datetime import UTC, datetime

import pytest

from trapnode.errors import DeviceError
from trapnode.eye import Eye
from trapnode.light import Daylight, Exposure
from trapnode.policy.light import NightPlan, Seed
from trapnode.sim.clock import SteppedClock
from trapnode.sim.flash import SimFlash
from trapnode.sim.lens import SimHeld, SimLens

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
DARK, SUN, SHADE = 0.2, 20_000.0, 400.0
EVERYTHING = ("exposure", "lux", "time")
FRAME_LONGEST_LIT_S = 0.3


class Place:
    """A clock, a light, a camera and the eye on it."""

    def __init__(self, lux, *, flash=True, seed=None, at_once=False, tells=None):
        self.clock = SteppedClock(NOON)
        self.clock.step(100.0)
        self.flash = SimFlash(self.clock.monotonic)
        self.lit_at_start = None
        self._world = {"lux": lux} | ({} if tells is None else {"tells": set(tells)})
        light = self.flash if flash else None
        self.eye = Eye(
            self._open, light, NightPlan(), self.clock.monotonic, seed=seed, at_once=at_once
        )

    def _open(self, first, starting):
        starting()
        self.lit_at_start = self.flash.on_s is not None
        lens = SimLens(
            self.clock.monotonic, self.clock.step, lambda: self.flash.on_s is not None, first
        )
        for name, value in self._world.items():
            setattr(lens, name, value)
        self.lens = lens
        return lens

    def idle(self, looks=4):
        for _ in range(looks):
            self.clock.step(5.0)
            self.eye.look()

    def shots(self, number):
        """Take a burst; give level and greyness of each frame."""
        del self.lens.shots[:]
        for _ in range(number):
            self.eye.shoot()
            assert self.lens.held == 0
            assert self.flash.on_s is None
            self.clock.step(0.2)
        return self.lens.shots


def good(level):
    return 0.05 < level < 0.97


@pytest.mark.parametrize("lux", [DARK, 30.0, SHADE, SUN])
@pytest.mark.parametrize("tells", [EVERYTHING, ("exposure", "time"), ("exposure",), ()])
@pytest.mark.parametrize("at_once", [True, False])
def test_the_first_frame_is_neither_black_nor_white_whatever_the_camera_tells(lux, tells, at_once):
    place = Place(lux, at_once=at_once, tells=tells)
    assert place.lit_at_start is at_once
    if at_once:  # A real camera holds its frames back until it has settled.
        for _ in range(6):
            place.lens.hold().release()
    first = place.shots(1)[-1]
    if lux != SUN:  # The twin has no exposure short enough.
        assert good(first[0])


def test_by_day_no_light_is_lit_and_frames_have_colour():
    place = Place(SHADE)
    place.idle()
    assert place.shots(3) == [(pytest.approx(0.25, rel=0.1), False)] * 3
    assert place.flash.lit_s == 0.0


def test_by_night_each_frame_is_lit_short_and_grey():
    place = Place(DARK)
    place.idle()
    began_s = place.clock.monotonic()
    shots = place.shots(4)
    assert all(grey and good(level) for level, grey in shots)
    assert place.lens.told[-1].us == 10_000
    assert place.flash.lit_s / 4 < FRAME_LONGEST_LIT_S
    assert place.clock.monotonic() - began_s < 4 * 0.7


def test_a_close_animal_lowers_the_gain():
    place = Place(DARK)
    place.idle()
    place.lens.ours = 700.0
    levels = [level for level, _ in place.shots(5)]
    assert good(levels[-1])
    assert place.lens.told[-1].gain < 8.0


def test_night_falls_and_day_breaks_while_nothing_happens():
    place = Place(SHADE)
    place.idle()
    place.lens.lux = DARK
    place.idle()
    assert all(grey and good(level) for level, grey in place.shots(2))
    place.lens.lux = SHADE
    place.idle()
    assert all(not grey and good(level) for level, grey in place.shots(2))


def test_the_first_frame_after_dusk_is_good_even_if_nobody_looked():
    place = Place(SHADE)
    place.idle()
    place.lens.lux = DARK
    assert good(place.shots(1)[-1][0])


def test_the_first_frame_after_dawn_is_good_even_if_nobody_looked():
    place = Place(DARK)
    place.idle()
    place.lens.lux = SHADE
    place.clock.step(3600)
    assert good(place.shots(1)[-1][0])


@pytest.mark.parametrize("before", [DARK, SHADE])
def test_a_hand_on_the_lens_is_tried_twice_and_then_only_once(before):
    place = Place(before)
    place.idle()
    place.lens.lux = place.lens.ours = 0.0
    assert len(place.shots(1)) == 2
    assert len(place.shots(3)) == 3
    place.lens.lux, place.lens.ours = before, 400.0
    place.idle()
    assert all(good(level) for level, _ in place.shots(2))


@pytest.mark.parametrize("develops_s", [0.05, 0.5, 2.0])
def test_what_is_too_far_for_a_short_exposure_is_exposed_longer_however_long_jpegs_take(
    develops_s, monkeypatch
):
    place, develop = Place(DARK), SimHeld.develop

    def slow(held, *, grey=False):
        place.clock.step(develops_s)
        return develop(held, grey=grey)

    monkeypatch.setattr(SimHeld, "develop", slow)
    place.idle()
    place.lens.ours = 20.0
    first, again = place.shots(1)
    assert not good(first[0])
    assert good(again[0])


def test_a_seed_of_the_night_is_lit_and_exposed_from_the_first_frame_on():
    seed = Seed(NOON, Daylight.NIGHT, Exposure(10_000, 6.0))
    place = Place(DARK, seed=seed, at_once=True)
    assert place.lit_at_start
    assert place.lens.told == [Exposure(10_000, 6.0)]
    began_s = place.clock.monotonic()
    place.eye.shoot()
    assert place.clock.monotonic() - began_s == pytest.approx(0.07)
    assert place.lens.shots == [(pytest.approx(0.4, rel=0.1), True)]


def test_a_seed_of_the_day_is_not_lit_and_gives_way_to_the_camera():
    seed = Seed(NOON, Daylight.DAY, Exposure(30_000, 1.0, (1.5, 2.0)))
    place = Place(SHADE, seed=seed, at_once=True)
    assert not place.lit_at_start
    assert good(place.shots(1)[-1][0])
    assert place.lens.told == [seed.exposure, None]
    assert place.flash.lit_s == 0.0


@pytest.mark.parametrize(
    ("seed", "lux"),
    [
        (Seed(NOON, Daylight.DAY, Exposure(100, 1.0)), DARK),
        (Seed(NOON, Daylight.NIGHT, Exposure(10_000, 8.0)), SUN / 4),
    ],
)
@pytest.mark.parametrize("tells", [EVERYTHING, ("time",)])
def test_a_seed_that_lies_costs_time_and_no_frame(seed, lux, tells):
    place = Place(lux, seed=seed, at_once=True, tells=tells)
    shots = place.shots(1)
    assert good(shots[-1][0])


def test_what_was_learnt_is_the_next_seed():
    place = Place(DARK)
    assert place.eye.seed(NOON) is None
    place.idle()
    place.shots(2)
    seed = place.eye.seed(NOON)
    assert (seed.at, seed.light, seed.exposure.us) == (NOON, Daylight.NIGHT, 10_000)


def test_without_a_light_there_is_no_night():
    place = Place(DARK, flash=False)
    place.idle()
    assert all(not grey for _, grey in place.shots(3))
    assert set(place.lens.told) <= {None}


def test_the_light_goes_out_when_the_camera_hangs_or_does_not_start():
    place = Place(DARK)
    place.idle()
    place.lens.hangs = True
    with pytest.raises(DeviceError, match="no frame"):
        place.eye.shoot()
    assert place.flash.on_s is None
    with pytest.raises(DeviceError, match="no frame"):
        place.eye.look()
    lights = []

    class Light(SimFlash):
        def off(self):
            lights.append("off")

    with pytest.raises(DeviceError, match="does not start"):
        Eye(place_that_fails, Light(lambda: 0.0), NightPlan(), lambda: 0.0, at_once=True)
    assert lights == ["off"]


def place_that_fails(_first, starting):
    starting()
    raise DeviceError("camera does not start")


def test_closing_puts_the_light_out():
    place = Place(DARK, at_once=True)
    assert place.flash.on_s is not None
    place.eye.close()
    assert place.flash.on_s is None


def test_what_is_told_just_after_our_light_went_out_is_not_believed():
    place = Place(DARK)
    place.idle()
    place.lens.ours = 700.0  # A close animal: brighter than the day of this wood.
    for _ in range(4):
        place.eye.shoot()  # As fast as it can.
        assert place.lens.told[-1] is not None
    assert all(grey for _, grey in place.lens.shots)


def test_a_light_that_fails_leaves_the_night_to_the_camera():
    place = Place(3.0)
    place.idle()
    assert place.lens.told[-1].us == 10_000
    place.flash.fault = "the light does not work: GPIO18"
    place.lens.ours = 0.0
    place.idle(1)
    place.shots(2)
    assert place.lens.told[-1] is None
    assert good(place.shots(1)[-1][0]) or place.lens.shots[-1][0] > 0.02
