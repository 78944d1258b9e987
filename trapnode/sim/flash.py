"""A light of our own, as the camera's twins see it."""

from collections.abc import Callable

__all__ = ["SimFlash"]


class SimFlash:
    """A light that notes since when it is on, and how long it was."""

    fault = ""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.lit_s = 0.0
        self.on_s: float | None = None
        self._monotonic = monotonic

    def on(self) -> None:
        """Light."""
        self.on_s = self._monotonic()

    def off(self) -> None:
        """Go dark; again is fine."""
        if self.on_s is not None:
            self.lit_s += self._monotonic() - self.on_s
            self.on_s = None

    def close(self) -> None:
        """Go dark."""
        self.off()
