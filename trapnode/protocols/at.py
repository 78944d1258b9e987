"""The line to an AT modem: what its bytes mean, and one question with its answer.

A dialogue is a generator: it yields an `Ask` and is sent the `Answer`. Whoever runs it owns the
port and the clock: it writes `ask.write`, feeds what arrives to an `Exchange`, and hands over
`exchange.silence()` when `ask.timeout_s` has passed without an end.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from trapnode.errors import ProtocolError
from trapnode.protocols.lines import (
    IRIDIUM,
    MAX_LINE,
    SUM_BYTES,
    Block,
    Dialect,
    Final,
    Line,
    Ready,
    Unsolicited,
    Value,
    read_line,
    sum16,
)

__all__ = [
    "AT_TIMEOUT_S",
    "MAX_LINE",
    "Answer",
    "Ask",
    "AtReader",
    "Block",
    "Dialect",
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

MAX_LINES = 32  # AT+CGMR, the longest answer, has about ten.
MAX_BLOCK = 1960  # The largest message of any SBD modem (9522B); the 9602 sends up to 270.
AT_TIMEOUT_S = 30.0  # Iridium guides: 20 to 30 s for any command but a session (CSQ takes 20).
LINE_END = re.compile(rb"[\r\n]")
LENGTH_BYTES = 2


class AtReader:
    """Cut the modem's bytes into values, wherever the port cut them."""

    def __init__(self, dialect: Dialect = IRIDIUM) -> None:
        self._dialect = dialect
        self._buffer = bytearray()
        self._expects_block = False

    def expect(self, block: bool) -> None:
        """Say whether the next answer carries a block; forget a half of one that never came."""
        if self._expects_block:
            self._buffer.clear()
        self._expects_block = block

    def receive(self, data: bytes) -> list[Value]:
        """Take bytes; give the values they complete.

        Raises ProtocolError, with the buffer emptied, when a line is longer than the dialect's.
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
        most = self._dialect.max_line
        if (end.start() if end else len(self._buffer)) > most:
            self._buffer.clear()
            raise ProtocolError(f"the modem sent a line longer than {most} bytes")
        if end is None:
            return None
        text = self._buffer[: end.start()].decode("ascii", "backslashreplace").strip()
        del self._buffer[: end.end()]
        value = read_line(text, self._dialect)
        if isinstance(value, Final):
            self._expects_block = False
        return value


class Expect(Enum):
    """What ends an answer, besides OK and ERROR."""

    FINAL = "nothing else"
    READY = "READY"
    BLOCK = "nothing else, but a block comes before it"
    NOTHING = "only the end of the time: gather what is left of an earlier answer"


@dataclass(frozen=True, slots=True)
class Ask:
    """One step of a dialogue: what to write, what ends the answer, how long it may take.

    With `until`, OK is a line of the answer, and a line after it that fits `until` is the end.
    """

    write: bytes
    timeout_s: float = AT_TIMEOUT_S
    expect: Expect = Expect.FINAL
    until: re.Pattern[str] | None = None


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
    after: tuple[str, ...] = ()
    """Lines that came with its end: a slow reader finds the next word in the same bytes."""


Result = TypeVar("Result")
Dialogue = Generator[Ask, Answer, Result]


class Exchange:
    """One question, and what comes back until the value that ends it."""

    def __init__(self, reader: AtReader, ask: Ask) -> None:
        self._reader, self._expect, self._until = reader, ask.expect, ask.until
        self._lines: list[str] = []
        self._block: Block | None = None
        self.unsolicited: list[str] = []
        reader.expect(block=ask.expect is Expect.BLOCK)

    def receive(self, data: bytes) -> Answer | None:
        """Take bytes; give the answer once it is complete. Raises ProtocolError past a bound."""
        values = iter(self._reader.receive(data))
        for value in values:
            end = self._take(value)
            if len(self._lines) > MAX_LINES:
                raise ProtocolError(f"the modem's answer has more than {MAX_LINES} lines")
            if end is not None:
                return replace(self._answer(end), after=self._rest(values))
        return None

    def _rest(self, values: Iterator[Value]) -> tuple[str, ...]:
        rest = list(values)
        self.unsolicited += [each.text for each in rest if isinstance(each, Unsolicited)]
        return tuple(each.text for each in rest if isinstance(each, Line))

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
            end = self._take_line(value.text)
        elif isinstance(value, Final):
            end = self._take_final(value)
        else:
            end = End.READY if self._expect is Expect.READY else None
        if end is not None and self._expect is Expect.NOTHING:
            self._lines.append(end.value)
            return None
        return end

    def _take_line(self, text: str) -> End | None:
        accepted = End.OK.value in self._lines
        self._lines.append(text)
        return End.OK if accepted and self._until and self._until.fullmatch(text) else None

    def _take_final(self, final: Final) -> End | None:
        if final.reason:
            self._lines.append(final.reason)
        elif final.ok and self._until:
            self._lines.append(End.OK.value)
            return None
        return End.OK if final.ok else End.ERROR
