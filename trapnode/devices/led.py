"""One LED of the kernel's LED class, driven by its trigger `timer`: it goes on without us."""

import logging
from pathlib import Path

from trapnode.words import Light

__all__ = ["Led", "steps"]

log = logging.getLogger(__name__)

LEDS = Path("/sys/class/leds")
DELAYS_MS = {  # On, off.
    Light.OFF: (0, 500),
    Light.SLOW: (1000, 1000),
    Light.FAST: (100, 100),
    Light.ON: (500, 0),
}


def steps(light: Light) -> list[tuple[str, int]]:
    """Give what is to be written, in order.

    Both at 0 are a blinking of 1 Hz to the kernel (led-class.rst), so what is not 0 goes first.
    """
    on, off = DELAYS_MS[light]
    return sorted([("delay_on", on), ("delay_off", off)], key=lambda each: -each[1])


class Led:
    """The LED by its name in /sys/class/leds; an empty name is none."""

    def __init__(self, name: str, root: Path = LEDS) -> None:
        self._folder = root / name if name else None

    def show(self, light: Light) -> None:
        """Show it until something else is shown; an LED that does not obey stops nothing."""
        if self._folder is None:
            return
        try:
            trigger = self._folder / "trigger"
            if "[timer]" not in trigger.read_text("ascii"):  # Set anew, its files are root's.
                trigger.write_text("timer", "ascii")
            for file, delay_ms in steps(light):
                (self._folder / file).write_text(str(delay_ms), "ascii")
        except (OSError, ValueError) as error:
            log.warning("%s: the LED cannot be set: %s", self._folder, error)
