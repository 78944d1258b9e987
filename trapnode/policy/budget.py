"""What a message may cost: credits and energy, a day and a month, and who may spend the last.

A target is never refused. Nor does the status report of a day want for credits: a unit that says
nothing for half a month looks like a dead one; but a sky that hides the satellites may not empty
the battery for it. Persons and the other labels told at once may spend all there is; the
rest leaves RESERVED of each budget to them. A preview that nobody asked for goes only while more
than half of the day's credits are left, and with it half of the month's.

Days are the wall clock's. One that nobody trusts may begin each boot at the same moment, and its
day would never be over: then a day is BOOTS_A_DAY boots, or 24 h of one boot, or lasts until a
trusted clock tells a later date. Few days have so many boots, and what there is to tell comes of
boots.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, inf

from trapnode.policy.report import PRIORITY_AT_ONCE, PRIORITY_STATUS, PRIORITY_TARGET

__all__ = ["BOOTS_A_DAY", "Budget", "Spent", "UnsureDay", "affordable", "credits_of", "plenty"]

RESERVED = 0.2
BOOTS_A_DAY = 100  # Three times the events of a day that hardware/power.md counts with.
DAY_S = 86_400.0
ERA = datetime(1970, 1, 1, tzinfo=UTC)  # No clock that is trusted says so.


@dataclass(frozen=True, slots=True)
class Budget:
    """The most credits of a day and a month (UTC), and seconds that the modem may be on."""

    day: int
    month: int
    day_s: float = inf
    month_s: float = inf


@dataclass(frozen=True, slots=True)
class Spent:
    """The credits that this day and this month have cost so far, and how long the modem was on."""

    day: int
    month: int
    day_s: float = 0.0
    month_s: float = 0.0


def credits_of(size: int, credit: int) -> int:
    """Give the credits that a message of `size` bytes costs; `credit` 0: airtime is what counts."""
    return -(-size // credit) if credit else 0


def affordable(priority: int, cost: int, spent: Spent, budget: Budget) -> bool:
    """Say whether a message of this priority may cost so many credits now."""
    if priority == PRIORITY_TARGET:
        return True
    share = 1.0 if priority <= PRIORITY_STATUS else 1.0 - RESERVED
    if spent.day_s >= budget.day_s * share or spent.month_s >= budget.month_s * share:
        return False
    if priority == PRIORITY_STATUS or not cost:
        return True
    share = 1.0 if priority <= PRIORITY_AT_ONCE else 1.0 - RESERVED
    return spent.day + cost <= budget.day * share and spent.month + cost <= budget.month * share


def plenty(cost: int, spent: Spent, budget: Budget) -> bool:
    """Say whether something that nobody asked for may cost so many credits."""
    return 2 * spent.day < budget.day and 2 * (spent.month + cost) <= budget.month


@dataclass(frozen=True, slots=True)
class UnsureDay:
    """A day of the budget while nobody trusts the clock, and where it began."""

    number: int = 0
    boot: int = 0
    since_s: int = 0  # Monotonic, of that boot.
    date: int = 0  # The last date that a trusted clock told, as an ordinal; 0: none ever did.

    def at(self, boot: int, now_s: float, date: int) -> "UnsureDay":
        """Give the day that it is in a boot, so long after its begin; `date` 0: nobody knows."""
        known = date or self.date
        uptime_s = now_s - (self.since_s if boot == self.boot else 0)
        if boot - self.boot >= BOOTS_A_DAY or uptime_s >= DAY_S or known > self.date > 0:
            return UnsureDay(self.number + 1, boot, ceil(now_s), known)
        return UnsureDay(self.number, self.boot, self.since_s, known)

    @property
    def moment(self) -> datetime:
        """Give a moment of the day, in an era that no trusted clock tells of; months go by, too."""
        return ERA + timedelta(days=self.number)
