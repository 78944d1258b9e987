"""What is told, how soon, and how valuable it is: leopards and persons first.

Priorities: a smaller number goes first and is dropped last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

from trapnode.model import Observation, ObservationType, Report

__all__ = [
    "PRIORITY_AT_ONCE",
    "PRIORITY_PREVIEW",
    "PRIORITY_STATUS",
    "PRIORITY_TARGET",
    "QUIET",
    "Watch",
    "is_due",
    "own_hour",
    "priority",
    "reportable",
    "status_due",
    "status_may_ride",
    "too_many",
]

PRIORITY_TARGET = 0
PRIORITY_AT_ONCE = 1
PRIORITY_STATUS = 2
PRIORITY_OTHER = 3
PRIORITY_PREVIEW = 4

QUIET = (ObservationType.BLANK, ObservationType.UNKNOWN, ObservationType.UNCLASSIFIED)
"""Counted in the status report, never told one by one."""

EARLY = timedelta(hours=6)
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Watch:
    """What the unit watches for and how soon it tells, from its configuration."""

    targets: tuple[str, ...]
    at_once: tuple[str, ...]
    most_an_hour: int


def reportable(observation: Observation) -> bool:
    """Say whether an observation is told: the first sequence of each event, unless quiet.

    The later sequences of an event cost credits and say nothing new; the status report counts
    them.
    """
    return observation.type not in QUIET and observation.event == observation.id


def priority(observation: Observation, watch: Watch) -> int:
    """Give the priority of an observation's report."""
    if observation.label in watch.targets:
        return PRIORITY_TARGET
    if observation.label in watch.at_once:
        return PRIORITY_AT_ONCE
    return PRIORITY_OTHER


def is_due(waiting: Sequence[Report], now: datetime, full: int, batch_s: float) -> bool:
    """Say whether waiting reports shall go out now.

    They go when one of them is urgent, when a message is `full` of them, when the oldest has
    waited `batch_s`, or when its time of making lies in the future (the clock was set back).
    """
    if not waiting:
        return False
    if waiting[0].priority < PRIORITY_OTHER or len(waiting) >= full:
        return True
    oldest = min(report.made_at for report in waiting)
    return not timedelta(0) <= now - oldest < timedelta(seconds=batch_s)


def own_hour(hour: int, unit: str) -> float:
    """Give the unit's own moment within the hour of the status report, h since midnight.

    By its name: 500 units that woke in the same second would not hear one another out.
    """
    return hour + crc32(unit.encode()) % HOUR_S / HOUR_S


def status_due(now: datetime, last: datetime | None, hour: float) -> bool:
    """Say whether the daily status report is due: once after `hour` (UTC) of each day.

    A unit that never sent one owes it at once. A last report from the future means the clock
    was set back: it counts as never sent. One made up to EARLY before the hour, to ride along
    with something else, is that day's.
    """
    if last is None or last > now:
        return True
    due = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=hour)
    if due > now:
        due -= timedelta(days=1)
    return last < due - EARLY


def status_may_ride(now: datetime, last: datetime | None, hour: float) -> bool:
    """Say whether the next status report may go early, with a session that happens anyway."""
    return status_due(now + EARLY, last, hour)


def too_many(priority: int, told_in_the_hour: int, most_an_hour: int) -> bool:
    """Say whether an observation is only counted, for its label was told so often; no target is."""
    return priority > PRIORITY_TARGET and told_in_the_hour >= most_an_hour
