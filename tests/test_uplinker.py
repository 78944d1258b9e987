"""Outbox to modem: the same bytes until the gateway has them, the most valuable first."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tests.fakes import (
    KEY,
    NOON,
    RICH,
    After,
    ScriptedModem,
    an_observation,
    boot,
    counter_of,
    downlink,
    heard,
    uplinker_of,
)
from trapnode.cli.uplink import sealer
from trapnode.errors import DeviceError, LinkBarred, LinkUnavailable, MessageRefused
from trapnode.message import pack_observation
from trapnode.message.downlink import Ack
from trapnode.model import ClockTrust, MessageKind, MessageState
from trapnode.sim.clock import SteppedClock
from trapnode.store.doorbell import UPLINKER, ring
from trapnode.store.riders import Plan
from trapnode.store.stage import Restraint, write_restraint
from trapnode.uplinker import Uplinker
from trapnode.words import Stage


def tell(store, *labels, at=NOON, first=1):
    for identity, label in enumerate(labels, first):
        priority = {"leopard": 0, "person": 1, "status": 2}.get(label, 3)
        kind, body = MessageKind.STATUS, bytes(36)
        if label != "status":
            kind = MessageKind.OBSERVATIONS
            body = pack_observation(an_observation(identity, label))
        with store.database.transaction():
            store.outbox.tell(kind, body, priority, at)


def send_all(uplinker, modem, clock):
    while uplinker.send_next(modem, clock):
        pass


def labels(payloads):
    return [[each.label for each in heard(payload).observations] for payload in payloads]


@pytest.fixture
def uplinker(store, run):
    return uplinker_of(store, run, boot(store))


def states(store):
    return [message.state for message in store.outbox.messages()]


def test_leopards_go_first_and_others_ride_along(store, uplinker, clock):
    tell(store, "deer", "status", "boar", "leopard", "bear")
    modem = ScriptedModem()
    send_all(uplinker, modem, clock)
    assert labels(modem.accepted) == [["leopard", "deer", "boar"], [], ["bear"]]
    assert states(store) == [MessageState.ACCEPTED] * 3
    assert store.outbox.waiting() == []


@pytest.mark.parametrize(
    ("restraint", "sent"),
    [
        (Restraint(Stage.NO_PREVIEWS), 3),
        (Restraint(Stage.TARGETS), 2),
        (Restraint(Stage.FULL, coldest_c=-35.0), 2),
        (Restraint(Stage.STATUS), 1),
        (Restraint(Stage.OFF), 0),
    ],
)
def test_a_low_battery_and_the_cold_send_less_and_lose_nothing(
    store, run, uplinker, clock, restraint, sent
):
    tell(store, "person", "status")
    tell(store, "leopard", first=9)
    write_restraint(run, restraint)
    modem = ScriptedModem()
    send_all(uplinker, modem, clock)
    assert len(modem.accepted) <= sent
    assert bool(modem.accepted) is bool(sent)
    write_restraint(run, Restraint())
    send_all(uplinker, modem, clock)
    assert store.outbox.waiting() == []
    assert {label for told in labels(modem.accepted) for label in told} == {"person", "leopard"}


def test_an_empty_outbox_sends_nothing(uplinker, clock):
    modem = ScriptedModem()
    assert not uplinker.send_next(modem, clock)
    assert modem.given == []


def test_one_bad_sky_costs_one_session_and_not_one_for_each_message(store, uplinker, clock):
    tell(store, "status", *["deer"] * 9)
    modem = ScriptedModem([LinkUnavailable("no sky")])
    send_all(uplinker, modem, clock)
    assert len(modem.given) == 1
    clock.step(60)
    send_all(uplinker, modem, clock)
    assert len(modem.accepted) == 4


def test_a_leopard_is_tried_even_under_a_bad_sky(store, uplinker, clock):
    tell(store, "status")
    modem = ScriptedModem([LinkUnavailable("no sky")])
    send_all(uplinker, modem, clock)
    tell(store, "leopard", first=7)
    send_all(uplinker, modem, clock)
    assert labels(modem.accepted)[0] == ["leopard"]


def test_a_deer_alone_waits_for_company_or_its_time(store, run, clock):
    uplinker = uplinker_of(store, run, boot(store), batch_s=600)
    tell(store, "deer", at=clock.now())
    modem = ScriptedModem()
    assert not uplinker.send_next(modem, clock)
    clock.step(600)
    assert uplinker.send_next(modem, clock)


def test_a_message_without_a_link_waits_longer_each_time_with_the_same_bytes(
    store, uplinker, clock
):
    tell(store, "leopard")
    modem = ScriptedModem([LinkUnavailable("no sky")] * 4)
    tried: list[float] = []
    while not modem.accepted:
        if uplinker.send_next(modem, clock):
            tried.append(clock.monotonic())
        clock.step(10)
    waits = [b - a for a, b in pairwise(tried)]
    assert waits == [60, 120, 240, 480]
    assert len(set(modem.given)) == 1
    (message,) = store.outbox.messages()
    assert message.attempts == 5


def test_the_networks_word_on_waiting_is_heeded(store, uplinker, clock):
    tell(store, "leopard")
    modem = ScriptedModem([LinkUnavailable("wait", retry_after_s=3000)])
    uplinker.send_next(modem, clock)
    clock.step(2999)
    assert not uplinker.send_next(modem, clock)
    clock.step(1)
    assert uplinker.send_next(modem, clock)


def test_a_refused_message_is_parked_and_the_others_go(store, uplinker, clock):
    tell(store, "person", "status")
    modem = ScriptedModem([MessageRefused("too long")])
    send_all(uplinker, modem, clock)
    assert states(store) == [MessageState.PARKED, MessageState.ACCEPTED]
    clock.step(1e6)
    assert not uplinker.send_next(modem, clock)


def test_a_refused_target_is_told_again_each_day_and_holds_up_nobody(store, uplinker, clock):
    tell(store, "leopard", "status")
    modem = ScriptedModem([MessageRefused("invalid segment size")])
    send_all(uplinker, modem, clock)
    assert len(modem.accepted) == 1, "the status"
    for waits_s, refusals in ((86_399, 0), (1, 1), (86_400, 0)):
        modem = ScriptedModem([MessageRefused("invalid segment size")] * refusals)
        clock.step(waits_s)
        send_all(uplinker, modem, clock)
        assert len(modem.given) == (waits_s != 86_399)
    assert states(store) == [MessageState.ACCEPTED] * 2


def test_what_a_newer_trapnode_left_in_the_outbox_holds_up_nobody(store, uplinker, clock):
    tell(store, "status", "leopard")
    with store.database.transaction():
        store.database.run("UPDATE report SET kind = 'newer' WHERE kind = 'status'")
        store.database.run(
            "INSERT INTO message (counter, kind, payload, priority, state, not_before, made_at)"
            " VALUES (99, 'newer', x'00', 0, 'queued', '2026', '2026')"
        )
    modem = ScriptedModem()
    send_all(uplinker, modem, clock)
    assert labels(modem.accepted) == [["leopard"]]


def test_a_modem_that_fails_ends_the_process_with_the_attempt_noted(store, run, uplinker, clock):
    tell(store, "leopard")
    modem = ScriptedModem([DeviceError("the port is gone")])
    with pytest.raises(DeviceError):
        uplinker.send_next(modem, clock)
    (message,) = store.outbox.messages()
    assert (message.state, message.attempts) == (MessageState.ATTEMPTED, 1)
    again = uplinker_of(store, run, boot(store))
    assert not again.send_next(modem, clock)
    clock.step(60)
    assert again.send_next(modem, clock)
    assert len(set(modem.given)) == 1


def test_a_clock_that_nobody_trusts_allows_one_attempt_a_boot(store, run, clock):
    tell(store, "leopard")
    for kernel in ("one", "two", "three"):
        uplinker = uplinker_of(store, run, boot(store, kernel, ClockTrust.NONE))
        modem = ScriptedModem([LinkUnavailable("no sky")] * 9)
        send_all(uplinker, modem, clock)
        clock.step(3600)
        send_all(uplinker, modem, clock)
        assert len(modem.given) == 1


def test_a_long_boot_without_a_trusted_clock_goes_on_trying(store, run, clock):
    tell(store, "leopard")
    uplinker = uplinker_of(store, run, boot(store, "one", ClockTrust.NONE))
    modem = ScriptedModem([LinkUnavailable("no sky")])
    send_all(uplinker, modem, clock)
    clock.step(7200)
    send_all(uplinker, modem, clock)
    assert len(modem.accepted) == 1


@pytest.mark.parametrize("year", [1970, 2016])
def test_a_clock_that_goes_back_holds_no_message(store, uplinker, clock, year):
    tell(store, "leopard")
    modem = ScriptedModem([LinkUnavailable("no sky")])
    uplinker.send_next(modem, clock)
    clock.set_wall(datetime(year, 1, 1, tzinfo=UTC))
    assert uplinker.send_next(modem, clock)
    assert len(modem.accepted) == 1


def test_a_clock_that_went_back_a_little_holds_a_message_a_day_at_most(store, uplinker, clock):
    tell(store, "leopard")
    modem = ScriptedModem([LinkUnavailable("no sky")])
    uplinker.send_next(modem, clock)
    clock.set_wall(clock.now() - timedelta(hours=12))
    clock.step(86_400)
    assert uplinker.send_next(modem, clock)


def test_a_downlink_that_came_along_is_obeyed(store, uplinker, clock):
    tell(store, "leopard")
    send_all(uplinker, ScriptedModem([downlink(1, Ack(1, 0))]), clock)
    assert states(store) == [MessageState.ACKNOWLEDGED]


def test_without_anybody_who_obeys_a_downlink_does_nothing(store, run, clock):
    tell(store, "leopard")
    life = boot(store)
    plan = Plan(0.0, 2, RICH)
    alone = Uplinker(store, run, life, lambda: life.clock_trust, plan, sealer(KEY))
    send_all(alone, ScriptedModem([downlink(1, Ack(1, 0))]), clock)
    assert states(store) == [MessageState.ACCEPTED]


def test_the_loop_sends_what_is_due_and_hears_the_bell(store, run, clock):
    tell(store, "leopard")
    modem = ScriptedModem()
    rounds: list[str] = []

    def alive(fault: str) -> None:
        rounds.append(fault)
        if len(rounds) == 3:
            tell(store, "person", first=9)
            ring(run, UPLINKER)

    uplinker_of(store, run, boot(store)).run(modem, clock, After(lambda: len(rounds) > 5), alive)
    assert labels(modem.accepted) == [["leopard"], ["person"]]


def test_what_only_a_person_can_mend_is_said_until_something_goes_out(store, run, clock):
    tell(store, "leopard")
    modem = ScriptedModem([LinkBarred("not paid", 3000)])
    said: list[str] = []
    done = After(lambda: bool(modem.accepted) and said[-1:] == [""])
    uplinker_of(store, run, boot(store)).run(modem, clock, done, said.append)
    assert set(said) == {"", "not paid"}
    assert clock.monotonic() >= 3000


def test_a_worn_report_ends_no_uplinker_and_is_said(store, run, clock):
    tell(store, "leopard", "deer")
    with store.database.transaction():
        store.database.run("UPDATE report SET body = x'' WHERE priority = 0")
    modem, faults = ScriptedModem(), []
    stopping = After(lambda: clock.monotonic() > 9)
    uplinker_of(store, run, boot(store)).run(modem, clock, stopping, faults.append)
    assert labels(modem.accepted) == [["deer"]]
    assert "1 reports cannot be read" in faults[-1]


def test_counters_and_messages_go_up_together(store, uplinker):
    clock = SteppedClock()
    tell(store, *["leopard"] * 7)
    modem = ScriptedModem()
    send_all(uplinker, modem, clock)
    assert [counter_of(payload) for payload in modem.accepted] == [1, 2, 3]
