"""Is it night, how is a night frame exposed, and may a cold start trust what was good before.

All numbers of light are assumed until a unit was out at dusk (hardware/bring-up.md).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from trapnode.light import Daylight, Exposure, Reading

__all__ = [
    "Dusk",
    "NightPlan",
    "Seed",
    "after",
    "as_wanted",
    "is_fresh",
    "is_grey",
    "lux_of",
    "next_gain",
    "shows_nothing",
]

NIGHT_LUX = 40.0  # Below it the camera itself would expose for 30 ms at a gain of 12, and blur.
DAY_LUX = 120.0  # A step of three between: dusk does not flicker.
BRIGHT_LOOKS = 2  # One bright look at night may be the light of the camera across the trail.
LUX_US = 15e6
"""Lux times exposure (us) times gain where the camera's own control has found its target.

From libcamera's imx708_wide_noir.json: 980 lux at 9989 us, gain 1.23, Y 8345 of 65536; target 0.16.
"""
BLACK, WHITE = 12.0, 250.0  # Levels, of 255.
TARGET, CLIPPED = 170.0, 250.0
LARGEST_STEP = 2.0
SEED_LONGEST = timedelta(minutes=5)  # At dusk the light halves in about so long.
NEAR = 0.2


@dataclass(frozen=True, slots=True)
class NightPlan:
    """What a frame under our own light may have: short, against blur, and not all noise."""

    exposure_us: int = 10_000
    gain_most: float = 8.0


@dataclass(frozen=True, slots=True)
class Dusk:
    """What is known of the light: the verdict, and how many looks in a row were bright."""

    light: Daylight = Daylight.UNKNOWN
    bright: int = 0


@dataclass(frozen=True, slots=True)
class Seed:
    """What the last frames were taken with: a cold start need not find it out again."""

    at: datetime
    light: Daylight
    exposure: Exposure


def lux_of(reading: Reading, *, own: bool) -> float | None:
    """Give the light of a frame without ours, lux; None where nothing tells.

    A camera without `Lux` betrays it by its exposure, if it chose that itself (`own`).
    """
    if reading.lux is not None:
        return reading.lux
    found = reading.exposure
    if not own or found is None or found.us <= 0 or found.gain <= 0:
        return None
    return LUX_US / (found.us * found.gain)


def after(dusk: Dusk, lux: float | None) -> Dusk:
    """Say what is known after one more look; a look that tells nothing changes nothing.

    Night at once: our light harms no frame. Day from night only after two bright looks.
    """
    if lux is None:
        return dusk
    if lux < NIGHT_LUX:
        return Dusk(Daylight.NIGHT)
    bright = min(dusk.bright + 1, BRIGHT_LOOKS) if lux >= DAY_LUX else 0
    if dusk.light is Daylight.NIGHT and bright < BRIGHT_LOOKS:
        return Dusk(Daylight.NIGHT, bright)
    return Dusk(Daylight.DAY, bright)


def is_grey(light: Daylight, lux: float | None) -> bool:
    """Say whether a frame under our light has no colour to show: infra-red is none."""
    if light is Daylight.UNKNOWN:
        return lux is not None and lux < DAY_LUX
    return light is Daylight.NIGHT


def next_gain(gain: float, high: float, most: float) -> float:
    """Give the gain of the next night frame, from 1 to `most`.

    `high` is the level (0 to 255) that only a fiftieth of the last frame was above: the animal, not
    the dark behind it. What is clipped is halved.
    """
    step = 1 / LARGEST_STEP if high >= CLIPPED else TARGET / max(high, 1.0)
    return min(most, max(1.0, gain * min(LARGEST_STEP, max(1 / LARGEST_STEP, step))))


def shows_nothing(low: float, high: float) -> bool:
    """Say whether a frame is black or white all over, by its 2nd and 98th percentile."""
    return high < BLACK or low > WHITE


def is_fresh(seed: Seed, now: datetime, *, trusted: bool) -> bool:
    """Say whether the light may still be what it was; a clock that nobody trusts cannot tell."""
    return trusted and timedelta(0) <= now - seed.at <= SEED_LONGEST


def as_wanted(reading: Reading, wanted: Exposure | None) -> bool:
    """Say whether a frame was exposed as asked for; a camera that does not tell was."""
    if wanted is None:
        return reading.settled
    found = reading.exposure
    return found is None or abs(found.us - wanted.us) <= NEAR * wanted.us
