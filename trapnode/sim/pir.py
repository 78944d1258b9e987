"""PIR twins on an input pin."""

import os
from collections.abc import Callable, Sequence

from trapnode.errors import DeviceError

__all__ = ["InputPin", "ScriptedPir"]


class InputPin:
    """A GPIO set as input: the world sets its level, we only look."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._high = False

    @property
    def high(self) -> bool:
        """The level the world gives it."""
        return self._high

    def feel(self, high: bool) -> None:
        """Take a level from the world."""
        self._high = high

    def drive(self, high: bool) -> None:
        """Refuse: two drivers on one wire would burn one of them."""
        raise DeviceError(f"GPIO{self.number} is an input: it cannot be driven {high:d}")


class ScriptedPir:
    """A PIR that sees motion in the given spans, then never again; moments in monotonic s."""

    def __init__(
        self, monotonic: Callable[[], float], spans: Sequence[tuple[float, float]], pin: int = 17
    ) -> None:
        self._monotonic = monotonic
        self._spans = sorted(spans)
        self._told = sum(1 for start, _ in self._spans if start <= monotonic())
        self._pin = InputPin(pin)
        self._readable, self._writable = os.pipe2(os.O_CLOEXEC)
        self._closed = False

    @property
    def active(self) -> bool:
        """Say whether the script has motion now."""
        self._check()
        now = self._monotonic()
        self._pin.feel(any(start <= now < start + span for start, span in self._spans))
        return self._pin.high

    @property
    def exhausted(self) -> bool:
        """Say whether every edge has been told."""
        return self._told == len(self._spans)

    def edges(self) -> list[float]:
        """Take the edges since the last call; like the real one, none for a pin high at start."""
        self._check()
        due = [start for start, _ in self._spans[self._told :] if start <= self._monotonic()]
        self._told += len(due)
        return due

    def next_s(self) -> float | None:
        """Give the moment of the next edge, for a clock that steps."""
        return None if self.exhausted else self._spans[self._told][0]

    def fileno(self) -> int:
        """Give a descriptor; it never turns readable: scripts are for stepped clocks."""
        self._check()
        return self._readable

    def close(self) -> None:
        """Let go of the pin; again is fine."""
        if not self._closed:
            self._closed = True
            os.close(self._readable)
            os.close(self._writable)

    def _check(self) -> None:
        if self._closed:
            raise DeviceError(f"PIR on GPIO{self._pin.number} is closed")
