"""The technician's cable: a serial port that may come and go, and that never holds us up."""

import logging
import os
import termios
import time
from collections.abc import Callable

import serial

__all__ = ["SerialLine"]

log = logging.getLogger(__name__)

BAUD = 115_200  # A USB gadget ignores it.
READ_SIZE = 4096
UNSENT_MOST = 16_384  # Bytes; a screen has two thousand, in Chinese five.
GIVE_UP_S = 5.0  # Nobody reads.
REOPEN_S = 2.0  # A port that hangs up at once must not keep us busy.
FAULTS = (OSError, termios.error, ValueError)


class SerialLine:
    """A serial port that opens when it appears, and again after every hang-up."""

    def __init__(self, port: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = port
        self._monotonic = monotonic
        self._port: serial.Serial | None = None
        self._nothing = os.eventfd(0, os.EFD_CLOEXEC)  # Never readable: stands in for no port.
        self._closed_at = float("-inf")
        self._fault = ""
        self._unsent = b""
        self._moved_at = 0.0  # When the other end took something last.
        self.hang_ups = 0
        """How often the cable was pulled so far."""

    def fileno(self) -> int:
        """Give the descriptor that turns readable; open the port if it is there again."""
        if self._port is None and self._monotonic() - self._closed_at >= REOPEN_S:
            self._open()
        return self._nothing if self._port is None else int(self._port.fileno())

    def read(self) -> bytes:
        """Give what has arrived, or nothing; never waits."""
        if self._port is None:
            return b""
        try:
            return bytes(self._port.read(READ_SIZE))
        except FAULTS as error:
            self._hang_up(error)
            return b""

    @property
    def unsent(self) -> bool:
        """Whether something waits until the other end takes it: write again soon, if only b""."""
        return bool(self._unsent)

    def write(self, data: bytes) -> None:
        """Send what the other end takes now, and keep the rest for the next call.

        What is too much to keep is dropped as a whole; all is, once nobody reads for GIVE_UP_S.
        """
        if self._port is None:
            return
        now_s = self._monotonic()
        if not self._unsent:
            self._moved_at = now_s
        if len(self._unsent) + len(data) <= UNSENT_MOST:
            self._unsent += data
        try:
            # Not through pyserial: its write spins for ever while a port takes nothing.
            if self._unsent and (sent := os.write(self._port.fileno(), self._unsent)):
                self._unsent, self._moved_at = self._unsent[sent:], now_s
        except BlockingIOError:
            if now_s - self._moved_at >= GIVE_UP_S:
                self._unsent = b""
        except FAULTS as error:
            self._hang_up(error)

    def close(self) -> None:
        """Give the port back; a second call does nothing."""
        if self._port is not None:
            self._port.close()
            self._port = None
        if self._nothing >= 0:
            os.close(self._nothing)
            self._nothing = -1

    def _open(self) -> None:
        try:
            self._port = serial.Serial(self._path, BAUD, timeout=0, exclusive=True)
        except FAULTS as error:
            self._closed_at = self._monotonic()
            if (fault := str(error)) != self._fault:  # Say it once, not every round.
                self._fault = fault
                log.info("no console: %s", fault)
        else:
            self._fault = ""
            log.info("console on %s", self._path)

    def _hang_up(self, error: Exception) -> None:
        log.info("console on %s hung up: %s", self._path, error)
        self.hang_ups += 1
        self._closed_at, self._unsent = self._monotonic(), b""
        if self._port is not None:
            self._port.close()
            self._port = None
