"""The line to an AT modem: what its bytes mean, and one question with its answer.

A dialogue is a generator: it yields an `Ask` and is sent the `Answer`. Whoever runs it owns the
port and the clock: it writes `ask.write`, feeds what arrives to an `Exchange`, and hands over
`exchange.silence()` when `ask.timeout_s` has passed without an end.
"""

import re
from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from trapnode.errors import ProtocolError

__all__ = [
    "Answer",
    "Ask",
    "AtReader",
    "Block",
    "Dialogue",
    "End",
    "Exchange",
    "Expect",
    "Final",
    "Line",
    "Ready",
    "Unsolicited",
    "sum16",
]

MAX_LINE = 256  # The longest answer we know (+SBDTC's sentence) is 60 bytes, an echo 135.
MAX_LINES = 32  # AT+CGMR, the longest answer, has about ten.
MAX_BLOCK = 1960  # The largest message of any SBD modem (9522B); the 9602 sends up to 270.
AT_TIMEOUT_S = 30.0  # Iridium guides: 20 to 30 s for any command but a session (CSQ takes 20).

FINAL = {"OK": True, "ERROR": False}
LINE_END = re.compile(rb"[\r\n]")
ECHO = "AT"  # No line of an answer begins so.
UNSOLICITED = re.compile(r"\+?SBDRING|\+CIEV:.*|\+AREG:.*")  # The guide's table prints +SBDRING.
LENGTH_BYTES, SUM_BYTES = 2, 2


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Final:
    """The line that ends an answer: OK or ERROR."""

    ok: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """The modem waits for the bytes of a message."""


@dataclass(frozen=True, slots=True)
class Unsolicited:
    """What the modem says on its own, between any two lines: a ring, a change of signal."""

    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """The bytes that AT+SBDRB reads; `intact` when their sum is right."""

    payload: bytes
    intact: bool


Value = Line | Final | Ready | Unsolicited | Block


def sum16(payload: bytes) -> bytes:
    """Give the two bytes that follow a message on the wire: the sum of its bytes, modulo 65536."""
    return (sum(payload) & 0xFFFF).to_bytes(SUM_BYTES, "big")


class AtReader:
    """Cut the modem's bytes into values, wherever the port cut them."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._expects_block = False

    def expect(self, block: bool) -> None:
        """Say whether the next answer carries a block; forget a half of one that never came."""
        if self._expects_block:
            self._buffer.clear()
        self._expects_block = block

    def receive(self, data: bytes) -> list[Value]:
        """Take bytes; give the values they complete.

        Raises ProtocolError, with the buffer emptied, when a line is longer than MAX_LINE.
        """
        self._buffer += data
        values: list[Value] = []
        while (value := self._next()) is not None:
            if not isinstance(value, Line) or value.text:
                values.append(value)
        return values

    def _next(self) -> Value | None:
        # A block begins with its length, so with a byte below 8 (MAX_BLOCK >> 8 is 7). Text
        # before it (an echo, a ring, a bare OK) begins with a letter, a sign or a line end.
        if self._expects_block and self._buffer and self._buffer[0] <= MAX_BLOCK >> 8:
            return self._next_block()
        return self._next_line()

    def _next_block(self) -> Block | None:
        end = LENGTH_BYTES + int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
        if len(self._buffer) < end + SUM_BYTES:
            return None
        payload = bytes(self._buffer[LENGTH_BYTES:end])
        found = bytes(self._buffer[end : end + SUM_BYTES])
        del self._buffer[: end + SUM_BYTES]
        self._expects_block = False
        return Block(payload, found == sum16(payload))

    def _next_line(self) -> Value | None:
        end = LINE_END.search(self._buffer)
        if (end.start() if end else len(self._buffer)) > MAX_LINE:
            self._buffer.clear()
            raise ProtocolError(f"the modem sent a line longer than {MAX_LINE} bytes")
        if end is None:
            return None
        text = self._buffer[: end.start()].decode("ascii", "backslashreplace").strip()
        del self._buffer[: end.end()]
        value = _read_line(text)
        if isinstance(value, Final):
            self._expects_block = False
        return value


def _read_line(text: str) -> Value:
    if text in FINAL:
        return Final(FINAL[text])
    if text == "READY":
        return Ready()
    if UNSOLICITED.fullmatch(text):
        return Unsolicited(text)
    return Line("" if text.startswith(ECHO) else text)


class Expect(Enum):
    """What ends an answer, besides OK and ERROR."""

    FINAL = "nothing else"
    READY = "READY"
    BLOCK = "nothing else, but a block comes before it"
    NOTHING = "only the end of the time: gather what is left of an earlier answer"


@dataclass(frozen=True, slots=True)
class Ask:
    """One step of a dialogue: what to write, what ends the answer, how long it may take."""

    write: bytes
    timeout_s: float = AT_TIMEOUT_S
    expect: Expect = Expect.FINAL


class End(Enum):
    """How an answer ended."""

    OK = "OK"
    ERROR = "ERROR"
    READY = "READY"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back to one `Ask`."""

    end: End
    lines: tuple[str, ...] = ()
    block: Block | None = None


Result = TypeVar("Result")
Dialogue = Generator[Ask, Answer, Result]


class Exchange:
    """One question, and what comes back until the value that ends it."""

    def __init__(self, reader: AtReader, ask: Ask) -> None:
        self._reader, self._expect = reader, ask.expect
        self._lines: list[str] = []
        self._block: Block | None = None
        self.unsolicited: list[str] = []
        reader.expect(block=ask.expect is Expect.BLOCK)

    def receive(self, data: bytes) -> Answer | None:
        """Take bytes; give the answer once it is complete. Raises ProtocolError past a bound."""
        for value in self._reader.receive(data):
            end = self._take(value)
            if len(self._lines) > MAX_LINES:
                raise ProtocolError(f"the modem's answer has more than {MAX_LINES} lines")
            if end is not None:
                return self._answer(end)
        return None

    def silence(self) -> Answer:
        """Give what came, when the time is over."""
        return self._answer(End.SILENCE)

    def _answer(self, end: End) -> Answer:
        return Answer(end, tuple(self._lines), self._block)

    def _take(self, value: Value) -> End | None:
        end = None
        if isinstance(value, Unsolicited):
            self.unsolicited.append(value.text)
        elif isinstance(value, Block):
            self._block = value
        elif isinstance(value, Line):
            self._lines.append(value.text)
        elif isinstance(value, Final):
            end = End.OK if value.ok else End.ERROR
        else:
            end = End.READY if self._expect is Expect.READY else None
        if end is not None and self._expect is Expect.NOTHING:
            self._lines.append(end.value)
            return None
        return end
