"""What the lines of an AT modem mean, in the dialect of its family."""

import re
from dataclasses import dataclass

__all__ = [
    "IRIDIUM",
    "MAX_LINE",
    "SUM_BYTES",
    "Block",
    "Dialect",
    "Final",
    "Line",
    "Ready",
    "Unsolicited",
    "Value",
    "read_line",
    "sum16",
]

MAX_LINE = 256  # The longest Iridium answer (+SBDTC's sentence) is 60 bytes, an echo 135.

SUM_BYTES = 2


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which lines mean what: patterns of whole lines; `error` has one group, the reason."""

    error: re.Pattern[str]
    unsolicited: re.Pattern[str]
    echo: re.Pattern[str]
    max_line: int


IRIDIUM = Dialect(
    error=re.compile(r"ERROR()"),
    unsolicited=re.compile(r"\+?SBDRING|\+CIEV:.*|\+AREG:.*"),  # The guide prints +SBDRING.
    echo=re.compile(r"AT.*"),  # No line of an answer begins so.
    max_line=MAX_LINE,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Final:
    """The line that ends an answer: OK, or an error with its reason where one is given."""

    ok: bool
    reason: str = ""


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


def read_line(text: str, dialect: Dialect) -> Value:
    """Say what `text`, a whole line without its end, means."""
    if text == "OK":
        return Final(True)
    if error := dialect.error.fullmatch(text):
        return Final(False, error[1])
    if text == "READY":
        return Ready()
    if dialect.unsolicited.fullmatch(text):
        return Unsolicited(text)
    return Line("" if dialect.echo.fullmatch(text) else text)
