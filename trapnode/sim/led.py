"""The LED's twin."""

from trapnode.words import Light

__all__ = ["SimLed"]


class SimLed:
    """An LED that remembers what it showed; it begins dark."""

    def __init__(self) -> None:
        self.showed = [Light.OFF]

    @property
    def shows(self) -> Light:
        """What it shows now."""
        return self.showed[-1]

    def show(self, light: Light) -> None:
        """Show it until something else is shown."""
        if light is not self.shows:
            self.showed.append(light)
