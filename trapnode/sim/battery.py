"""Battery and thermometer twins: twelve lithium AA cells in the cold."""

from collections.abc import Callable

__all__ = ["SimBattery", "SimThermometer"]

FULL_MV = 6 * 1_800  # Two strings of six L91 cells: fresh, 1.8 V each, no load.
FLAT_MV = 6 * 900
DAYS = 141  # Of the power-gated unit at -30 °C, by the energy model.


class SimBattery:
    """A battery that drains evenly over its days; voltage in mV, never below flat."""

    fault = ""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic

    def millivolts(self) -> int | None:
        """Measure the voltage."""
        used = min(1.0, self._monotonic() / (DAYS * 86_400))
        return round(FULL_MV - used * (FULL_MV - FLAT_MV))


class SimThermometer:
    """A thermometer that shows what it is told."""

    def __init__(self, celsius: float | None = -22.0) -> None:
        self.shows = celsius

    def celsius(self) -> float | None:
        """Measure the temperature."""
        return self.shows
