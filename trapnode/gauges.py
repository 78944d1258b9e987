"""What the keeper measures with."""

from typing import Protocol

__all__ = ["Battery", "Thermometer"]


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
