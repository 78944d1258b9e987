"""Console lines: cut everywhere, garbled, echoed back, over-long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapnode.protocols.shell import LINE_MAX, OK, Shell, err

TYPED = b"status\rQueue json \r\n\nAT+GMI\revents\n"
LINES = ["status", "Queue json", "events"]


@pytest.mark.parametrize("cut", range(len(TYPED) + 1))
def test_lines_may_arrive_in_any_two_pieces(cut):
    shell = Shell()
    assert shell.receive(TYPED[:cut]) + shell.receive(TYPED[cut:]) == LINES


def test_lines_may_arrive_byte_by_byte():
    shell = Shell()
    assert [line for byte in TYPED for line in shell.receive(bytes([byte]))] == LINES


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_every_terminals_line_end_is_one_line_end(end):
    assert Shell().receive(b"status" + end + b"help" + end) == ["status", "help"]


def test_what_is_typed_comes_back():
    shell = Shell()
    assert shell.receive(b"stax\x7ftus\r") == ["status"]
    assert shell.to_send() == b"stax\x08 \x08tus\r\n"
    assert shell.to_send() == b""


def test_backspace_at_the_start_does_nothing():
    shell = Shell()
    assert shell.receive(b"\x08\x7fhelp\n") == ["help"]
    assert shell.to_send() == b"help\r\n"


def test_only_printable_ascii_gets_in():
    shell = Shell()
    assert shell.receive(b"\x1b\x00st\xffa\x9btus\x07\n") == ["status"]
    assert shell.to_send() == b"status\r\n"


def test_enter_alone_is_answered():
    shell = Shell()
    assert shell.receive(b"\r\n  \r\n\n") == []
    assert shell.to_send() == b"\r\nOK\r\n  \r\nOK\r\n\r\nOK\r\n"


def test_a_line_of_another_keyboard_is_told_so():
    shell = Shell()
    for typed in ("\u0441\u0442\u0430\u0442\u0443\u0441".encode(), b"\x01\x02"):
        assert shell.receive(typed + b"\r") == []
        assert shell.to_send() == b"\r\nERR 1 only English letters are understood\r\n"
    shell.receive(b"\xff\r" * 1000)
    assert len(shell.to_send()) < 1000
    assert shell.receive(b"help\r") == ["help"]
    shell.to_send()
    shell.receive(b"\xff\r")
    assert b"ERR 1" in shell.to_send()


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251"])
def test_a_line_half_in_another_keyboard_loses_no_half(encoding):
    shell = Shell()
    shell.waits = True
    typed = "IK \u043a\u0435\u0434\u0440".encode(encoding)
    assert shell.receive(typed + b"\r") == []
    assert shell.to_send() == b"IK \r\nERR 1 only English letters are understood\r\n"
    assert shell.receive(b"IK\r") == ["IK"]


@pytest.mark.parametrize("key", [b"\x03", b"\x15"])
def test_ctrl_c_and_ctrl_u_clear_the_line(key):
    assert Shell().receive(b"quue" + key + b"queue\r") == ["queue"]
    assert Shell().receive(b"x" * 300 + key + b"queue\r") == ["queue"]


def test_ctrl_u_wipes_what_is_seen():
    shell = Shell()
    shell.receive(b"ab\x15")
    assert shell.to_send() == b"ab" + b"\x08 \x08" * 2


@pytest.mark.parametrize(
    "key",
    [b"\x1b[A", b"\x1bOD", b"\x1b[1;5C", b"\x1b[3~", b"\x1bx", b"\x1b\x1b[B", b"\x1b[200\x00"],
)
def test_keys_that_send_a_sequence_leave_nothing(key):
    shell = Shell()
    assert shell.receive(b"sta" + key + b"tus\r") == ["status"]
    assert shell.to_send() == b"status\r\n"


@pytest.mark.parametrize("half", [b"\x1b", b"\x1b[", b"\x1b[12", b"\x1bO"])
def test_half_a_sequence_ends_with_its_line(half):
    assert Shell().receive(b"status" + half + b"\rhelp\r") == ["status", "help"]


@pytest.mark.parametrize(
    "probe",
    [
        b"AT\r",
        b"at+gcap\r\n",
        b"AT+CPIN?;+CGMM\r",
        b"AT\r\nAT\r\n",
        b"AT&V\r",
        b"ATE0\r",
        b"ATI\r",
        b"ATZ\r",
        b"ATE1 E0\r",
        b"ATQ0 V1 E1 S0=0 &C1\r",
        b"ATE0V1\r",
    ],
)
def test_a_modem_probe_gets_no_answer(probe):
    shell = Shell()
    assert shell.receive(probe) == []
    assert b"OK" not in shell.to_send()


@pytest.mark.parametrize("word", ["attention", "ATLAS", "ATTACH"])
def test_a_word_that_begins_like_a_probe_is_a_line(word):
    assert Shell().receive(word.encode() + b"\r") == [word]


def test_a_line_may_be_full():
    longest = b"x" * LINE_MAX
    assert Shell().receive(longest + b"\n") == [longest.decode()]


def test_over_long_lines_get_one_error_until_a_good_line():
    shell = Shell()
    too_long = b"x" * (LINE_MAX + 1) + b"\n"
    assert shell.receive(too_long * 3) == []
    error = b"\r\nERR 2 line over 256 characters\r\n"
    assert shell.to_send().count(error) == 1
    assert shell.receive(too_long) == []
    assert error not in shell.to_send()
    assert shell.receive(b"help\n" + too_long) == ["help"]
    assert shell.to_send().count(error) == 1


def test_a_reply_is_printable_ascii_only():
    reply = Shell().reply(["AL07  OK", "modem said \x1b[2J\x07 \u043b\u0435\u0441\r\nOK", OK])
    assert reply == b"AL07  OK\r\nmodem said ?[2J? ?????OK\r\nOK\r\n"


def test_an_error_names_code_and_text():
    assert Shell().reply([err(3, "store: gone")]) == b"ERR 3 store: gone\r\n"


@pytest.mark.parametrize("typed", [b"status\r", b"s", b"x" * 300 + b"\r", b"\r\n"])
def test_a_peer_that_echoes_does_not_make_us_talk_for_ever(typed):
    shell = Shell()
    sent, rounds = typed, 0
    while sent:  # The other end sends back whatever it gets.
        replies = [shell.reply(["unknown", err(1, "try: help")]) for _ in shell.receive(sent)]
        sent = shell.to_send() + b"".join(replies)
        rounds += 1
        assert rounds < 1000
    assert shell.receive(b"\rhelp\r")[-1:] == ["help"]


@given(st.lists(st.binary(max_size=400), max_size=20))
def test_noise_gives_short_printable_lines_and_nothing_worse(pieces):
    shell = Shell()
    for piece in pieces:
        for line in shell.receive(piece):
            assert 0 < len(line) <= LINE_MAX
            assert line.isascii()
            assert line.isprintable()
        assert len(shell.to_send()) <= 6 * len(piece) + 3 * LINE_MAX + 10 * 50
    shell.receive(b"\r")
    assert shell.receive(b"help\r") == ["help"]


@given(st.binary(max_size=600), st.integers(0, 600))
def test_noise_reads_the_same_however_it_is_cut(noise, cut):
    whole, pieces = Shell(), Shell()
    assert whole.receive(noise) == pieces.receive(noise[:cut]) + pieces.receive(noise[cut:])
    assert whole.to_send() == pieces.to_send()
