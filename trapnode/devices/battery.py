"""Battery gauge and the processor's thermometer, as the kernel's drivers show them in /sys."""

from pathlib import Path
from typing import Protocol

__all__ = ["HwmonBattery", "SuppliedBattery", "Thermometer"]

HWMON = Path("/sys/class/hwmon")
CPU = Path("/sys/class/thermal/thermal_zone0/temp")
THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
UNDER_NOW, UNDER_BEFORE = 1 << 0, 1 << 16  # As `vcgencmd get_throttled` has them.


class HwmonBattery:
    """A gauge with a kernel driver (INA219 and its kin), found by its hwmon name."""

    def __init__(self, name: str, root: Path = HWMON) -> None:
        self._name = name
        self._root = root
        self.fault = ""
        """Why the last reading gave None; empty where there is a reading or no gauge at all."""

    def millivolts(self) -> int | None:
        """Read the bus voltage; None without a gauge."""
        self.fault = ""
        if not self._name:
            return None
        try:
            for name in sorted(self._root.glob("hwmon*/name")):
                if name.read_text("ascii").strip() == self._name:
                    # in0 is the drop over the shunt; in1 the bus, in mV (kernel: ina2xx.rst).
                    return int(name.with_name("in1_input").read_text("ascii"))
        except (OSError, ValueError) as error:
            self.fault = f"battery gauge {self._name} cannot be read: {error}"
            return None
        self.fault = f"battery gauge {self._name} is not in {self._root}"
        return None


class Gauge(Protocol):
    """Any battery gauge."""

    fault: str

    def millivolts(self) -> int | None:
        """Measure the voltage, mV; None if no gauge answers."""
        ...


class SuppliedBattery:
    """A gauge, with what the board itself noticed of its 5 V: a Zero notices nothing."""

    def __init__(self, gauge: Gauge, throttled: Path = THROTTLED) -> None:
        self._gauge = gauge
        self._throttled = throttled
        self.fault = ""

    def millivolts(self) -> int | None:
        """Read the gauge's voltage, and whether the 5 V fell below 4.63 V since the boot."""
        millivolts = self._gauge.millivolts()
        self.fault = "; ".join(filter(None, (self._gauge.fault, self._under_voltage())))
        return millivolts

    def _under_voltage(self) -> str:
        try:
            bits = int(self._throttled.read_text("ascii"), 16)
        except (OSError, ValueError):  # Not a Raspberry Pi, or an older kernel.
            return ""
        if bits & UNDER_NOW:
            return "power: under-voltage now"
        return "power: under-voltage since this boot" if bits & UNDER_BEFORE else ""


class Thermometer:
    """The processor's own sensor: near the air's temperature only just after a boot."""

    def __init__(self, path: Path = CPU) -> None:
        self._path = path

    def celsius(self) -> float | None:
        """Read the processor temperature, °C; None without a sensor."""
        try:
            return int(self._path.read_text("ascii")) / 1000
        except (OSError, ValueError):
            return None
