"""The wires beside a modem's serial line: one lets it sleep, one resets it."""

from typing import Protocol

from trapnode.devices.line import Clock

__all__ = ["Pin", "ResetWire", "SleepWire"]

APART_S = 2.0  # Between two changes of a 9602's on/off line, by its guide.
RESET_S, BOOT_S = 0.05, 0.5  # RAK3172: low for 50 ms, then half a second to start.


class Pin(Protocol):
    """An output pin."""

    def set(self, high: bool) -> None:
        """Drive it high or low; raise DeviceError."""
        ...


class SleepWire:
    """High holds the modem awake, low lets it sleep; never two changes within APART_S.

    Without a pin the modem is always awake. With one it is asleep at first: so opens the pin.
    """

    def __init__(self, pin: Pin | None, clock: Clock) -> None:
        self._pin, self._clock = pin, clock
        self._changed_s = clock.monotonic()
        self.has_pin, self.awake = pin is not None, pin is None

    def wake(self) -> None:
        """Have the modem awake, after at most APART_S; raise DeviceError."""
        if not self.awake:
            self._change(True)

    def sleep(self) -> None:
        """Let the modem sleep; raise DeviceError."""
        if self.awake:
            self._change(False)

    def _change(self, awake: bool) -> None:
        if self._pin is None:
            return
        left_s = self._changed_s + APART_S - self._clock.monotonic()
        if left_s > 0:
            self._clock.wait([], left_s)
        self._pin.set(awake)
        self._changed_s, self.awake = self._clock.monotonic(), awake


class ResetWire:
    """Low resets the module; a wire that is not there cannot."""

    def __init__(self, pin: Pin | None, clock: Clock) -> None:
        self._pin, self._clock = pin, clock
        self.pulls = 0

    def pull(self) -> bool:
        """Reset the module and wait until it has started; say whether there is a wire."""
        if self._pin is None:
            return False
        self._pin.set(False)
        self._clock.wait([], RESET_S)
        self._pin.set(True)
        self._clock.wait([], BOOT_S)
        self.pulls += 1
        return True
