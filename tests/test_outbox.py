"""Reports that wait, and messages whose bytes never change again."""

from datetime import timedelta

import pytest

from tests.fakes import LEOPARD, NOON, ScriptedClassifier, sort_all, sorter_of, take
from trapnode.model import MessageKind, MessageState
from trapnode.store.outbox import Outbox

OBSERVATIONS, STATUS = MessageKind.OBSERVATIONS, MessageKind.STATUS


@pytest.fixture
def outbox(store) -> Outbox:
    return store.outbox


def tell(store, kind=OBSERVATIONS, body=b"body", priority=3, at=NOON) -> None:
    with store.database.transaction():
        store.outbox.tell(kind, body, priority, at)


def freeze(outbox: Outbox, payload: bytes = b"payload"):
    return outbox.freeze(outbox.waiting(), NOON, lambda kind, counter, body: payload)


def state_of(outbox: Outbox) -> MessageState:
    return outbox.messages()[0].state


def test_the_most_valuable_report_waits_first_then_the_oldest(store, outbox):
    for body, priority in ((b"a", 3), (b"b", 0), (b"c", 3), (b"d", 0)):
        tell(store, body=body, priority=priority)
    assert [report.body for report in outbox.waiting()] == [b"b", b"d", b"a", b"c"]


def test_a_waiting_status_report_gives_way_to_a_new_one(store, outbox):
    tell(store, STATUS, b"old")
    tell(store)
    tell(store, STATUS, b"new", at=NOON + timedelta(days=1))
    assert [report.body for report in outbox.waiting()] == [b"body", b"new"]
    assert outbox.last_status() == NOON + timedelta(days=1)


def test_a_frozen_status_report_stays(store, outbox):
    tell(store, STATUS, b"old")
    message = freeze(outbox)
    tell(store, STATUS, b"new")
    assert [report.body for report in outbox.reports_of(message.counter)] == [b"old"]


def test_a_unit_that_told_no_status_has_none(outbox):
    assert outbox.last_status() is None


def test_a_frozen_message_takes_its_reports_along(store, outbox):
    tell(store, priority=3)
    tell(store, priority=1)
    message = freeze(outbox)
    assert outbox.waiting() == []
    assert (message.priority, message.state) == (1, MessageState.QUEUED)
    assert outbox.messages() == [message]
    assert len(outbox.reports_of(message.counter)) == 2


def test_a_message_goes_from_attempt_to_accepted(store, outbox):
    tell(store)
    message = freeze(outbox)
    outbox.attempt(message, 7, NOON + timedelta(minutes=1))
    ((tried, boot),) = outbox.undone()
    assert (tried.state, tried.attempts, boot) == (MessageState.ATTEMPTED, 1, 7)
    assert tried.not_before == NOON + timedelta(minutes=1)
    outbox.sent(message, NOON, True)
    assert outbox.undone() == []
    assert state_of(outbox) is MessageState.ACCEPTED


def test_a_message_that_waits_or_is_parked_keeps_its_bytes(store, outbox):
    tell(store)
    message = freeze(outbox, b"\x11bytes")
    outbox.postpone(message, NOON + timedelta(hours=1), "no sky")
    ((waiting, _),) = outbox.undone()
    assert (waiting.payload, waiting.not_before) == (b"\x11bytes", NOON + timedelta(hours=1))
    outbox.park(message, NOON, "too long")
    assert outbox.undone() == []
    assert state_of(outbox) is MessageState.PARKED
    assert outbox.messages()[0].payload == b"\x11bytes"


def test_counters_go_up_by_one_and_none_is_skipped_by_a_seal_that_fails(store, outbox):
    def fail(*_: object) -> bytes:
        raise ValueError("a body of 40 bytes")

    for number in range(1, 6):
        tell(store)
        with pytest.raises(ValueError, match="40 bytes"):
            outbox.freeze(outbox.waiting(), NOON, fail)
        message = freeze(outbox)
        assert message.counter == number


def test_a_stale_status_report_that_did_not_go_yields_to_a_new_one(store, outbox):
    tell(store, STATUS, b"old")
    freeze(outbox)
    tell(store, STATUS, b"new")
    message = freeze(outbox)
    assert [each for each, _ in outbox.undone()] == [message]
    assert state_of(outbox) is MessageState.VOID


def test_what_the_link_cannot_carry_waits_again_and_its_counter_never_comes_back(store, outbox):
    tell(store)
    tell(store)
    outbox.release(freeze(outbox).counter)
    assert len(outbox.waiting()) == 2
    assert state_of(outbox) is MessageState.VOID
    assert freeze(outbox).counter == 2


def test_counts_and_the_last_messages(store, outbox):
    for _ in range(3):
        tell(store)
        freeze(outbox)
    tell(store)
    assert outbox.counts()["waiting"] == 1
    assert outbox.counts()["queued"] == 3
    assert outbox.counts()["parked"] == 0
    assert [message.counter for message in outbox.messages(last=2)] == [2, 3]


def spoil(store, **columns):
    """Change a report's row as no program of ours does; the newest is told of by its body."""
    with store.database.transaction():
        for name, value in columns.items():
            store.database.run(
                f"UPDATE report SET {name} = ? WHERE id = (SELECT max(id) FROM report)", value
            )


WORN = [{"body": b""}, {"body": bytes(40)}, {"body": b"\xff" * 11}, {"made_at": "2026-1\x00"}]


@pytest.mark.parametrize("columns", WORN)
def test_a_worn_report_is_set_aside_and_the_others_go_on(store, outbox, columns):
    tell(store, body=bytes(11))
    spoil(store, **columns)
    tell(store, STATUS, bytes(36))
    assert outbox.mend() == "1 reports cannot be read and are not told: collect the card"
    assert [report.kind for report in outbox.waiting()] == [STATUS]
    assert outbox.mend(), "it is told at every start"
    assert store.database.row("SELECT kind FROM report ORDER BY id") == ("worn observations",)


@pytest.mark.parametrize("columns", WORN)
def test_a_worn_report_of_an_observation_is_made_anew(store, outbox, run, clock, columns):
    take(store, run, clock)
    sort_all(sorter_of(store, run, lambda: ScriptedClassifier([LEOPARD] * 3)), clock)
    (before,) = outbox.waiting()
    spoil(store, **columns)
    assert outbox.mend() == ""
    (after,) = outbox.waiting()
    assert (after.body, after.priority) == (before.body, before.priority)


def test_the_reports_of_a_worn_message_are_told_anew(store, outbox):
    tell(store, body=bytes(11))
    freeze(outbox)
    with store.database.transaction():
        store.database.run("UPDATE message SET not_before = 'yesterday'")
    with pytest.raises(ValueError, match="yesterday"):
        outbox.undone()
    assert outbox.mend() == ""
    assert outbox.undone() == []
    assert freeze(outbox).counter == 2


def test_a_status_report_of_no_readable_time_counts_as_none(store, outbox):
    tell(store, STATUS, bytes(36))
    spoil(store, made_at="now")
    assert outbox.last_status() is None, "or the keeper could not tell another"
