"""The line to an AT modem: whatever the port cuts and the line garbles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapnode.errors import ProtocolError
from trapnode.protocols.at import (
    MAX_LINE,
    Answer,
    Ask,
    AtReader,
    Block,
    End,
    Exchange,
    Expect,
    Final,
    Line,
    Ready,
    Unsolicited,
    sum16,
)

CONVERSATION = (
    b"AT+CSQ\r\r\n+CSQ:3\r\n\r\nOK\r\nSBDRING\r\n\r\nREADY\r\n\r\n0\r\n\r\nOK\r\n"
    b"+CIEV:0,4\r\n\r\n+SBDIX: 0, 23, 1, 7, 18, 0\r\n\r\nOK\r\n\r\nERROR\r\n"
)
VALUES = [
    Line("+CSQ:3"),
    Final(True),
    Unsolicited("SBDRING"),
    Ready(),
    Line("0"),
    Final(True),
    Unsolicited("+CIEV:0,4"),
    Line("+SBDIX: 0, 23, 1, 7, 18, 0"),
    Final(True),
    Final(False),
]
TRICKY = b"SECOND OK\r\n tricky"
BLOCK = b"\x00\x12" + TRICKY + sum16(TRICKY)


def read(*pieces: bytes, block: bool = False) -> list:
    reader = AtReader()
    reader.expect(block=block)
    return [value for piece in pieces for value in reader.receive(piece)]


def ask(expect: Expect = Expect.FINAL, *pieces: bytes) -> Answer | None:
    exchange = Exchange(AtReader(), Ask(b"", expect=expect))
    answers = [exchange.receive(piece) for piece in pieces]
    return next((answer for answer in answers if answer), None)


def test_each_line_becomes_one_value_and_an_echo_none():
    assert read(CONVERSATION) == VALUES


@pytest.mark.parametrize("cut", range(len(CONVERSATION) + 1))
def test_bytes_may_arrive_in_any_two_pieces(cut):
    assert read(CONVERSATION[:cut], CONVERSATION[cut:]) == VALUES


def test_bytes_may_arrive_one_by_one():
    assert read(*(bytes([byte]) for byte in CONVERSATION)) == VALUES


@pytest.mark.parametrize("ring", [b"SBDRING\r\n", b"\r\n+SBDRING\r\n", b"+CIEV:1,0\r\n"])
def test_the_modem_may_ring_between_any_two_lines(ring):
    whole = b"\r\n+CSQ:3\r\n\r\nOK\r\n"
    for cut in (0, 2, 10, 12, len(whole)):
        values = read(whole[:cut] + ring + whole[cut:])
        assert [value for value in values if not isinstance(value, Unsolicited)] == [
            Line("+CSQ:3"),
            Final(True),
        ]
        assert len(values) == 3


@pytest.mark.parametrize("before", [b"", b"AT+SBDRB\r", b"AT+SBDRB\r\r\n", b"\r\nSBDRING\r\n"])
def test_a_block_is_read_by_its_length_whatever_it_holds(before):
    whole = before + BLOCK + b"\r\nOK\r\n"
    for cut in range(len(whole) + 1):
        values = read(whole[:cut], whole[cut:], block=True)
        assert [v for v in values if not isinstance(v, Unsolicited)] == [
            Block(TRICKY, True),
            Final(True),
        ]


@given(payload=st.binary(max_size=340), cut=st.integers(0, 350))
def test_any_payload_comes_through_a_block(payload, cut):
    whole = len(payload).to_bytes(2, "big") + payload + sum16(payload) + b"\r\nOK\r\n"
    assert read(whole[:cut], whole[cut:], block=True) == [Block(payload, True), Final(True)]


def test_a_block_with_a_wrong_sum_is_marked():
    damaged = BLOCK[:5] + b"!" + BLOCK[6:]
    (block, final) = read(damaged + b"\r\nOK\r\n", block=True)
    assert not block.intact
    assert final == Final(True)


def test_no_block_where_the_modem_has_none():
    assert read(b"OK\r\n\r\n+CSQ:1\r\n", block=True) == [Final(True), Line("+CSQ:1")]


def test_half_a_block_does_not_spoil_the_next_answer():
    reader = AtReader()
    reader.expect(block=True)
    assert reader.receive(BLOCK[:7]) == []
    reader.expect(block=False)
    assert reader.receive(b"\r\nOK\r\n") == [Final(True)]


def test_sums_are_of_sixteen_bits():
    assert sum16(b"hello") == b"\x02\x14"
    assert sum16(b"\xff" * 340) == (340 * 255 - 65536).to_bytes(2, "big")


def test_a_line_without_an_end_is_an_error_and_forgotten():
    reader = AtReader()
    with pytest.raises(ProtocolError, match=str(MAX_LINE)):
        reader.receive(b"x" * (MAX_LINE + 1))
    assert reader.receive(b"OK\r\n") == [Final(True)]


def test_bytes_that_are_no_text_become_visible():
    assert read(b"\xff\x00+C\r\n") == [Line("\\xff\x00+C")]


@given(data=st.binary(max_size=600), cut=st.integers(0, 600), block=st.booleans())
def test_noise_gives_values_or_a_protocol_error(data, cut, block):
    try:
        values = read(data[:cut], data[cut:], block=block)
    except ProtocolError:
        return
    assert all(isinstance(v, Line | Final | Ready | Unsolicited | Block) for v in values)


def test_an_answer_ends_with_its_final_line():
    assert ask(Expect.FINAL, b"AT+CSQ\r\r\n+CSQ:3\r\n", b"\r\nOK\r\n") == Answer(
        End.OK, ("+CSQ:3",)
    )
    assert ask(Expect.FINAL, b"\r\nERROR\r\n") == Answer(End.ERROR)
    assert ask(Expect.BLOCK, BLOCK + b"\r\nOK\r\n") == Answer(End.OK, (), Block(TRICKY, True))


def test_ready_ends_only_an_answer_that_waits_for_it():
    assert ask(Expect.READY, b"\r\nREADY\r\n") == Answer(End.READY)
    assert ask(Expect.READY, b"\r\n3\r\n\r\nOK\r\n") == Answer(End.OK, ("3",))
    assert ask(Expect.FINAL, b"\r\nREADY\r\n") is None


def test_what_is_left_of_an_earlier_answer_is_gathered_until_the_time_is_over():
    exchange = Exchange(AtReader(), Ask(b"", expect=Expect.NOTHING))
    assert exchange.receive(b"+SBDIX: 0, 1, 0, 0, 0, 0\r\n\r\nOK\r\nSBDRING\r\n") is None
    assert exchange.silence() == Answer(End.SILENCE, ("+SBDIX: 0, 1, 0, 0, 0, 0", "OK"))
    assert exchange.unsolicited == ["SBDRING"]


def test_an_answer_without_an_end_is_an_error():
    with pytest.raises(ProtocolError, match="32 lines"):
        ask(Expect.FINAL, b"x\r\n" * 33)
