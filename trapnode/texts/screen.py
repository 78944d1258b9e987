"""How a screen of 80 columns is filled: what may be shown, how wide it is, numbers, times."""

from datetime import UTC, datetime

__all__ = ["WIDTH", "columns", "cut", "moment_text", "padded", "printable", "scaled", "wrapped"]

WIDTH = 80


def printable(line: str, utf8: bool = False) -> str:
    """Make a line printable: what a modem said must not steer the technician's terminal.

    Without `utf8` only ASCII is. With it letters of any script are; controls never are, nor what
    turns the direction of writing.
    """
    return "".join(each if _is_shown(each, utf8) else "?" for each in line)


def cut(line: str, utf8: bool = False) -> str:
    """Make a line printable, and cut what is beyond 80 columns; a Chinese character has two."""
    line = printable(line, utf8)
    if line.isascii():
        return line[:WIDTH]
    used = 0
    for number, each in enumerate(line):
        used += _columns(each)
        if used > WIDTH:
            return line[:number]
    return line


def columns(text: str) -> int:
    """Count the columns that a text takes; a Chinese character takes two."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def padded(text: str, width: int) -> str:
    """Fill a text up with blanks to so many columns."""
    return text + " " * (width - columns(text))


def wrapped(line: str, indent: str) -> list[str]:
    """Break a line into rows of 80 columns, at a blank where there is one; later ones indented."""
    rows = []
    while columns(line) > WIDTH:
        row = cut(line, utf8=True)
        blank = row.rfind(" ", len(indent) + 1)
        end = len(row) if blank < 0 or line[len(row)] == " " else blank
        rows.append(line[:end].rstrip())
        line = indent + line[end:].lstrip()
    return [*rows, line]


def scaled(value: object, divisor: float, unit: str, digits: int = 1) -> str:
    """Give a number in a unit; anything else is `?`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "?"
    return f"{value / divisor:.{digits}f}{unit}"


def moment_text(value: object) -> str:
    """Give a time of a status to the second, in UTC; anything else is `?`."""
    try:
        at = datetime.fromisoformat(str(value))
        return f"{at.astimezone(UTC) if at.tzinfo else at:%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        return "?"


def _is_shown(each: str, utf8: bool) -> bool:
    if " " <= each <= "~":
        return True
    if not utf8 or not each.isprintable():
        return False
    import unicodedata  # Only where a catalogue has other letters.

    return unicodedata.category(each)[0] != "M"  # Marks pile up on the letter before.


def _columns(each: str) -> int:
    import unicodedata

    return 2 if unicodedata.east_asian_width(each) in "WF" else 1
