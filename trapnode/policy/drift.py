"""How fast the unit's clock runs away, by its corrections, and how wrong it may be now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

__all__ = ["Correction", "Drift", "drift_of", "time_wanted"]

UNKNOWN_PPM = 20.0  # A plain crystal at any temperature; a DS3231 has 2 to 3.5 (data sheet).
MOST_PPM = 500.0  # More is no drift: the clock was lost in between.
SHORTEST = timedelta(days=1)  # Network time is right within some seconds: 20 ppm are 1.7 s a day.
LAST = 5
ASK_AGAIN = timedelta(days=7)  # By then 20 ppm are 12 s; asking a 9602 costs nothing.
FAULT_S = 60.0  # Two cameras of a station pair their pictures within two minutes.


@dataclass(frozen=True, slots=True)
class Correction:
    """What the clock said, and what it was."""

    before: datetime
    after: datetime


@dataclass(frozen=True, slots=True)
class Drift:
    """How the clock runs."""

    ppm: float | None  # Of real time: positive where it loses. None: not known yet.
    error_s: float | None  # How wrong it may be by now; None: nobody ever set it.

    def fault(self) -> str:
        """Say what a technician must hear, or nothing."""
        if self.error_s is None or self.error_s < FAULT_S:
            return ""
        return f"clock: may be wrong by {self.error_s:.0f} s, nobody has set it for long"

    def as_snapshot(self) -> dict[str, object]:
        """Give it as part of the status snapshot."""
        return {
            "clock_drift_ppm": None if self.ppm is None else round(self.ppm, 1),
            "clock_error_s": None if self.error_s is None else round(self.error_s, 1),
        }


def time_wanted(trusted: bool, corrections: Sequence[Correction], now: datetime) -> bool:
    """Say whether to ask the network for the time: nobody trusts the clock, or none set it lately.

    An RTC is trusted and drifts all the same: only who asks again and again knows how fast.
    """
    return not (trusted and corrections) or abs(now - corrections[-1].after) >= ASK_AGAIN


def drift_of(corrections: Sequence[Correction], now: datetime) -> Drift:
    """Estimate the drift: the median of the last spans between two corrections, oldest first.

    A span shorter than a day says nothing, nor one in which the clock stood still or jumped.
    """
    if not corrections:
        return Drift(None, None)
    found = []
    for last, each in pairwise(corrections):
        span = each.after - last.after
        if span >= SHORTEST:
            lost = (each.after - each.before) / span * 1e6
            if abs(lost) <= MOST_PPM:
                found.append(lost)
    latest = sorted(found[-LAST:])
    ppm = latest[len(latest) // 2] if latest else None  # `statistics` would load 5 MiB.
    since_s = max(0.0, (now - corrections[-1].after).total_seconds())
    return Drift(ppm, since_s * abs(UNKNOWN_PPM if ppm is None else ppm) / 1e6)
