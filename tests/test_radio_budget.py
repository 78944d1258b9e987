"""What the radio may cost: credits a day and a month, most told in an hour, what rides along."""

from datetime import datetime, timedelta

import pytest

from tests.fakes import (
    DEER,
    KEY,
    LEOPARD,
    NOON,
    KnowingClassifier,
    ScriptedModem,
    boot,
    heard,
    sort_all,
    sorter_of,
    take,
    uplinker_of,
)
from tests.test_uplinker import labels, send_all, tell
from trapnode.errors import LinkUnavailable, TooLong
from trapnode.message.sealing import open_uplink
from trapnode.model import MessageKind, MessageState, Sent
from trapnode.policy.budget import Budget, Spent, affordable, credits_of, plenty
from trapnode.store.radio import MOST_DAYS, Session
from trapnode.store.riders import preview_credits

TIGHT = Budget(10, 20)
DAY = 86_400.0


@pytest.mark.parametrize(
    ("size", "credit", "cost"), [(1, 50, 1), (50, 50, 1), (51, 50, 2), (340, 50, 7), (340, 0, 0)]
)
def test_what_a_message_costs(size, credit, cost):
    assert credits_of(size, credit) == cost


def may(priority, day, month=0, cost=1):
    return affordable(priority, cost, Spent(day, month), TIGHT)


def test_the_last_fifth_is_for_persons_and_what_is_over_for_targets():
    assert [may(3, day) for day in (7, 8)] == [True, False]
    assert [may(1, day) for day in (9, 10)] == [True, False]
    assert may(0, 1000)
    assert [may(3, 0, month) for month in (15, 16)] == [True, False]
    assert [may(1, 0, month) for month in (19, 20)] == [True, False]
    assert may(0, 0, 1000)
    assert may(2, 1000, 1000), "a unit that says nothing looks like a dead one"
    assert may(4, 1000, 1000, cost=0), "airtime is the modem's matter"


def test_a_sky_that_hides_the_satellites_does_not_empty_the_battery():
    short = Budget(10, 20, day_s=100.0, month_s=1000.0)

    def may_after(day_s, month_s, priority):
        return affordable(priority, 0, Spent(0, 0, day_s, month_s), short)

    assert [may_after(day_s, 0, 3) for day_s in (79, 80)] == [True, False]
    assert [may_after(day_s, 0, 2) for day_s in (99, 100)] == [True, False]
    assert [may_after(0, month_s, 1) for month_s in (999, 1000)] == [True, False]
    assert may_after(10_000, 10_000, 0), "a leopard is worth any battery"


def test_a_preview_that_nobody_asked_for_needs_plenty():
    assert plenty(8, Spent(4, 2), TIGHT)
    assert not plenty(8, Spent(5, 2), TIGHT)
    assert not plenty(8, Spent(4, 3), TIGHT)


@pytest.fixture
def tight(store, run):
    return uplinker_of(store, run, boot(store), budget=TIGHT)


def test_the_days_budget_holds_back_all_but_targets_until_the_next_day(store, tight, clock):
    modem = ScriptedModem()
    tell(store, *["deer"] * 30)
    send_all(tight, modem, clock)
    assert len(modem.accepted) == 8
    for number in range(50, 54):
        tell(store, "person", first=number)
        send_all(tight, modem, clock)
    assert len(modem.accepted) == 10
    tell(store, *["leopard"] * 12, first=100)
    send_all(tight, modem, clock)
    assert len(modem.accepted) == 14
    clock.step(DAY)
    send_all(tight, modem, clock)
    assert not store.outbox.waiting()


def test_the_months_budget_ends_with_the_month(store, tight, clock):
    with store.database.transaction():
        store.radio.count(Session(50, 20, 40.0), NOON - timedelta(days=3))
    tell(store, "person")
    assert not tight.send_next(ScriptedModem(), clock)
    clock.set_wall(NOON.replace(month=12, day=1))
    assert tight.send_next(ScriptedModem(), clock)


def test_every_day_of_the_radio_is_counted(store, run, clock):
    tell(store, "leopard", "status")
    uplinker = uplinker_of(store, run, boot(store))
    send_all(uplinker, ScriptedModem([LinkUnavailable("no sky")]), clock)
    clock.step(DAY)
    send_all(uplinker, ScriptedModem(), clock)
    rows = store.database.rows("SELECT * FROM radio_day ORDER BY day")
    days = [row[:6] for row in rows]
    assert days == [("2026-11-22", 1, 1, 0, 0, 0), ("2026-11-23", 2, 0, 2, 69, 2)]
    spent = store.radio.spent(clock.now())
    assert (spent.day, spent.month) == (2, 2)


def test_seconds_of_the_modem_are_counted_for_day_and_month(store, clock):
    for day, seconds in (("2026-11-01", 30.0), ("2026-11-22", 12.5), ("2026-10-31", 99.0)):
        with store.database.transaction():
            session = Session(22, 1, seconds)
            store.radio.count(session, datetime.fromisoformat(f"{day}T01:00:00+00:00"))
    assert store.radio.spent(NOON) == Spent(1, 2, 12.5, 42.5)


def test_the_days_are_bounded(store):
    for day in range(MOST_DAYS + 5):
        with store.database.transaction():
            store.radio.count(Session(1, 1, 1.0), NOON + timedelta(days=day))
    assert store.database.row("SELECT count(*) FROM radio_day") == (MOST_DAYS,)


# Most told in an hour


def observed(store, run, clock, *scenes, most_an_hour=2):
    take(store, run, clock, bursts=len(scenes))
    sorter = sorter_of(store, run, lambda: KnowingClassifier(scenes), most_an_hour=most_an_hour)
    with store.database.transaction():  # Each an event of its own.
        store.database.run("UPDATE sequence SET monotonic_s = monotonic_s + 9e4 * id")
        store.database.run("UPDATE boot SET id = id")
    sort_all(sorter, clock)


def test_a_label_that_comes_too_often_is_counted_and_told_as_a_count(store, run, clock):
    observed(store, run, clock, *[DEER] * 5, *[LEOPARD] * 4)
    reports = store.outbox.waiting()
    told = [each.observation for each in reports]
    assert len([each for each in told if each is not None]) == len(told)
    assert [each.priority for each in reports] == [0] * 4 + [3] * 2
    counted = store.radio.suppressed()
    assert counted is not None
    assert counted.counts == {"deer": 3}
    modem = ScriptedModem()
    uplinker = uplinker_of(store, run, boot(store))
    send_all(uplinker, modem, clock)
    assert not any(heard(each).suppressed for each in modem.accepted)
    clock.step(DAY)
    send_all(uplinker, modem, clock)
    (said,) = [found for each in modem.accepted if (found := heard(each).suppressed)]
    assert said.counts == {"deer": 3}
    assert store.radio.suppressed() is None


# What rides along


def test_the_daily_report_goes_with_a_session_that_happens_anyway(store, run, clock):
    clock.set_wall(NOON.replace(hour=21))  # The report is due at 2.
    tell(store, "leopard")
    send_all(uplinker_of(store, run, boot(store)), ScriptedModem(), clock)
    assert store.outbox.status_wanted()
    tell(store, "status")
    assert not store.outbox.status_wanted(), "it is asked for once"


def test_no_session_happens_for_a_report_that_is_not_due(store, run, clock):
    tell(store, "status", at=clock.now())
    tell(store, "leopard", first=2)
    send_all(uplinker_of(store, run, boot(store)), ScriptedModem(), clock)
    assert not store.outbox.status_wanted()


# What the link cannot carry


class ShortModem(ScriptedModem):
    """A link whose room goes up and down, as a data rate does."""

    credit = 0

    def __init__(self, *rooms):
        super().__init__()
        self._rooms = list(rooms)

    @property
    def max_payload(self):
        return self._rooms[0]

    def send(self, payload):
        if len(self._rooms) > 1:
            self._rooms.pop(0)
        if len(payload) > self.max_payload:
            raise TooLong(f"{len(payload)} bytes", self.max_payload)
        super().send(payload)
        return Sent(False)


def test_observations_are_told_in_shorter_messages_where_the_rate_falls(store, run, clock):
    tell(store, *["leopard"] * 3)
    modem = ShortModem(51, 33)
    send_all(uplinker_of(store, run, boot(store)), modem, clock)
    assert labels(modem.accepted) == [["leopard", "leopard"], ["leopard"]]
    states = [message.state for message in store.outbox.messages()]
    assert states == [MessageState.VOID, MessageState.ON_AIR, MessageState.ON_AIR]
    counters = [open_uplink(each, KEY, 0).counter for each in modem.accepted]
    assert counters == [2, 3]


class CrowdedModem(ShortModem):
    """A link that says 51 and takes 33, until a message went: the MAC's own answers are gone."""

    def send(self, payload):
        self.given.append(payload)
        if not self.accepted and len(payload) > 33:
            raise TooLong("no room beside the MAC's", 33)
        self.accepted.append(payload)
        return Sent(False)


def test_a_link_that_has_less_room_than_it_says_is_believed_once_it_said_so(store, run, clock):
    tell(store, *["leopard"] * 6)
    modem = CrowdedModem(51)
    send_all(uplinker_of(store, run, boot(store)), modem, clock)
    assert [len(each) for each in modem.given] == [44, 33, 44, 22]


def test_a_frozen_message_that_is_too_long_by_now_costs_no_session(store, run, clock):
    tell(store, *["leopard"] * 3)
    uplinker = uplinker_of(store, run, boot(store))
    send_all(uplinker, ScriptedModem([LinkUnavailable("no sky")]), clock)
    clock.step(3600)
    modem = ShortModem(22)
    send_all(uplinker, modem, clock)
    assert [len(each) for each in modem.given] == [22, 22, 22]


def test_a_link_that_carries_no_observation_is_not_tried(store, run, clock):
    tell(store, "leopard", "status")
    modem = ShortModem(11)
    send_all(uplinker_of(store, run, boot(store)), modem, clock)
    assert modem.given == []


# Previews


def fragments(payloads):
    return [found for each in payloads if (found := heard(each).fragment)]


def keep(store, *sizes):
    for sequence, size in enumerate(sizes, 1):
        with store.database.transaction():
            store.previews.keep(sequence, bytes(n % 251 for n in range(size)))


def joined(found):
    """Put fragments together, as the receiver does."""
    data = bytearray(found[0].total)
    for each in found:
        data[each.offset : each.offset + len(each.data)] = each.data
    return bytes(data)


def wish(store, *span):
    with store.database.transaction():
        return store.previews.wish(*span)


def test_a_preview_goes_in_fragments_as_long_as_the_link_takes_them(store, run, clock):
    keep(store, 1000)
    assert wish(store, 1)
    modem = ScriptedModem()
    send_all(uplinker_of(store, run, boot(store)), modem, clock)
    assert [len(each) for each in modem.accepted] == [340, 340, 340, 52]
    assert joined(fragments(modem.accepted)) == bytes(n % 251 for n in range(1000))


def test_any_span_may_be_asked_for_and_what_is_not_there_is_refused(store, run, clock):
    keep(store, 1000)
    assert wish(store, 1, 900, 500)
    assert wish(store, 1 << 24 | 1, 100, 10), "by the low 24 bits"
    assert not wish(store, 1, 1000, 5)
    assert not wish(store, 2)
    modem = ScriptedModem()
    send_all(uplinker_of(store, run, boot(store)), modem, clock)
    found = fragments(modem.accepted)
    assert [(each.offset, len(each.data)) for each in found] == [(900, 100), (100, 10)]


def test_a_fragment_is_cut_anew_where_the_rate_falls(store, run, clock):
    keep(store, 300)
    wish(store, 1)
    modem = ShortModem(222, 51)
    send_all(uplinker_of(store, run, boot(store)), modem, clock)
    found = fragments(modem.accepted)
    assert max(len(each) for each in modem.accepted) == 51
    assert joined(found) == bytes(n % 251 for n in range(300))


def test_a_preview_yields_to_everything_and_keeps_to_the_budget(store, tight, clock):
    keep(store, 1000)
    wish(store, 1)
    tell(store, "deer", "leopard")
    modem = ScriptedModem()
    send_all(tight, modem, clock)
    kinds = [heard(each).kind for each in modem.accepted]
    assert kinds == [MessageKind.OBSERVATIONS, MessageKind.FRAGMENT]
    clock.step(DAY)
    send_all(tight, modem, clock)
    assert len(fragments(modem.accepted)) == 2


def test_with_plenty_left_the_newest_preview_goes_unasked_with_the_report(store, run, clock):
    keep(store, 300, 400)
    uplinker = uplinker_of(store, run, boot(store))
    tell(store, "leopard")
    modem = ScriptedModem()
    send_all(uplinker, modem, clock)
    assert fragments(modem.accepted) == []
    tell(store, "status", first=9)
    send_all(uplinker, modem, clock)
    assert {each.sequence for each in fragments(modem.accepted)} == {2}
    clock.step(DAY)
    tell(store, "status", first=10)
    send_all(uplinker, modem, clock)
    assert len(fragments(modem.accepted)) == 2, "once"


@pytest.mark.parametrize("size", [1, 322, 323, 644, 1200, 1614])
def test_a_preview_is_thought_to_cost_what_it_costs(store, run, clock, size):
    keep(store, size)
    assert store.previews.newest() == (1, size)
    wish(store, 1)
    modem = ScriptedModem()
    send_all(uplinker_of(store, run, boot(store)), modem, clock)
    sent = sum(credits_of(len(each), 50) for each in modem.accepted)
    assert preview_credits(size, 50) == sent == store.radio.spent(clock.now()).day


def test_of_previews_the_newest_stay(store):
    keep(store, *[10] * 60)
    assert store.database.row("SELECT count(*), min(sequence) FROM radio_preview") == (50, 11)
    keep(store, 5000, 0)
    assert store.database.row("SELECT min(length(data)) FROM radio_preview") == (10,)


# Downlinks that wait


class Ringing(ScriptedModem):
    """A modem that was told of a downlink."""

    announced = True

    def fetch(self):
        self.given.append(b"")
        said = next(self._script)
        if isinstance(said, Exception):
            raise said
        self.announced = False
        return Sent(True)


def test_a_downlink_that_waits_is_fetched_once_where_nothing_else_is_sent(store, run, clock):
    modem = Ringing()
    uplinker = uplinker_of(store, run, boot(store))
    send_all(uplinker, modem, clock)
    send_all(uplinker, modem, clock)
    assert modem.given == [b""]
    assert store.radio.spent(clock.now()).day == 1


def test_a_ring_under_a_bad_sky_costs_a_session_an_hour(store, run, clock):
    modem = Ringing([LinkUnavailable("no sky")] * 9)
    uplinker = uplinker_of(store, run, boot(store))
    for _ in range(60):
        send_all(uplinker, modem, clock)
        clock.step(60)
    assert len(modem.given) == 1
