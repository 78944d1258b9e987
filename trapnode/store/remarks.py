"""What is noted in RAM of a technician's visit, and read without asking anybody.

RUN/visit.json     when somebody last typed (monotonic, s); gone with the cable
RUN/tested.json    what failed in the last self-test, and when
RUN/deployed.json  the last deploy or collect
RUN/radio.json     what the last session came to, and when
RUN/signal.json    the bars that the modem told somebody who asked, and when
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from trapnode.store.ramfile import replace

__all__ = [
    "deployed",
    "leave",
    "note_deployed",
    "note_radio",
    "note_signal",
    "note_tested",
    "number_of",
    "radio",
    "read",
    "seconds_of",
    "signal",
    "technician_here",
    "tested",
    "visit",
]

HERE_S = 600.0  # So long after the last line somebody is still here.


def note_radio(run: Path, text: str, now_s: float) -> None:
    """Note in one line what a session came to."""
    replace(run / "radio.json", {"text": text, "at_s": now_s})


def radio(run: Path, now_s: float) -> tuple[str, float] | None:
    """Read what the last session came to, and its age, s; None: there was none."""
    found = read(run / "radio.json")
    text = found.get("text")
    return (text, now_s - seconds_of(found, "at_s")) if isinstance(text, str) else None


def note_signal(run: Path, bars: int, now_s: float) -> None:
    """Note what a modem hears, 0 to 5."""
    replace(run / "signal.json", {"bars": bars, "at_s": now_s})


def signal(run: Path, now_s: float) -> tuple[int, float] | None:
    """Read what the modem heard when it was asked last, and how long ago, s; None: never asked."""
    found = read(run / "signal.json")
    return (number_of(found, "bars"), now_s - seconds_of(found, "at_s")) if found else None


def note_tested(run: Path, failed: Sequence[str], now_s: float) -> None:
    """Note what failed in a self-test; nothing: it passed."""
    replace(run / "tested.json", {"failed": list(failed), "at_s": now_s})


def tested(run: Path, now_s: float) -> tuple[list[str], float] | None:
    """Read what failed in the last self-test of this boot, and its age, s; None: there was none."""
    found = read(run / "tested.json")
    failed = found.get("failed")
    if not isinstance(failed, list):
        return None
    return [str(each) for each in failed], now_s - seconds_of(found, "at_s")


def note_deployed(run: Path, kind: str, at: datetime, by: str) -> None:
    """Note the last deploy or collect where it is read without the card."""
    replace(run / "deployed.json", {"kind": kind, "at": at.isoformat(), "by": by})


def deployed(run: Path) -> dict[str, object]:
    """Read the last deploy or collect: kind, at, by; empty: none is known."""
    return read(run / "deployed.json")


def visit(run: Path, now_s: float) -> None:
    """Note that somebody typed a line."""
    replace(run / "visit.json", {"at_s": now_s})


def leave(run: Path) -> None:
    """Note that the cable is out."""
    with contextlib.suppress(OSError):
        (run / "visit.json").unlink(missing_ok=True)


def technician_here(run: Path, now_s: float) -> bool:
    """Say whether somebody typed lately: no time to switch the power off."""
    found = read(run / "visit.json")
    return "at_s" in found and now_s - seconds_of(found, "at_s") < HERE_S


def read(path: Path) -> dict[str, object]:
    """Read a file of RAM as the table it holds; empty: there is none, or it is broken."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def number_of(found: Mapping[str, object], key: str) -> int:
    """Give a whole number of a table, 0 where there is none."""
    value = found.get(key)
    return value if isinstance(value, int) else 0


def seconds_of(found: Mapping[str, object], key: str) -> float:
    """Give a moment of a table, long ago where there is none."""
    value = found.get(key)
    return float(value) if isinstance(value, int | float) else float("-inf")
