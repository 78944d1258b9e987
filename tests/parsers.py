"""Every parser of bytes from outside, as a function of bytes: hypothesis and the rig feed them.

A parser gives a value or one of our errors. A finding is: another exception, an authentic message
that nobody sealed, a dialogue without end, a buffer without bound.
"""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from trapnode.errors import DeviceError, ProtocolError
from trapnode.message import read_body, read_header
from trapnode.message.downlink import read_commands
from trapnode.message.header import KINDS, most_body
from trapnode.message.sealing import CardKey, open_downlink, open_uplink, seal, seal_downlink
from trapnode.model import MessageKind
from trapnode.protocols import rui3, rui3_module, sbd
from trapnode.protocols.at import MAX_BLOCK, AtReader, Dialect, Dialogue, Exchange
from trapnode.protocols.lines import IRIDIUM
from trapnode.protocols.lorawan import Region
from trapnode.protocols.shell import Shell
from trapnode.receive.deliveries import PARSERS
from trapnode.receive.signature import check
from trapnode.sim.air import Air
from trapnode.sim.gateway import Gateway
from trapnode.sim.modem import SbdTwin
from trapnode.sim.rui3 import Rui3Twin

__all__ = ["SEEDS", "TARGETS", "play"]

VECTORS = json.loads((Path(__file__).parent / "vectors" / "messages.json").read_text("utf-8"))
KEY = CardKey(VECTORS["generation"], bytes.fromhex(VECTORS["key"]))
SEALED = [bytes.fromhex(each["hex"]) for each in VECTORS["messages"]]
KINDS_UP = [kind for kind in KINDS if kind is not MessageKind.COMMANDS]
PAYLOAD = bytes(range(40))
NETWORK = rui3_module.Network(Region.RU864, "ac1f09fffe000001", "0102030405060708", "2b" * 16)
MOST_STEPS = 300  # The longest dialogue that was seen, with all its repetitions, has 90.
RESTED_S = 100_000.0  # Longer than any dialogue, and than any band rests.
NEXT, GOOD = b"\xff", b"\xfe"  # Part answers, and stand for what a sound modem answers.
WRITTEN = datetime(2026, 9, 1, tzinfo=UTC)
LATEST = datetime(2036, 1, 1, tzinfo=UTC)


class Twin(Protocol):
    def receive(self, data: bytes, now: float) -> None: ...
    def transmit(self, now: float) -> bytes: ...


def at_lines(data: bytes) -> None:
    """Read the AT lines of both families, and blocks, in pieces of any length."""
    for dialect in (IRIDIUM, rui3_module.RUI3):
        for block in (False, True):
            reader, rest = AtReader(dialect), data
            reader.expect(block)
            while rest:
                size = 1 + rest[0] % 64
                with suppress(ProtocolError):
                    reader.receive(rest[:size])
                assert len(reader._buffer) <= max(dialect.max_line, MAX_BLOCK + 256)
                rest = rest[size:]


def sbd_dialogues(data: bytes) -> None:
    """Hold dialogues with a 9602 that answers so; the first byte says which."""
    ledger, which = sbd.Ledger(), data[0] % 4 if data else 0
    dialogues = (
        [sbd.send(PAYLOAD, ledger), sbd.send(PAYLOAD, ledger, rings=True)],
        [sbd.start(), sbd.flush()],
        [sbd.fetch(ledger), sbd.announced()],
        [sbd.system_time(built=WRITTEN, latest=LATEST), sbd.signal()],
    )[which]
    for dialogue in dialogues:
        twin = SbdTwin(Gateway(random.Random(1)), rng=random.Random(1))
        play(dialogue, data[1:], twin, IRIDIUM)


def rui3_dialogues(data: bytes) -> None:
    """Hold every dialogue with a RAK3172 that answers so."""
    twin = Rui3Twin(Air(random.Random(1)))
    play(rui3.send(PAYLOAD, NETWORK), b"", twin, rui3_module.RUI3)  # It has joined, and rests.
    for number in (1, 2):
        dialogue = rui3.send(PAYLOAD, NETWORK, rejoin=number == 2)
        play(dialogue, data, twin, rui3_module.RUI3, number * RESTED_S)
    timed = rui3.network_time(NETWORK, built=WRITTEN, latest=LATEST)
    for other in (rui3.about(NETWORK), timed):
        play(other, data, twin, rui3_module.RUI3, 3 * RESTED_S)


def console_lines(data: bytes) -> None:
    """Read what a technician's cable brings."""
    shell = Shell()
    for line in shell.receive(data):
        shell.reply([line, "OK"])
    assert len(shell.to_send()) <= 64 * len(data) + 1000


def uplinks(data: bytes) -> None:
    """Open what nobody sealed, as it is and behind every header."""
    for payload in (data, *(bytes([0x10 | code]) + data for code in KINDS.values())):
        with suppress(ProtocolError):
            read_header(payload)
        with suppress(ProtocolError):
            open_uplink(payload, KEY, len(data))
            assert payload in SEALED


def bodies(data: bytes) -> None:
    """Read an authentic body of every kind that goes up."""
    for number, kind in enumerate(KINDS_UP):
        if kind is not MessageKind.CARD_FAILED and 0 < len(data) <= most_body(kind):
            opened = open_uplink(seal(kind, number + 1, data, KEY), KEY, 0)
            assert (opened.kind, opened.counter, opened.body) == (kind, number + 1, data)
        with suppress(ProtocolError):
            told = read_body(kind, data)
            assert sum(bool(getattr(told, name)) for name in told.__slots__) == 2, told


def downlinks(data: bytes) -> None:
    """Open what nobody sealed, and read its bytes as if somebody had."""
    for payload in (data, b"\x18" + data):
        with suppress(ProtocolError):
            raise AssertionError(open_downlink(payload, KEY, 0))
    if 0 < len(data) <= most_body(MessageKind.COMMANDS):
        assert open_downlink(seal_downlink(7, data, KEY), KEY, 6) == (7, data)
    with suppress(ProtocolError):
        assert len(read_commands(data)) <= len(data)


def webhooks(data: bytes) -> None:
    """Read every carrier's webhook, and its signature."""
    for parse in PARSERS.values():
        with suppress(ProtocolError):
            delivery = parse(data)
            if delivery is not None:
                assert len(delivery.payload) <= len(data)
                check(delivery, "no key")


def play(
    dialogue: Dialogue[object], data: bytes, twin: Twin, dialect: Dialect, now: float = 0.0
) -> object:
    """Run a dialogue to its end, or to an error of ours; give what it came to."""
    reader, answers = AtReader(dialect), _answers(data)
    try:
        ask = next(dialogue)
        for _ in range(MOST_STEPS):
            twin.receive(ask.write, now)
            now += ask.timeout_s
            reply = next(answers).replace(GOOD, twin.transmit(now))
            exchange = Exchange(reader, ask)
            ask = dialogue.send(exchange.receive(reply) or exchange.silence())
    except StopIteration as end:
        return end.value
    except (ProtocolError, DeviceError) as error:
        return error
    raise AssertionError(f"no end after {MOST_STEPS} steps")


def _answers(data: bytes) -> Iterator[bytes]:
    """Give an answer for each question; those that are not there are good."""
    for answer in data.split(NEXT):
        yield answer or GOOD
    while True:
        yield GOOD


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        at_lines,
        sbd_dialogues,
        rui3_dialogues,
        console_lines,
        uplinks,
        bodies,
        downlinks,
        webhooks,
    )
}
_ROCKBLOCK = {
    "imei": "300234010753370",
    "momsn": 7,
    "transmit_time": "26-11-22 04:30:12",
    "data": SEALED[0].hex(),
    "JWT": "a.b.c",
}
_TTS = {
    "end_device_ids": {"dev_eui": "AC1F09FFFE000001"},
    "uplink_message": {"frm_payload": "EQAB", "f_cnt": 7, "received_at": "2026-11-22T04:30:12Z"},
}
SEEDS: dict[str, list[bytes]] = {
    "at_lines": [
        b"\r\n+SBDIX: 0, 23, 0, -1, 0, 0\r\n\r\nOK\r\n",
        b"\x00\x05hello\x02\x14\r\nOK\r\n",
        b"+EVT:RX_1:-70:8:UNICAST:2:0a0B\r\nAT_PARAM_ERROR\r\n",
    ],
    "sbd_dialogues": [
        b"\0" + NEXT * 8 + b"\r\n+SBDIX: 32, 1, 2, 0, 0, 0\r\n\r\nOK\r\n",
        b"\0\r\nSBDRING\r\n" + GOOD + NEXT + GOOD + GOOD + NEXT * 5 + b"\r\nERROR\r\n",
        b"\1",
        b"\2\r\n+SBDSX: 1, 7, 0, -1, 1, 1\r\n\r\nOK\r\n",
        b"\3-MSSTM: 0a0b0c0d\r\n\r\nOK\r\n",
    ],
    "rui3_dialogues": [
        b"",
        NEXT * 14 + b"OK\r\nRestricted_Wait_1000_ms\r\nAT_BUSY_ERROR\r\n",
        NEXT * 14 + GOOD + b"+EVT:RX_1:-70:8:UNICAST:2:0a0B\r\n" + GOOD,
    ],
    "console_lines": [b"status\r\n", b"\x1b[A\x7fhelp\n"],
    "uplinks": SEALED,
    "bodies": [bytes.fromhex(each["body"]) for each in VECTORS["messages"]],
    "downlinks": [bytes.fromhex(each["body"]) for each in VECTORS["downlinks"]],
    "webhooks": [
        json.dumps(_ROCKBLOCK).encode(),
        b"imei=300234010753370&momsn=7&data=110001",
        json.dumps(_TTS).encode(),
        b'{"deviceInfo":{"devEui":"ac1f09fffe000001"},"data":"EQAB","fCnt":7}',
        b'{"identity":{"hardware":{"imei":"300234010753370"}},"message":"EQAB","sbd":{"momsn":7}}',
    ],
}
