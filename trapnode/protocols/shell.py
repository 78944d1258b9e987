"""The console's lines, without the port: what a technician types, and what goes back.

In: bytes of any cut. A line ends with CR, LF or CRLF and has at most LINE_MAX printable ASCII
characters; others are dropped, backspace works. What is typed comes back as echo.
Out: lines of printable ASCII ended with CRLF; the last line of each reply is `OK` or
`ERR <code> <text>`.

Two kinds of line are not for us, and stay unanswered: `AT...`, with which ModemManager looks for
a modem on every new port, and what we sent ourselves, which comes back when the other end
echoes. Then our echo stops for good, or both would talk for ever.
"""

from collections import deque
from collections.abc import Sequence

__all__ = ["ERR_COMMAND", "ERR_LENGTH", "ERR_STATUS", "ERR_STORE", "LINE_MAX", "OK", "Shell", "err"]

LINE_MAX = 256
OK = "OK"
ERR_COMMAND = 1  # Not understood.
ERR_LENGTH = 2  # Line too long.
ERR_STORE = 3  # The card or the store failed.
ERR_STATUS = 4  # No status yet.

REMEMBERED = 256  # Lines we sent; an answer has 25 at most.
NEWLINE = b"\r\n"
ENDS = b"\r\n"
BACKSPACES = b"\x08\x7f"
ERASE = b"\x08 \x08"


def err(code: int, text: str) -> str:
    """Make the line that ends a reply to what failed."""
    return f"ERR {code} {text}"


class Shell:
    """One conversation over one cable."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._too_long = False
        self._complained = False
        self._echoes = True
        self._to_send = bytearray()
        self._sent: deque[str] = deque(maxlen=REMEMBERED)

    def receive(self, data: bytes) -> list[str]:
        """Take bytes from the cable; give the lines they complete. Sends: see `to_send`."""
        lines = []
        for byte in data:
            if byte in ENDS:
                lines += self._ended()
            elif byte in BACKSPACES:
                self._erase()
            elif 0x20 <= byte <= 0x7E:
                self._append(byte)
        return lines

    def to_send(self) -> bytes:
        """Take the echo, and the word that a line was too long."""
        sent = bytes(self._to_send)
        self._to_send.clear()
        return sent

    def reply(self, lines: Sequence[str]) -> bytes:
        """Make the bytes of a reply, whose last line is `OK` or `err(...)`."""
        printable = [_printable(line) for line in lines]
        self._sent.extend(line.strip() for line in printable)
        return b"".join(line.encode("ascii") + NEWLINE for line in printable)

    def _append(self, byte: int) -> None:
        if len(self._line) == LINE_MAX:
            self._too_long = True
            return
        self._line.append(byte)
        self._echo(bytes([byte]))

    def _erase(self) -> None:
        if self._line:
            del self._line[-1]
            self._echo(ERASE)

    def _ended(self) -> list[str]:
        line, too_long = self._line.decode("ascii").strip(), self._too_long
        self._line.clear()
        self._too_long = False
        if too_long:
            self._complain()
            return []
        if not line:
            return []
        if line in self._sent:
            self._echoes = False
            return []
        self._echo(NEWLINE)
        self._complained = False
        return [] if line.upper().startswith("AT") else [line]

    def _complain(self) -> None:
        if not self._complained:  # Once, until a good line: a noisy cable gets no talk.
            self._complained = True
            self._to_send += self.reply(["", err(ERR_LENGTH, f"line over {LINE_MAX} characters")])

    def _echo(self, data: bytes) -> None:
        if self._echoes:
            self._to_send += data


def _printable(line: str) -> str:
    """Make printable ASCII: what a modem said must not steer the technician's terminal."""
    return "".join(each if " " <= each <= "~" else "?" for each in line)
