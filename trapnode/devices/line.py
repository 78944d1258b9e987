"""A modem's serial line: one dialogue a call, with its deadlines and the order to stop.

The port is opened for a call and closed after it, so the modem may be unplugged or without
power in between. What the modem may still say from an earlier, aborted call is thrown away.
"""

import errno
import termios
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar, cast

import serial

from trapnode.errors import DeviceError, LinkUnavailable, ProtocolError
from trapnode.protocols.at import Answer, Ask, AtReader, Dialect, Dialogue, Exchange

__all__ = ["Clock", "Connect", "HungUp", "ModemLine", "Port", "Stopping", "at_baud"]

WRITE_TIMEOUT_S = 5.0  # 342 bytes take 0.2 s at 19,200 baud; only a jammed port takes longer.
READ_SIZE = 4096
CALL_LONGEST_S = 300.0  # A clean call takes 10 to 100 s; on a bad line every second costs energy.

HUNG_UP = (None, errno.EIO)  # What the system says of a port that cannot be opened has another.

Result = TypeVar("Result")


class HungUp(DeviceError):
    """The port vanished under us; it may come back in a moment."""


class Waitable(Protocol):
    """Anything that `select` can wait for."""

    def fileno(self) -> int:
        """Give the descriptor that turns readable."""
        ...


class Clock(Protocol):
    """Time since boot, and waiting."""

    def monotonic(self) -> float:
        """Give seconds since some fixed moment of this boot."""
        ...

    def wait(self, readables: Sequence[Waitable], timeout_s: float) -> list[Waitable]:
        """Wait until one of `readables` has something to read, or the time is over."""
        ...


class Stopping(Waitable, Protocol):
    """The order to stop: true when called once it has come, and readable in `wait`."""

    def __call__(self) -> bool:
        """Say whether the call shall end."""
        ...


class Port(Waitable, Protocol):
    """An open serial port; each method may raise OSError."""

    def read(self, size: int, /) -> bytes | None:
        """Give what has arrived, without waiting."""
        ...

    def write(self, data: bytes, /) -> int | None:
        """Send all of `data`."""
        ...

    def close(self) -> None:
        """Give the port back."""
        ...


Connect = Callable[[str], Port]


def at_baud(baud: int) -> Connect:
    """Open ports at this speed (8N1, no flow control), with nothing left of what came before."""

    def connect(path: str) -> Port:
        port = serial.Serial(path, baud, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
        return cast(Port, port)

    return connect


class ModemLine:
    """The line to a modem; after a call that raised, a later one may succeed."""

    def __init__(
        self,
        path: str,
        dialect: Dialect,
        *,
        clock: Clock,
        stopping: Stopping,
        connect: Connect,
        patience: float = 1.0,
    ) -> None:
        self.path = path
        self._dialect, self._connect = dialect, connect
        self._clock, self._stopping = clock, stopping
        self._patience = patience  # A clock that runs faster than time needs more.
        self._port: Port | None = None
        self._call_ends = 0.0
        self.faults = 0
        """Calls that ended because the modem could not be understood."""
        self.unsolicited: list[str] = []
        """What it said on its own in the last call."""

    def close(self) -> None:
        """Give the port back; may be called at any time, and twice."""
        port, self._port = self._port, None
        if port is not None:
            with suppress(OSError):  # Of a port that vanished; the next call will say so.
                port.close()

    def call(self, dialogue: Dialogue[Result]) -> Result:
        """Run a dialogue to its end; raise LinkUnavailable, DeviceError, or what it raises."""
        self._call_ends = self._clock.monotonic() + CALL_LONGEST_S * self._patience
        self.unsolicited = []
        try:
            self._port = self._connect(self.path)
            return self._run(dialogue, self._port)
        except ProtocolError as error:
            self.faults += 1
            raise LinkUnavailable(f"modem on {self.path}: {error}") from error
        except DeviceError as error:  # The modem failed, not the port.
            raise DeviceError(f"modem on {self.path}: {error}") from error
        except (OSError, termios.error) as error:
            kind = HungUp if getattr(error, "errno", None) in HUNG_UP else DeviceError
            raise kind(f"modem on {self.path}: {error}") from error
        finally:
            self.close()

    def _run(self, dialogue: Dialogue[Result], port: Port) -> Result:
        reader = AtReader(self._dialect)
        try:
            ask = next(dialogue)
            while True:
                exchange = Exchange(reader, ask)
                answer = self._answer(port, ask, exchange)
                self.unsolicited += exchange.unsolicited
                ask = dialogue.send(answer)
        except StopIteration as done:
            return cast(Result, done.value)

    def _answer(self, port: Port, ask: Ask, exchange: Exchange) -> Answer:
        port.write(ask.write)
        ends = self._clock.monotonic() + ask.timeout_s * self._patience
        while (left_s := min(ends, self._call_ends) - self._clock.monotonic()) > 0:
            readable = self._clock.wait([port, self._stopping], left_s)
            if self._stopping():
                raise LinkUnavailable("stopped in session")
            if port in readable:
                answer = exchange.receive(port.read(READ_SIZE) or b"")
                if answer is not None:
                    return answer
        if self._clock.monotonic() >= self._call_ends:
            raise LinkUnavailable(f"modem on {self.path}: not done after {CALL_LONGEST_S:.0f} s")
        return exchange.silence()
