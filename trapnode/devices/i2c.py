"""Registers of a device on an I2C bus, a byte at a time, as the kernel's i2c-dev gives them."""

import fcntl
import os
from pathlib import Path

from trapnode.errors import DeviceError

__all__ = ["I2cRegisters"]

BUS = Path("/dev/i2c-1")
I2C_SLAVE = 0x0703  # linux/i2c-dev.h


class I2cRegisters:
    """The registers of the device at `address`; the bus is open only while it is used."""

    def __init__(self, address: int, bus: Path = BUS) -> None:
        self._address = address
        self._bus = bus

    def read(self, register: int) -> int:
        """Read one register; raise DeviceError."""
        return self._talk(bytes([register]), 1)[0]

    def write(self, register: int, value: int) -> None:
        """Write one register; raise DeviceError."""
        self._talk(bytes([register, value]), 0)

    def _talk(self, data: bytes, answer: int) -> bytes:
        try:
            descriptor = os.open(self._bus, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.ioctl(descriptor, I2C_SLAVE, self._address)
                os.write(descriptor, data)
                found = os.read(descriptor, answer) if answer else b""
            finally:
                os.close(descriptor)
        except OSError as error:
            raise DeviceError(f"{self._bus}: no device at {self._address:#x}: {error}") from error
        if len(found) != answer:
            raise DeviceError(
                f"{self._bus}: {self._address:#x} gave {len(found)} of {answer} bytes"
            )
        return found
