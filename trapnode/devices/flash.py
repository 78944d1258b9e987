"""The infra-red light on a GPIO pin: off from its first moment, on while a frame is taken."""

import contextlib
import logging
import time
from collections.abc import Callable

from trapnode.devices.pins import OutputPin
from trapnode.errors import DeviceError

__all__ = ["IrFlash"]

log = logging.getLogger(__name__)


class IrFlash:
    """The light whose enable input is GPIO `pin` (BCM), high for light.

    One that does not switch on costs no picture: `fault` says so. One that does not switch off is a
    DeviceError.
    """

    def __init__(self, pin: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.fault = ""
        self.lit_s = 0.0
        """How long it was on."""
        self._monotonic = monotonic
        self._on_s: float | None = None
        self._pin: OutputPin | None = None
        try:
            self._pin = OutputPin(pin, high=False)
        except DeviceError as error:
            self._failed(error)

    def on(self) -> None:
        """Light; what is wrong with it is in `fault`."""
        if self._pin is None:
            return
        self._on_s = self._monotonic()
        try:
            self._pin.set(True)
        except DeviceError as error:
            self._failed(error)

    def off(self) -> None:
        """Go dark; again is fine; raise DeviceError."""
        if self._on_s is not None:
            self.lit_s += self._monotonic() - self._on_s
            self._on_s = None
        if self._pin is not None:
            self._pin.set(False)

    def close(self) -> None:
        """Go dark and let go of the pin."""
        pin, self._pin = self._pin, None
        if pin is not None:
            with contextlib.suppress(DeviceError):
                pin.set(False)
            pin.close()

    def _failed(self, error: DeviceError) -> None:
        log.error("%s", said := f"the light does not work: {error}")
        self.fault = said
