"""How a screen of 80 columns is filled: what may be shown, how wide it is, ages, numbers, times."""

from datetime import UTC, datetime

__all__ = ["WIDTH", "age_text", "cut", "moment_text", "printable", "scaled"]

WIDTH = 80
AGES = ((172_800, 86_400, "days"), (7_200, 3_600, "h"), (120, 60, "min"))  # From, in, name.


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


def age_text(seconds: float) -> str:
    """Give a length of time in a unit that says enough; before 0 the clock was set back."""
    for least, unit, name in AGES:
        if seconds >= least:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


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
