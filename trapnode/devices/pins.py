"""Single pins of the Pi, through gpiozero: what drives a modem or a board, and what woke us."""

from gpiozero import DigitalInputDevice, GPIOZeroError, OutputDevice

from trapnode.errors import DeviceError

try:
    from lgpio import error as PinError
except ImportError:  # Another pin factory, as on a desk.
    PinError = GPIOZeroError

__all__ = ["OutputPin", "is_high"]

FAULTS = (GPIOZeroError, PinError, OSError, RuntimeError, ValueError, AttributeError)


class OutputPin:
    """GPIO `number` (BCM), driven high or low from its first moment; raises DeviceError."""

    def __init__(self, number: int, *, high: bool) -> None:
        self._number = number
        try:
            self._pin = OutputDevice(number, initial_value=high)
        except FAULTS as error:
            raise DeviceError(f"GPIO{number}: {error}") from error

    def set(self, high: bool) -> None:
        """Drive it high or low; raise DeviceError."""
        try:
            self._pin.value = high
        except FAULTS as error:  # gpiozero drops its pin when closed.
            raise DeviceError(f"GPIO{self._number}: {error}") from error

    def close(self) -> None:
        """Let go of it: it becomes an input, and what it is wired to decides."""
        self._pin.close()


def is_high(number: int) -> bool:
    """Look at an input once, with its pull-down, and let go of it again; raise DeviceError."""
    try:
        with DigitalInputDevice(number, pull_up=False) as pin:
            return bool(pin.value)
    except FAULTS as error:
        raise DeviceError(f"GPIO{number} cannot be read: {error}") from error
