"""The PIR on a GPIO pin, through gpiozero. Its callback only notes the moment of an edge.

gpiozero samples the pin rather than taking interrupts: a spike shorter than a sample, as a
transmitting modem puts on a long PIR cable, is no trigger.
"""

import contextlib
import math
import os
import time
from collections import deque
from collections.abc import Callable

from gpiozero import GPIOZeroError, MotionSensor

from trapnode.errors import DeviceError

try:
    from lgpio import error as PinError
except ImportError:  # Another pin factory, as on a desk.
    PinError = GPIOZeroError

__all__ = ["GpioPir"]

EDGES_KEPT = 64  # A PIR holds its pulse for about a second: a minute of them.
SPIKE_S = 0.05  # A PIR module holds its pulse for 0.3 s and longer.
START_TRIES, START_TRY_S = 50, 0.02
FAULTS = (GPIOZeroError, PinError, OSError, RuntimeError, ValueError)


class GpioPir:
    """A PIR whose output is high while it sees motion; readable once there is an edge.

    An edge is noted within 1 / `sample_rate` s. A pin already high at the start gives no edge.
    """

    def __init__(
        self,
        pin: int,
        *,
        sample_rate: int = 100,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spikes = 0
        """How many pulses were shorter than any PIR makes: noise on its wire."""
        self._pin = pin
        self._monotonic = monotonic
        self._rose_s = -math.inf
        self._edges: deque[float] = deque(maxlen=EDGES_KEPT)  # The oldest give way.
        self._readable, self._writable = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._closed = False
        try:
            self._sensor = MotionSensor(pin, queue_len=1, sample_rate=sample_rate)
            self._sensor.when_motion = self._on_edge
            self._sensor.when_no_motion = self._on_fall
        except FAULTS as error:
            self._close_pipe()
            raise DeviceError(f"PIR on GPIO{pin}: {error}") from error
        try:
            self._await_first_sample()
        except DeviceError:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"GpioPir({self._pin}{', closed' if self._closed else ''})"

    @property
    def active(self) -> bool:
        """Say whether the pin is high now; raise DeviceError."""
        try:
            return bool(self._sensor.pin.state)
        except (*FAULTS, AttributeError) as error:  # gpiozero drops its pin when closed.
            raise DeviceError(f"PIR on GPIO{self._pin} cannot be read: {error}") from error

    def fileno(self) -> int:
        """Give the descriptor that turns readable with an edge."""
        return self._readable

    def edges(self) -> list[float]:
        """Take the rising edges since the last call: monotonic moments, s; raise DeviceError.

        Reads the pin as well: the sampling thread of gpiozero dies silently with its GPIO chip,
        and a PIR that nobody samples would wait for ever.
        """
        _ = self.active
        with contextlib.suppress(BlockingIOError):
            while os.read(self._readable, 4096):
                pass
        return [self._edges.popleft() for _ in range(len(self._edges))]

    def close(self) -> None:
        """Give the pin back; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._sensor.close()  # Ends its thread: nothing writes to the pipe any more.
        except FAULTS as error:
            raise DeviceError(f"PIR on GPIO{self._pin} does not close: {error}") from error
        finally:
            self._close_pipe()

    def _await_first_sample(self) -> None:
        """Wait until a rise can no longer be missed: gpiozero tells no edge before its sample."""
        for _ in range(START_TRIES):
            if self.active or self._sensor.wait_for_no_motion(START_TRY_S):
                return
        raise DeviceError(f"PIR on GPIO{self._pin}: not sampled in {START_TRIES * START_TRY_S} s")

    def _on_fall(self) -> None:
        if self._monotonic() - self._rose_s < SPIKE_S:
            self.spikes += 1

    def _on_edge(self) -> None:
        self._rose_s = self._monotonic()
        self._edges.append(self._rose_s)
        with contextlib.suppress(BlockingIOError):  # A full pipe is readable already.
            os.write(self._writable, b"!")

    def _close_pipe(self) -> None:
        os.close(self._readable)
        os.close(self._writable)
