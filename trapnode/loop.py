"""What the five loops share: the clock, the order to stop, and the sign of life.

A loop is `run(..., stopping, alive)`: it does what is due, calls `alive()` once a round, and
waits in `clock.wait` on its device, its doorbell and `stopping` until the next thing is due.
"""

import os
import signal
from collections.abc import Callable, Sequence
from datetime import datetime
from types import FrameType
from typing import Protocol

__all__ = ["Alive", "Clock", "Stop", "Stopping", "Waitable"]


class Waitable(Protocol):
    """Anything that `select` can wait for."""

    def fileno(self) -> int:
        """Give the descriptor that turns readable."""
        ...


class Clock(Protocol):
    """Wall time, time since boot, and waiting: the one door to all three."""

    def now(self) -> datetime:
        """Give the wall clock's time, aware, in UTC; it may be wrong and may jump."""
        ...

    def monotonic(self) -> float:
        """Give seconds since some fixed moment of this boot; never jumps."""
        ...

    def wait(self, readables: Sequence[Waitable], timeout_s: float) -> list[Waitable]:
        """Wait until one of `readables` has something to read, or the time is over."""
        ...


class Stopping(Protocol):
    """The order to stop: true when called once it has come, and readable in `wait`."""

    def __call__(self) -> bool:
        """Say whether the loop shall end."""
        ...

    def fileno(self) -> int:
        """Give the descriptor that turns readable with the order."""
        ...


Alive = Callable[[str], None]
"""Tell the watchdog and the keeper that the loop turns; the text names a fault, or is empty."""


class Stop:
    """The order to stop, as SIGTERM and SIGINT give it."""

    def __init__(self) -> None:
        self._stopped = False
        self._readable, self._writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def listen(self) -> "Stop":
        """Take SIGTERM and SIGINT as the order; only the main thread may."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __call__(self) -> bool:
        """Say whether the order has come."""
        return self._stopped

    def fileno(self) -> int:
        """Give the descriptor that turns readable with the order."""
        return self._readable

    def give(self) -> None:
        """Give the order from within the process."""
        if not self._stopped:
            self._stopped = True
            os.write(self._writable, b"!")

    def close(self) -> None:
        """Give both descriptors back."""
        os.close(self._readable)
        os.close(self._writable)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.give()
