"""The console's lines, without the port: what a technician types, and what goes back.

In: bytes of any cut. A line ends with CR, LF or CRLF and has at most LINE_MAX printable ASCII
characters; noise is dropped, whole escape sequences (the arrows) too. Letters of another keyboard
are not noise: their line is refused, or a note would lose half its words. Backspace works, Ctrl-U
and Ctrl-C clear the line. What is typed comes back as echo.
Out: lines of printable ASCII (UTF-8, where a language needs it) ended with CRLF; the last line of
each reply is `OK` or `ERR <code> <text>`. An empty line is answered with `OK`: Enter is the first
thing that people try.

Two kinds of line are not for us, and stay unanswered: `AT`, `ATE0`, `AT+...`, with which
ModemManager looks for a modem on every new port, and what we sent ourselves, which comes back when
the other end echoes. Then our echo stops for good, or both would talk for ever.
"""

import re
from collections import deque
from collections.abc import Sequence

from trapnode.texts import Texts
from trapnode.texts.screen import printable

__all__ = [
    "CANCEL",
    "ERR_COMMAND",
    "ERR_DEVICE",
    "ERR_LENGTH",
    "ERR_LOCKED",
    "ERR_RATE",
    "ERR_SELFTEST",
    "ERR_STATUS",
    "ERR_STOPPED",
    "ERR_STORE",
    "ERR_VALUE",
    "LINE_MAX",
    "OK",
    "Shell",
    "err",
]

LINE_MAX = 256
OK = "OK"
ERR_COMMAND = 1  # Not understood.
ERR_LENGTH = 2  # Line too long.
ERR_STORE = 3  # The card or the store failed.
ERR_STATUS = 4  # No status yet.
ERR_VALUE = 5  # A value makes no sense.
ERR_STOPPED = 6  # The technician stopped it.
ERR_LOCKED = 7  # It needs the answer to a nonce.
ERR_RATE = 8  # Too many lines, or wrong answers, at once.
ERR_DEVICE = 9  # A device, or the process that has it, does not answer.
ERR_SELFTEST = 10  # A self-test failed.

REMEMBERED = 256  # Lines we sent; an answer has 25 at most.
NEWLINE = b"\r\n"
ENDS = b"\r\n"
BACKSPACES = b"\x08\x7f"
ERASE = b"\x08 \x08"
CTRL_C, CTRL_U, ESC = 0x03, 0x15, 0x1B
CANCEL = "\x03"  # The line that Ctrl-C is, while an answer waits.
INTRODUCERS = b"[O"  # ESC and one of these begin a sequence; ESC and another byte are one.
PROBE = re.compile(r"AT([EHIQSVXZ]\d*)*([^A-Z].*)?", re.IGNORECASE)
FOREIGN_MOST = 10  # Until a good line: more is a noisy cable.


def err(code: int, text: str) -> str:
    """Make the line that ends a reply to what failed."""
    return f"ERR {code} {text}"


class Shell:
    """One conversation over one cable.

    While `waits`, an answer goes on: Enter alone and Ctrl-C are lines, too, "" and CANCEL.
    Replies carry the letters of the language of `texts`; what is typed stays ASCII.
    """

    def __init__(self, texts: Texts | None = None) -> None:
        self._texts = texts or Texts()
        self.waits = False
        self._line = bytearray()
        self._too_long = False
        self._complained = False
        self._dropped = False  # Something in this line is no character of ours.
        self._high = 0  # Bytes beyond ASCII, one after another.
        self._letters = False  # Two of them are a letter of another keyboard.
        self._foreign = 0  # Lines with such, or without one of ours, since the last good one.
        self._escape = b""  # What came of an escape sequence.
        self._after_cr = False
        self._echoes = True
        self._to_send = bytearray()
        self._sent: deque[str] = deque(maxlen=REMEMBERED)

    def receive(self, data: bytes) -> list[str]:
        """Take bytes from the cable; give the lines they complete. Sends: see `to_send`."""
        lines = []
        for byte in data:
            second = self._after_cr and byte == ENDS[1]  # The LF of a CRLF.
            self._after_cr = byte == ENDS[0]
            if byte in ENDS:
                self._escape = b""
                lines += [] if second else self._ended()
            elif not self._escaped(byte):
                lines += self._edit(byte)
        return lines

    def forget(self) -> None:
        """Drop what was half typed: the cable is out, or nobody has typed for long."""
        self._clear()
        self._escape, self._after_cr, self.waits = b"", False, False

    def to_send(self) -> bytes:
        """Take the echo, and the word that a line was too long."""
        sent = bytes(self._to_send)
        self._to_send.clear()
        return sent

    def reply(self, lines: Sequence[str]) -> bytes:
        """Make the bytes of a reply, whose last line is `OK` or `err(...)`."""
        shown = [printable(line, self._texts.utf8) for line in lines]
        self._sent.extend(line.strip() for line in shown)
        return b"".join(line.encode("utf-8") + NEWLINE for line in shown)

    def _escaped(self, byte: int) -> bool:
        """Say whether a byte belongs to an escape sequence; a control character ends one."""
        if byte == ESC:
            self._escape = b"\x1b"
            return True
        if not self._escape or byte < 0x20 or byte > 0x7E:
            self._escape = b""
            return False
        begins = len(self._escape) == 1 and byte in INTRODUCERS
        goes_on = self._escape == b"\x1b[" and byte < 0x40  # Its numbers.
        if begins:
            self._escape += bytes([byte])
        elif not goes_on:
            self._escape = b""
        return True

    def _edit(self, byte: int) -> list[str]:
        if byte in BACKSPACES:
            self._erase()
        elif byte == CTRL_U:
            self._echo(ERASE * len(self._line))
            self._clear()
        elif byte == CTRL_C:
            self._echo(NEWLINE)
            self._clear()
            return [CANCEL] if self.waits else []
        elif 0x20 <= byte <= 0x7E:
            self._append(byte)
        else:
            self._dropped = True
            self._high = self._high + 1 if byte > 0x7F else 0
            self._letters |= self._high == 2
        return []

    def _clear(self) -> None:
        self._line.clear()
        self._too_long = self._dropped = self._letters = False
        self._high = 0

    def _append(self, byte: int) -> None:
        if len(self._line) == LINE_MAX:
            self._too_long = True
            return
        self._line.append(byte)
        self._high = 0
        self._echo(bytes([byte]))

    def _erase(self) -> None:
        if self._line:
            del self._line[-1]
            self._echo(ERASE)

    def _ended(self) -> list[str]:
        line = self._line.decode("ascii").strip()
        too_long, dropped, letters = self._too_long, self._dropped, self._letters
        self._clear()
        if too_long:
            self._complain()
            return []
        if not line and self.waits and not dropped:
            self._echo(NEWLINE)
            return [""]
        if not line or letters:
            self._answer_nothing(dropped)
            return []
        if line in self._sent:
            self._echoes = False
            return []
        self._echo(NEWLINE)
        self._complained, self._foreign = False, 0
        return [] if PROBE.fullmatch(line) else [line]

    def _answer_nothing(self, dropped: bool) -> None:
        """Answer Enter alone, or a line of another keyboard."""
        self._foreign += dropped
        if dropped and self._foreign > FOREIGN_MOST:
            return
        self._echo(NEWLINE)
        self._to_send += self.reply(
            [err(ERR_COMMAND, self._texts("err.foreign")) if dropped else OK]
        )

    def _complain(self) -> None:
        if not self._complained:  # Once, until a good line: a noisy cable gets no talk.
            self._complained = True
            self._to_send += self.reply(
                ["", err(ERR_LENGTH, self._texts("err.length", most=LINE_MAX))]
            )

    def _echo(self, data: bytes) -> None:
        if self._echoes:
            self._to_send += data
