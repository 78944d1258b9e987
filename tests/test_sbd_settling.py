"""A lost word on an SBD session, and a session without a message: never paid for in vain."""

import pytest
from sbd_bench import ERROR, PAYLOAD, SILENCE, block, converse, line, lost_word, play, send, session

from trapnode.errors import DeviceError, ProtocolError
from trapnode.protocols import buffers, sbd
from trapnode.protocols.iridium import Outcome


@pytest.mark.parametrize("after", ["1, 23, 0, 0", "1, 25, 0, 0", "0, 24, 0, 0", "1, 22, 0, 0"])
def test_a_lost_word_on_a_session_is_no_failure_and_no_success(after):
    result = converse(send(), lost_word(after))  # 0, 24: another program's session
    assert (result.outcome, result.mo_status) == (Outcome.RETRY, None)


@pytest.mark.parametrize("cut", range(0, 60, 2))
def test_a_lost_word_is_settled_by_the_momsn(cut):
    ledger, script = sbd.Ledger(), [*lost_word("1, 24, 0, 0"), (b"AT+SBDD0\r", line("0"))]
    assert converse(send(ledger=ledger), script, cut).outcome is Outcome.DELIVERED
    assert ledger == sbd.Ledger()


def test_a_lost_word_does_not_lose_the_downlink_that_came_with_it():
    script = [*lost_word("1, 24, 1, 7"), (b"AT+SBDD0\r", line("0"))]
    script += [(b"AT+SBDRB\r", block(b"down")), (b"AT+SBDD1\r", line("0"))]
    assert converse(send(), script).downlink == b"down"


def test_our_own_message_read_back_is_no_downlink():
    script = [*lost_word("1, 24, 1, 7"), (b"AT+SBDD0\r", line("0"))]
    script += [(b"AT+SBDRB\r", block(PAYLOAD)), (b"AT+SBDD1\r", line("0"))]
    assert converse(send(), script).downlink is None


def test_one_garbled_number_does_not_settle_a_lost_word():
    script = lost_word("1, 24, 0, 0")
    script[-1] = (b"AT+SBDS\r", line("+SBDS: 1, 23, 0, 0"))
    script += [script[-1]]
    assert converse(send(), script).outcome is Outcome.RETRY


def test_a_modem_that_died_in_its_session_is_asked_when_it_answers_again():
    ledger = sbd.Ledger()
    steps = iter(session("")[:7])
    with pytest.raises(DeviceError):
        play(send(ledger=ledger), lambda _: next(steps, (b"", SILENCE))[1])
    later = [(b"AT+SBDS\r", line("+SBDS: 1, 24, 0, 0"))] * 2
    later += [(b"AT+SBDD0\r", line("0"))]
    assert converse(send(ledger=ledger), later).outcome is Outcome.DELIVERED


def test_what_the_ledger_holds_is_not_another_messages_delivery():
    ledger = sbd.Ledger(b"another", buffers.State(True, 22, False))
    script = session("+SBDIX: 0, 23, 0, 0, 0, 0")
    assert converse(send(ledger=ledger), script).outcome is Outcome.DELIVERED


def test_a_fetch_pays_for_a_session_without_a_message():
    ledger = sbd.Ledger(PAYLOAD, buffers.State(True, 22, False))
    script = [
        (b"AT+SBDD0\r", line("0")),
        (b"AT+SBDS\r", line("+SBDS: 0, 23, 0, 0")),
        (b"AT+SBDIXA\r", line("+SBDIX: 0, 23, 1, 7, 4, 2")),
        (b"AT+SBDD0\r", line("0")),
        (b"AT+SBDRB\r", block(b"down")),
        (b"AT+SBDD1\r", line("0")),
    ]
    result = converse(sbd.fetch(ledger), script)
    assert (result.outcome, result.downlink, result.mt_queued) == (Outcome.DELIVERED, b"down", 2)
    assert ledger.before is None  # This session moved the MOMSN, too.


def test_a_fetch_never_sends_an_old_message_again():
    script = [(b"AT+SBDD0\r", ERROR)] * 3 + [(b"AT+SBDS\r", line("+SBDS: 1, 23, 0, 0"))]
    with pytest.raises(ProtocolError, match="old message"):
        converse(sbd.fetch(sbd.Ledger()), script)


def test_a_message_that_answers_a_ring_says_so():
    script = session("+SBDIX: 0, 23, 0, 0, 0, 0")
    script[7] = (b"AT+SBDIXA\r", script[7][1])
    assert converse(send(rings=True), script).outcome is Outcome.DELIVERED


@pytest.mark.parametrize(
    ("said", "waits"),
    [("0,0", False), ("0,1", True), (" 0, 1", True), ("1,0", False)],
)
def test_a_ring_heard_while_nobody_listened_is_remembered_by_the_modem(said, waits):
    assert converse(sbd.announced(), [(b"AT+CRIS\r", line(f"+CRIS:{said}"))]) is waits
    assert converse(sbd.announced(), [(b"AT+CRIS\r", ERROR)] * 3) is False
