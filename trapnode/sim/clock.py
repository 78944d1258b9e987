"""Clock twins: one that runs faster than time, for the demo, and one that only steps, for tests."""

import select
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from trapnode.words import ClockTrust

__all__ = ["FastClock", "SteppedClock", "Waitable"]


class Waitable(Protocol):
    """Anything that `select` can wait for."""

    def fileno(self) -> int:
        """Give the descriptor that turns readable."""
        ...


class FastClock:
    """Time from `origin` on, `rate` times as fast as real time.

    Clocks of several processes agree when they share `origin` and `real_origin_s`, a moment of
    the machine's monotonic clock.
    """

    def __init__(self, origin: datetime, rate: float, real_origin_s: float | None = None) -> None:
        self._origin = origin
        self._rate = rate
        self._real_origin_s = time.monotonic() if real_origin_s is None else real_origin_s

    def now(self) -> datetime:
        """Give the simulated wall time."""
        return self._origin + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Give simulated seconds since the origin."""
        return (time.monotonic() - self._real_origin_s) * self._rate

    def wait(self, readables: Sequence[Waitable], timeout_s: float) -> list[Waitable]:
        """Wait for something to read, at most `timeout_s` of simulated time."""
        ready, _, _ = select.select(list(readables), [], [], max(0.0, timeout_s) / self._rate)
        return ready

    def trust(self) -> ClockTrust:
        """Say where the time came from: a twin is as good as an RTC."""
        return ClockTrust.RTC


class SteppedClock:
    """A clock that stands still until somebody waits, and then is there at once.

    A readable with `next_s()` (the scripted PIR) ends a wait at its next moment. Other readables
    are asked for what is there already; nothing ever really waits.
    """

    def __init__(self, start: datetime = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)) -> None:
        self._start = start
        self._passed_s = 0.0
        self.trusted = ClockTrust.RTC

    def now(self) -> datetime:
        """Give the wall time."""
        return self._start + timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        """Give seconds since the start."""
        return self._passed_s

    def step(self, seconds: float) -> None:
        """Let time pass."""
        self._passed_s += seconds

    def set_wall(self, now: datetime) -> None:
        """Set the wall clock, as a network or a technician would; monotonic time goes on."""
        self._start = now - timedelta(seconds=self._passed_s)

    def trust(self) -> ClockTrust:
        """Say where the time came from."""
        return self.trusted

    def wait(self, readables: Sequence[Waitable], timeout_s: float) -> list[Waitable]:
        """Go to the next scripted moment, or past the timeout."""
        end_s = self._passed_s + max(0.0, timeout_s)
        scripted = [each for each in readables if hasattr(each, "next_s")]
        plain = [each for each in readables if not hasattr(each, "next_s")]
        ready, _, _ = select.select(plain, [], [], 0)
        if ready:
            return ready
        moments = [m for each in scripted if (m := each.next_s()) is not None and m <= end_s]
        self._passed_s = max(self._passed_s, min(moments, default=end_s))
        return [each for each in scripted if each.next_s() in moments]
