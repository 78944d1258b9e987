"""What everything costs: the energy model, from mW and s to mWh and days.

hardware/power.md has the source of each number, and says which are assumed. Powers are at the 5 V
side of the converter; the installer's measured values replace the defaults (`[power]`).
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

__all__ = [
    "CONVERTER",
    "Day",
    "Powers",
    "Spent",
    "cold_factor",
    "day_mwh",
    "days_left",
    "event_mwh",
    "expected_day_mwh",
    "usable_mwh",
]

CONVERTER = 0.85  # Assumed: a buck-boost at 0.1 to 2 W.
WARM_C, COLD_C, COLD_SHARE = 20.0, -30.0, 0.6  # L91: rated to -40; 60 % at -30 is assumed.
COLDEST_SHARE = 0.4  # Assumed, and nothing better below.
EVENTS_A_DAY = 30.0  # Until days were counted.
SESSIONS_A_DAY = 3.0
# One event of ten frames at night, all assumed: s in a burst, judging, storing, and of our light
# (10 x 0.25 s: trapnode/eye.py); mWh of a LoRaWAN frame (2 s x 500 mW); s of a satellite session.
BURST_S, JUDGE_S, STORE_S, LIGHT_S, LORA_MWH, SESSION_S = 4.0, 4.0, 1.0, 2.5, 0.28, 40.0
START_S = 3.0  # From the kernel's end of boot to the first frame.
DAYS_FOR_MEAN = 7


@dataclass(frozen=True, slots=True)
class Powers:
    """What each state draws, mW; those of camera, judge and modem include the idle machine."""

    off: float = 0.5
    boot: float = 790.0
    idle: float = 600.0
    camera: float = 1100.0
    judge: float = 1500.0
    modem: float = 2500.0
    light: float = 5000.0  # By itself.


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds in each state; `awake` is the whole time after the boot, the last four lie in it."""

    off: float = 0.0
    boot: float = 0.0
    awake: float = 0.0
    camera: float = 0.0
    judge: float = 0.0
    modem: float = 0.0
    light: float = 0.0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def by_state(self, powers: Powers) -> dict[str, float]:
        """Give the mWh of each state; camera, judge and modem what they add to idling."""
        return {
            "off": self.off * powers.off / 3600,
            "boot": self.boot * powers.boot / 3600,
            "idle": self.awake * powers.idle / 3600,
            "camera": self.camera * max(0.0, powers.camera - powers.idle) / 3600,
            "judge": self.judge * max(0.0, powers.judge - powers.idle) / 3600,
            "modem": self.modem * max(0.0, powers.modem - powers.idle) / 3600,
            "light": self.light * powers.light / 3600,
        }

    def mwh(self, powers: Powers) -> float:
        """Give the energy of all states, mWh."""
        return sum(self.by_state(powers).values())


@dataclass(frozen=True, slots=True)
class Day:
    """One counted day: its energy, how often the unit woke, and how long it lingered each time."""

    date: str  # ISO 8601, UTC.
    mwh: float
    wakes: int
    linger_s: float


def cold_factor(celsius: float | None) -> float:
    """Give the share of its energy that a lithium AA cell yields at this temperature.

    1 at 20 degrees C, 0.6 at -30, a straight line between and on to 0.4; unknown counts as cold.
    """
    if celsius is None:
        return COLD_SHARE
    share = 1.0 - (WARM_C - celsius) / (WARM_C - COLD_C) * (1.0 - COLD_SHARE)
    return min(1.0, max(COLDEST_SHARE, share))


def usable_mwh(battery_wh: float, celsius: float | None) -> float:
    """Give what fresh cells yield behind the converter, mWh."""
    return battery_wh * 1000.0 * CONVERTER * cold_factor(celsius)


def event_mwh(powers: Powers, *, gated: bool, linger_s: float, boot_s: float) -> float:
    """Give the energy of one typical event, without satellite, above what idling costs anyway."""
    capture = BURST_S * powers.camera + JUDGE_S * powers.judge + STORE_S * powers.idle
    if not gated:
        capture -= (BURST_S + JUDGE_S + STORE_S) * powers.idle
    awake = boot_s * powers.boot + START_S * powers.camera + linger_s * powers.idle
    return (capture + LIGHT_S * powers.light + (awake if gated else 0.0)) / 3600 + LORA_MWH


def day_mwh(
    powers: Powers, *, gated: bool, linger_s: float, boot_s: float, events: float = EVENTS_A_DAY
) -> float:
    """Give the energy of one typical day, mWh."""
    base = 24.0 * (powers.off if gated else powers.idle)
    sessions = min(events, SESSIONS_A_DAY) * SESSION_S * powers.modem / 3600
    return (
        base + sessions + events * event_mwh(powers, gated=gated, linger_s=linger_s, boot_s=boot_s)
    )


def expected_day_mwh(
    days: Sequence[Day], powers: Powers, *, gated: bool, linger_s: float, boot_s: float
) -> float:
    """Give the energy of a coming day: as the last counted ones, or as a typical one.

    A `linger_s` that was changed since counts from now on.
    """
    recent = days[-DAYS_FOR_MEAN:]
    if not recent:
        return day_mwh(powers, gated=gated, linger_s=linger_s, boot_s=boot_s)
    per_s = powers.idle / 3600 if gated else 0.0
    told = [day.mwh + day.wakes * (linger_s - day.linger_s) * per_s for day in recent]
    return max(0.0, sum(told) / len(told))


def days_left(left_mwh: float, a_day_mwh: float) -> float | None:
    """Give how many days the rest lasts; None where a day costs nothing."""
    return max(0.0, left_mwh) / a_day_mwh if a_day_mwh > 0 else None
