"""What the keeper measures with, and what it switches the power off by."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from trapnode.policy.power import Awake
from trapnode.words import Stage

__all__ = ["Battery", "Gate", "Thermometer"]


class Battery(Protocol):
    """A gauge on the battery."""

    @property
    def fault(self) -> str:
        """Say what is wrong with the gauge, or nothing."""
        ...

    def millivolts(self) -> int | None:
        """Measure the voltage, mV; None if no gauge answers."""
        ...


class Thermometer(Protocol):
    """The processor's own thermometer."""

    def celsius(self) -> float | None:
        """Measure the processor temperature, °C; None if no sensor answers."""
        ...


class Gate(Protocol):
    """The way to off of a unit that switches itself off."""

    fault: str
    awake_because: str

    def begin(self, now: datetime, waiting: int) -> None:
        """Set the alarm, before anything else can go wrong."""
        ...

    def look(
        self,
        awake: Awake,
        stage: Stage,
        now: datetime,
        waiting: int,
        save: Callable[[datetime], None],
    ) -> float:
        """Come a step nearer to off, or back; give the s until the next look."""
        ...
