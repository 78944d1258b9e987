"""An output pin of the Pi, through gpiozero: what holds a modem awake, or resets it."""

from gpiozero import GPIOZeroError, OutputDevice

from trapnode.errors import DeviceError

try:
    from lgpio import error as PinError
except ImportError:  # Another pin factory, as on a desk.
    PinError = GPIOZeroError

__all__ = ["OutputPin"]

FAULTS = (GPIOZeroError, PinError, OSError, RuntimeError, ValueError, AttributeError)


class OutputPin:
    """GPIO `number` (BCM), driven high or low from its first moment; raises DeviceError."""

    def __init__(self, number: int, *, high: bool) -> None:
        self._number = number
        try:
            self._pin = OutputDevice(number, initial_value=high)
        except FAULTS as error:
            raise DeviceError(f"modem pin GPIO{number}: {error}") from error

    def set(self, high: bool) -> None:
        """Drive it high or low; raise DeviceError."""
        try:
            self._pin.value = high
        except FAULTS as error:  # gpiozero drops its pin when closed.
            raise DeviceError(f"modem pin GPIO{self._number}: {error}") from error

    def close(self) -> None:
        """Let go of it: it becomes an input, and what it is wired to decides."""
        self._pin.close()
