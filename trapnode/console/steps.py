"""What an answer is made of: lines, waits and questions, one after another.

An answer is a generator: it yields a line to show, a `Wait`, or an `Ask`, which gives it what the
technician types next; what it returns is the reply's last line. The console and `trapnode selftest`
drive the same answers.
"""

from collections.abc import Generator
from dataclasses import dataclass

from trapnode.texts import Texts

__all__ = ["Ask", "Failed", "Steps", "Wait"]


@dataclass(frozen=True, slots=True)
class Wait:
    """Come back after so many seconds; a line that comes before ends the answer."""

    seconds: float
    ends_well: bool = False  # With OK: it would go on for long.


@dataclass(frozen=True, slots=True)
class Ask:
    """Come back with the next line; `error` ends the reply in the place of OK."""

    error: str = ""


Steps = Generator[str | Wait | Ask, str, str]
"""Lines, waits and questions; returns the last line, `OK` or `ERR code text`."""


class Failed(Exception):
    """The answer is an error: its code, and the text for it."""

    def __init__(self, code: int, key: str, **values: object) -> None:
        super().__init__(key)
        self.code, self.key, self.values = code, key, values

    def text(self, texts: Texts) -> str:
        """Give the text in the technician's language."""
        return texts(self.key, **self.values)
