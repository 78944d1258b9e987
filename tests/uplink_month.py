"""A month of triggers through the functions that the sorter and the uplinker call.

Events, rate limit, batching and budget are the unit's own, with the configuration's defaults, under
a sky that takes each message at once. No store, no clock, no sleep: what it costs, for figures.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from trapnode.config import Config
from trapnode.message import (
    MAX_MESSAGE,
    MAX_RECORDS,
    SEALING_COST,
    Suppressed,
    pack_observation,
    pack_observations,
    pack_suppressed,
)
from trapnode.message.health import STATUS
from trapnode.model import (
    ClockTrust,
    MessageKind,
    Observation,
    Report,
    Sequence,
    SequenceState,
    Trigger,
)
from trapnode.policy.budget import Budget, Spent, affordable, credits_of
from trapnode.policy.events import event_of
from trapnode.policy.priority import Terms, next_to_send
from trapnode.policy.report import (
    PRIORITY_STATUS,
    PRIORITY_TARGET,
    Watch,
    priority,
    reportable,
    status_due,
    status_may_ride,
    too_many,
)

__all__ = ["ALL_EVENTS", "CREDIT", "DAYS", "NO_BLANKS", "UNBOUND", "Month", "month"]

START = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 30
LOOK = timedelta(minutes=30)  # How often the simulated uplinker looks when nothing happens.
CREDIT = 50  # Bytes; one message of an Iridium 9602 holds up to 340.
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND_TRIGGER = timedelta(minutes=1)
ALL_EVENTS = {  # Percent of events. 75 % false, 1-2 % leopards: see docs/uplink.md.
    "blank": 75.0,
    "deer": 8.0,
    "boar": 6.0,
    "small_carnivore": 3.0,
    "person": 2.0,
    "leopard": 1.5,
    "other_mammal": 1.0,
    "vehicle": 1.0,
    "bear": 1.0,
    "bird": 1.0,
    "tiger": 0.5,
}
NO_BLANKS = {label: 4 * share for label, share in ALL_EVENTS.items() if label != "blank"}

CONFIG = Config()
UNBOUND = replace(CONFIG, uplink=replace(CONFIG.uplink, credits_day=10_000, credits_month=100_000))


@dataclass
class Month:
    """A unit's month, and what it cost."""

    config: Config
    waiting: list[Report] = field(default_factory=list)
    told: int = 0
    suppressed: Counter[str] = field(default_factory=Counter)
    suppressed_since: datetime | None = None
    counted_only: int = 0
    messages: int = 0
    sent_bytes: int = 0
    credits: Counter[int] = field(default_factory=Counter)  # By day.
    slowest_target: timedelta = timedelta(0)
    _last: dict[str, tuple[int, Sequence]] = field(default_factory=dict)
    _in_hour: list[tuple[datetime, str]] = field(default_factory=list)
    _status_at: datetime | None = None
    _reports: int = 0

    def see(self, identity: int, at: datetime, label: str) -> None:
        """Conclude a trigger as the sorter does."""
        trigger = Trigger(at, (at - START).total_seconds())
        sequence = Sequence(identity, 1, trigger, ClockTrust.RTC, SequenceState.SORTED)
        interval_s = self.config.sorter.independence_interval_s
        event = event_of(sequence, self._last.get(label), interval_s)
        self._last[label] = (event, sequence)
        targets, uplink = self.config.sorter.targets, self.config.uplink
        seen = Observation(
            identity, at, label, 0.95, 3, event, True, target=label in targets, count=1
        )
        if not reportable(seen):
            return
        watch = Watch(targets, uplink.at_once, uplink.most_an_hour)
        self._in_hour = [each for each in self._in_hour if each[0] > at - HOUR]
        so_far = sum(1 for _, other in self._in_hour if other == label)
        if too_many(priority(seen, watch), so_far, watch.most_an_hour):
            self.suppressed[label] += 1
            self.suppressed_since = self.suppressed_since or at
            self.counted_only += 1
            return
        self._in_hour.append((at, label))
        body, value = pack_observation(seen), priority(seen, watch)
        self._put(MessageKind.OBSERVATIONS, body, value, at, identity)

    def send(self, now: datetime) -> None:
        """Send all that is due, as the uplinker does."""
        if status_due(now, self._status_at, self.config.keeper.status_hour):
            self._put_status(now)
        if self.suppressed_since and now - self.suppressed_since >= DAY:
            told = Suppressed(self.suppressed_since, dict(self.suppressed))
            self._put(MessageKind.SUPPRESSED, pack_suppressed(told), PRIORITY_STATUS, now)
            self.suppressed.clear()
            self.suppressed_since = None
        batch_s = self.config.uplink.batch_s
        terms = Terms(MAX_MESSAGE, SEALING_COST, MAX_RECORDS, batch_s, self._may(now))
        while isinstance(chosen := next_to_send([], self.waiting, now, terms), tuple):
            self._sent(chosen, now)

    def _sent(self, chosen: tuple[Report, ...], now: datetime) -> None:
        bodies = [each.body for each in chosen]
        if chosen[0].kind is MessageKind.OBSERVATIONS:
            bodies = [pack_observations(bodies)]
            self.told += len(chosen)
        waits = [now - each.made_at for each in chosen if each.priority == PRIORITY_TARGET]
        self.slowest_target = max([self.slowest_target, *waits])
        size = SEALING_COST + sum(map(len, bodies))
        self.messages += 1
        self.sent_bytes += size
        self.credits[(now - START).days] += credits_of(size, CREDIT)
        self.waiting = [each for each in self.waiting if each not in chosen]
        if status_may_ride(now, self._status_at, self.config.keeper.status_hour):
            self._put_status(now)

    def _may(self, now: datetime) -> Callable[[int, int], bool]:
        limits = self.config.uplink
        budget, day = Budget(limits.credits_day, limits.credits_month), (now - START).days

        def may(priority: int, size: int) -> bool:
            spent = Spent(self.credits[day], self.credits.total())
            return affordable(priority, credits_of(size, CREDIT), spent, budget)

        return may

    def _put_status(self, now: datetime) -> None:
        self._status_at = now
        self.waiting = [each for each in self.waiting if each.kind is not MessageKind.STATUS]
        self._put(MessageKind.STATUS, bytes(STATUS.size), PRIORITY_STATUS, now)

    def _put(
        self,
        kind: MessageKind,
        body: bytes,
        priority: int,
        now: datetime,
        observation: int | None = None,
    ) -> None:
        self._reports += 1
        self.waiting.append(Report(self._reports, kind, body, priority, now, observation))
        self.waiting.sort(key=lambda each: (each.priority, each.id))


def month(events_a_day: int, shares: dict[str, float], config: Config = CONFIG) -> Month:
    """Let a month of events come at random times, each of two triggers a minute apart."""
    rng, spent = random.Random(1), Month(config)
    triggers: list[tuple[datetime, str]] = []
    for _ in range(events_a_day * DAYS):
        at = START + timedelta(seconds=rng.randrange(DAYS * 86400))
        label = rng.choices(list(shares), list(shares.values()))[0]
        triggers += [(at, label), (at + SECOND_TRIGGER, label)]
    looks = [(START + number * LOOK, "") for number in range(DAYS * (DAY // LOOK))]
    for number, (at, label) in enumerate(sorted([*triggers, *looks]), 1):
        if at >= START + DAYS * DAY:
            break
        if label:
            spent.see(number, at, label)
        spent.send(at)
    return spent
