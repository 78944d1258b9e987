"""The SBD dialogues, against what real modems were seen to answer."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sbd_bench import (
    BUILT,
    ERROR,
    LATEST,
    OK,
    PAYLOAD,
    SILENCE,
    SYNC,
    WRITTEN,
    block,
    converse,
    line,
    lost_word,
    play,
    send,
    session,
)

from trapnode.errors import DeviceError, MessageRefused, ProtocolError
from trapnode.protocols import sbd
from trapnode.protocols.at import AT_TIMEOUT_S, Expect
from trapnode.protocols.iridium import ERAS, TICK, Outcome, mo_status


@pytest.mark.parametrize("sbdix", ["+SBDIX:0,23,0,-1,0,0", "+SBDIX: 0, 23, 0, 0, 0, 0"])
@pytest.mark.parametrize("cut", range(70))
def test_a_message_is_delivered_however_the_port_cuts_the_answers(sbdix, cut):
    assert converse(send(), session(sbdix), cut) == sbd.Session(
        Outcome.DELIVERED, 0, None, None, 0, "sent"
    )


def test_the_emulators_conversation_with_a_ring_ends_with_its_downlink():
    tricky = b"SECOND OK\r\n tricky"
    script = session("+SBDIX:0,1,1,1,18,2", before="1,1,0,0", after="1,2,1,1")
    script[7] = (b"AT+SBDIX\r", b"\r\nSBDRING\r\n" + script[7][1])
    script += [(b"AT+SBDRB\r", b"AT+SBDRB\r" + block(tricky)), (b"AT+SBDD1\r", line("0"))]
    result = converse(send(), script)
    assert (result.outcome, result.downlink, result.mt_queued) == (Outcome.DELIVERED, tricky, 2)


@pytest.mark.parametrize("code", [*range(5, 41), 255])
def test_every_failure_is_retried_but_the_two_that_cannot_be_cured(code):
    script = session(f"+SBDIX: {code}, 23, 0, 0, 0, 0")[:-2]
    script += [(b"AT*R1\r", OK)] if code == 34 else []
    script += script[-3:] if code in (12, 14, 15, 16, 33) else []
    result = converse(send(), script)
    assert result.outcome is (Outcome.REFUSED if code in (12, 14) else Outcome.RETRY)
    assert (result.mo_status, result.reason) == (code, mo_status(code).meaning)
    assert result.barred is (code in (15, 16, 33))


def test_a_refusal_for_good_must_be_said_twice():
    first = session("+SBDIX: 12, 23, 0, 0, 0, 0")[:-2]  # was it 10, with a flipped bit?
    script = [*first, *session("+SBDIX: 0, 23, 0, 0, 0, 0")[5:]]
    assert converse(send(), script).outcome is Outcome.DELIVERED


def test_a_bar_of_a_day_must_be_said_twice():
    first = session("+SBDIX: 15, 23, 0, 0, 0, 0")[:-2]  # was it 11, with a flipped bit?
    script = [*first, *session("+SBDIX: 11, 23, 0, 0, 0, 0")[5:-2]]
    result = converse(send(), script)
    assert (result.barred, result.mo_status, result.retry_after_s) == (False, 11, 300)


@pytest.mark.parametrize("code", range(5))
def test_five_statuses_mean_delivered(code):
    result = converse(send(), session(f"+SBDIX: {code}, 23, 2, 0, 0, 0"))
    assert result.outcome is Outcome.DELIVERED


@pytest.mark.parametrize("sbdix", ["+SBDIX: 2, 23, 0, 0, 0, 0", "+SBDIX: 0, 23, 0, 0, 0, 0"])
def test_a_success_without_a_new_momsn_is_not_believed(sbdix):
    script = session(sbdix, after="1, 23, 0, 0")[:-1]  # 2 is 32 with a lost byte
    assert converse(send(), script).outcome is Outcome.RETRY


def test_the_momsn_wraps():
    script = session("+SBDIX: 0, 65535, 0, 0, 0, 0", before="1, 65535, 0, 0", after="1, 0, 0, 0")
    assert converse(send(), script).outcome is Outcome.DELIVERED


@pytest.mark.parametrize(
    "sbdix", ["+SBDIX: 0, 23, 0, 0, 0", "+SBDIX: 0, 23, 0, 0, 0, 0, 0", "SBDIX: 0,23,0,0,0,0", "0"]
)
def test_a_damaged_answer_is_no_success(sbdix):
    script = lost_word("1, 23, 0, 0", line(sbdix))
    assert converse(send(), script).outcome is Outcome.RETRY


def test_a_message_that_reads_back_wrong_is_written_again():
    damaged = [*WRITTEN[:3], (b"AT+SBDRB\r", block(PAYLOAD[::-1])), WRITTEN[4]]
    script = [*damaged, *SYNC, *session("+SBDIX: 0, 23, 0, 0, 0, 0")]
    assert converse(send(), script).outcome is Outcome.DELIVERED


@pytest.mark.parametrize("code", ["1", "2", "3", "18"])
def test_a_modem_that_never_takes_the_bytes_gets_no_session(code):
    refused = [WRITTEN[0], (WRITTEN[1][0], line(code)), *SYNC]
    with pytest.raises(ProtocolError, match="40 bytes"):
        converse(send(), refused * 3)


def test_a_message_lost_before_the_session_is_noticed():
    script = session("", before="0, 23, 0, 0")[:7]
    with pytest.raises(ProtocolError, match="lost"):
        converse(send(), script)


@pytest.mark.parametrize("nothing", [[ERROR] * 3, [SILENCE] * 2])
def test_a_modem_without_the_checking_commands_is_believed(nothing):
    unknown = [(b"AT+SBDTC\r", each) for each in nothing]
    no_state = [(b"AT+SBDS\r", each) for each in nothing]
    sbdix = (b"AT+SBDIX\r", line("+SBDIX: 0, 23, 0, 0, 0, 0"))
    script = [*WRITTEN[:2], *unknown, *no_state, sbdix, (b"AT+SBDD0\r", line("0"))]
    assert converse(send(), script).outcome is Outcome.DELIVERED


def test_a_garbled_downlink_is_read_again_and_then_given_up():
    script = session("+SBDIX: 0, 23, 1, 7, 5, 0")
    damaged = [(b"AT+SBDRB\r", b"\x00\x05hallo\x02\x14" + OK), *SYNC]
    whole = [(b"AT+SBDRB\r", block(b"hello")), (b"AT+SBDD1\r", line("0"))]
    assert converse(send(), [*script, *damaged, *whole]).downlink == b"hello"
    lost = converse(send(), [*script, *damaged * 3])
    assert (lost.outcome, lost.downlink) == (Outcome.DELIVERED, None)


@pytest.mark.parametrize("last_words", [SILENCE, b"\r\nbla\r\n\r\nOK\r\n"])
def test_a_modem_that_fails_after_the_delivery_does_not_undo_it(last_words):
    steps = iter(session("+SBDIX: 0, 23, 1, 7, 5, 0"))
    result = play(send(), lambda _: next(steps, (b"", last_words))[1])
    assert (result.outcome, result.downlink) == (Outcome.DELIVERED, None)


@pytest.mark.parametrize("payload", [b"", bytes(341), b"RB0001234 to another"])
def test_what_no_gateway_would_take_is_refused_before_a_byte_is_written(payload):
    with pytest.raises(MessageRefused):
        next(send(payload))


def test_each_step_says_how_long_it_may_take():
    dialogue = send()
    ask = next(dialogue)
    assert (ask.timeout_s, ask.expect) == (AT_TIMEOUT_S, Expect.READY)
    assert sbd.SESSION_TIMEOUT_S == 90


def test_start_configures_the_line():
    setup = [(command + b"\r", OK) for command in sbd.SETUP]
    imei = (b"AT+CGSN\r", line("300434060006830"))
    converse(sbd.start(), [*SYNC, *setup])
    assert converse(sbd.identity(), [imei]) == "300434060006830"


def test_start_throws_away_what_an_aborted_session_still_says():
    stale = [(b"AT\r", line("+SBDIX: 0, 23, 0, 0, 0, 0")), (b"", OK)]
    setup = [(command + b"\r", OK) for command in sbd.SETUP]
    converse(sbd.start(), [*stale, *SYNC, *setup])


def test_a_dead_modem_is_a_device_error_and_a_babbling_one_a_protocol_error():
    with pytest.raises(DeviceError):
        play(sbd.start(), lambda _: SILENCE)
    with pytest.raises(ProtocolError):
        play(sbd.start(), lambda _: b"\r\nbla\r\n\r\nOK\r\n")


@given(replies=st.lists(st.binary(max_size=80) | st.sampled_from([OK, ERROR, line("0")])))
def test_noise_ends_in_a_session_or_an_error_of_ours(replies):
    stream = iter(replies)
    with suppress(ProtocolError, DeviceError):
        assert play(send(), lambda _: next(stream, SILENCE)).outcome is Outcome.RETRY


def test_the_signal_is_asked_without_waiting_where_the_modem_can():
    assert converse(sbd.signal(), [(b"AT+CSQF\r", line("+CSQF:4"))]) == 4
    older = [(b"AT+CSQF\r", ERROR)] * 3
    assert converse(sbd.signal(), [*older, (b"AT+CSQ\r", line("+CSQ:0"))]) == 0


def test_the_network_time_needs_two_readings_that_agree():
    noon = (datetime(2026, 11, 22, 12, tzinfo=UTC) - ERAS[0]) // TICK
    first, near, far = (line(f"-MSSTM: {noon + step:08x}") for step in (0, 5, 5000))
    asked = b"AT-MSSTM\r"
    found = converse(sbd.system_time(built=BUILT, latest=LATEST), [(asked, first), (asked, near)])
    assert found == ERAS[0] + (noon + 5) * TICK
    with pytest.raises(ProtocolError, match="two readings"):
        converse(sbd.system_time(built=BUILT, latest=LATEST), [(asked, first), (asked, far)])


def test_without_network_there_is_no_time():
    script = [(b"AT-MSSTM\r", line("-MSSTM: no network service"))]
    assert converse(sbd.system_time(built=BUILT, latest=LATEST), script) is None
    odd = [(b"AT-MSSTM\r", line("-MSSTM: 00000005"))] * 2
    assert converse(sbd.system_time(built=BUILT, latest=LATEST), odd) is None
