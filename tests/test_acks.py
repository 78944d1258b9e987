"""Acknowledgements: what arrived is through, what did not goes again, a target for ever."""

from datetime import timedelta

import pytest

from tests.fakes import NOON, ScriptedModem, boot, heard, uplinker_of
from tests.test_downlinking import DAY, Unit
from tests.test_uplinker import send_all, tell
from trapnode.message.downlink import Ack
from trapnode.model import MessageKind, MessageState
from trapnode.store.acks import ANEW, MOST_ASKED


@pytest.fixture
def unit(store, run, clock):
    return Unit(store, run, clock)


def sent(store, run, clock, *labels, modem=None):
    tell(store, *labels)
    uplinker = uplinker_of(store, run, boot(store))
    send_all(uplinker, modem or ScriptedModem(), clock)
    return uplinker


def states(store):
    return {each.counter: each.state for each in store.outbox.messages()}


def test_what_arrived_is_through_and_what_did_not_goes_again_with_the_same_bytes(
    store, run, clock, unit
):
    uplinker = sent(store, run, clock, *["leopard"] * 12)
    before = {each.counter: each.payload for each in store.outbox.messages()}
    unit.hear(1, Ack(3, 0b10))  # 3 and 1; 2 is missing, of 4 nothing is known.
    queued, acknowledged = MessageState.QUEUED, MessageState.ACKNOWLEDGED
    assert states(store) == {
        **{1: acknowledged, 2: queued, 3: acknowledged},
        4: MessageState.ACCEPTED,
    }
    again = ScriptedModem()
    send_all(uplinker, again, clock)
    assert again.given == [before[2]]


@pytest.mark.parametrize(("label", "times"), [("leopard", 19), ("deer", MOST_ASKED)])
def test_what_never_arrives_goes_again_and_again_a_target_for_ever(
    store, run, clock, unit, label, times
):
    """A target goes under another counter in between: its bytes, or that one, may be at fault."""
    uplinker, rounds = sent(store, run, clock, label), []
    for number in range(1, 21):
        tell(store, "status")
        modem = ScriptedModem()
        send_all(uplinker, modem, clock)
        unit.hear(number, Ack(max(states(store)), 0))
        rounds.append({each for each in modem.given if heard(each).observations})
    assert [len(each) for each in rounds] == [0] + [1] * times + [0] * (19 - times)
    different = set().union(*rounds)
    assert len(different) == (1 if label == "deer" else 1 + 19 // (ANEW + 1))


def test_without_a_word_observations_are_offered_again_where_somebody_acknowledges(
    store, run, clock, unit
):
    uplinker = sent(store, run, clock, "leopard", "status", *["deer"] * 3)
    clock.step(3 * DAY)
    silent = ScriptedModem()
    send_all(uplinker, silent, clock)
    assert silent.given == [], "there may be no receiver that acknowledges"
    tell(store, "person", first=9)
    send_all(uplinker, ScriptedModem(), clock)
    newest = max(states(store))
    unit.hear(1, Ack(newest, (1 << 64) - 1 << 3 & (1 << 64) - 1))
    for _ in range(4):
        clock.step(3 * DAY)
        send_all(uplinker, silent, clock)
    told = [heard(payload).kind for payload in silent.given]
    assert set(told) <= {MessageKind.OBSERVATIONS}
    assert len(told) <= 6


def test_a_leopard_of_a_clock_that_ran_ahead_is_offered_again_too(store, run, clock, unit):
    uplinker = sent(store, run, clock, "leopard")
    unit.hear(1, Ack(1, 0))
    with store.database.transaction():
        store.database.run(
            "UPDATE message SET state = 'on_air', accepted_at = '2099-01-01T00:00:00.000000Z'"
        )
    modem = ScriptedModem()
    send_all(uplinker, modem, clock)
    assert len(modem.given) == 1


def test_a_trial_of_a_setting_that_nobody_knows_any_more_ends_no_process(unit):
    with unit.store.database.transaction():
        unit.store.settings.set("uplink.newer", 5, NOON - timedelta(days=9), 1)
    for _ in range(5):
        unit.commands.look(unit.clock.now())
        unit.clock.step(DAY)
    assert unit.store.settings.values() == {}
