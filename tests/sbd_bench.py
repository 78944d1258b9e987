"""A script for the SBD dialogues: what must be written, and what real modems answer."""

from datetime import UTC, datetime

from trapnode.protocols import sbd
from trapnode.protocols.at import AtReader, Exchange, sum16

OK = b"\r\nOK\r\n"
ERROR = b"\r\nERROR\r\n"
SILENCE = b""
PAYLOAD = bytes(range(40))
BUILT = datetime(2026, 9, 1, tzinfo=UTC)
LATEST = datetime(2036, 1, 1, tzinfo=UTC)


def line(text: str) -> bytes:
    return f"\r\n{text}\r\n\r\nOK\r\n".encode()


def block(payload: bytes) -> bytes:
    return len(payload).to_bytes(2, "big") + payload + sum16(payload) + OK


def play(dialogue, answer_to, cut=0):
    """Run a dialogue to its result; `answer_to` says what comes back to what was written."""
    reader = AtReader()
    try:
        ask = next(dialogue)
        while True:
            reply = answer_to(ask.write)
            exchange = Exchange(reader, ask)
            early = exchange.receive(reply[:cut])
            ask = dialogue.send(early or exchange.receive(reply[cut:]) or exchange.silence())
    except StopIteration as done:
        return done.value


def converse(dialogue, script, cut=0):
    """Play `script`: pairs of what must be written and what comes back, to the last."""
    steps = iter(script)

    def answer_to(written):
        expected, reply = next(steps)
        assert written == expected
        return reply

    result = play(dialogue, answer_to, cut)
    assert list(steps) == []
    return result


def send(payload=PAYLOAD, ledger=None, **options):
    return sbd.send(payload, sbd.Ledger() if ledger is None else ledger, **options)


SYNC = [(b"AT\r", OK), (b"", SILENCE)]
WRITTEN = [
    (b"AT+SBDWB=40\r", b"\r\nREADY\r\n"),
    (PAYLOAD + bytes.fromhex("030c"), line("0")),
    (b"AT+SBDTC\r", line("SBDTC: Outbound SBD Copied to Inbound SBD: size = 40")),
    (b"AT+SBDRB\r", block(PAYLOAD)),
    (b"AT+SBDD1\r", line("0")),
]


def session(sbdix, *, before="1, 23, 0, 0", after="1, 24, 0, 0"):
    return [
        *WRITTEN,
        *[(b"AT+SBDS\r", line(f"+SBDS: {before}"))] * 2,
        (b"AT+SBDIX\r", line(sbdix)),
        (b"AT+SBDS\r", line(f"+SBDS: {after}")),
        (b"AT+SBDD0\r", line("0")),
    ]


def lost_word(after, word=SILENCE):
    asked = [(b"AT+SBDS\r", line(f"+SBDS: {after}"))] * 2
    return [*session("")[:7], (b"AT+SBDIX\r", word), *SYNC, *asked]
