"""How long camera, judge and modem were busy in this boot, and whether the radio is on: in RAM.

The keeper counts energy by it; the station masks the PIR while our own radio transmits.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from trapnode.store.ramfile import replace

__all__ = ["NEVER", "Busy", "Mark", "read_busy"]

LONGEST_S = 400.0  # No call of a device lasts longer: the watchdog ends it.


@dataclass(frozen=True, slots=True)
class Mark:
    """How long one of them was busy (s), since when it is, and when it last ended (monotonic)."""

    seconds: float = 0.0
    since_s: float | None = None
    ended_s: float | None = None

    def total_s(self, now_s: float) -> float:
        """Give the seconds up to now."""
        going = 0.0 if self.since_s is None else max(0.0, now_s - self.since_s)
        return self.seconds + going

    def covers(self, moment_s: float, after_s: float) -> bool:
        """Say whether it was busy at a moment, or had ended less than `after_s` before."""
        if self.since_s is not None and 0 <= moment_s - self.since_s < LONGEST_S:
            return True
        return self.ended_s is not None and 0 <= moment_s - self.ended_s < after_s


NEVER = Mark()


class Busy:
    """The mark of one of them, which goes on where the process before left it."""

    def __init__(self, run: Path, kind: str, monotonic: Callable[[], float]) -> None:
        self._path = run / f"{kind}.busy"
        self._monotonic = monotonic
        found = _read(self._path)
        self._mark = Mark(found.seconds, None, found.ended_s)
        if found.since_s is not None:  # Its process died in the middle.
            self._tell(self._mark)

    @contextlib.contextmanager
    def during(self) -> Iterator[None]:
        """Mark the beginning and the end, whatever happens between."""
        began_s = self._monotonic()
        self._tell(Mark(self._mark.seconds, began_s, self._mark.ended_s))
        try:
            yield
        finally:
            ended_s = self._monotonic()
            self._tell(Mark(self._mark.seconds + ended_s - began_s, None, ended_s))

    def add(self, seconds: float) -> None:
        """Count what is over, where nobody must know before."""
        self._tell(Mark(self._mark.seconds + seconds, None, self._monotonic()))

    def _tell(self, mark: Mark) -> None:
        self._mark = mark
        replace(self._path, asdict(mark))


def read_busy(run: Path, kind: str) -> Mark:
    """Read a mark; a missing or broken one was never busy."""
    return _read(run / f"{kind}.busy")


def _read(path: Path) -> Mark:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(path.read_text("utf-8"))
        since_s, ended_s = found["since_s"], found["ended_s"]
        return Mark(
            float(found["seconds"]),
            None if since_s is None else float(since_s),
            None if ended_s is None else float(ended_s),
        )
    return NEVER
