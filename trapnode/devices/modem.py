"""The satellite modem on its serial port: one message a session, one session a call.

The port is opened for a call and closed after it, so the modem may be unplugged or without
power in between. What the modem may still say from an earlier, aborted call is thrown away.
"""

import termios
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self, TypeVar, cast

import serial

from trapnode.errors import DeviceError, LinkUnavailable, MessageRefused, ProtocolError
from trapnode.model import Sent
from trapnode.protocols import sbd
from trapnode.protocols.at import Answer, Ask, AtReader, Dialogue, Exchange
from trapnode.protocols.iridium import WRITTEN, Outcome

__all__ = ["Clock", "Port", "SbdModem", "Stopping"]

BAUD = 19_200  # The 9602's factory setting; 8N1.
WRITE_TIMEOUT_S = 5.0  # 342 bytes take 0.2 s at this speed; only a jammed port takes longer.
READ_SIZE = 4096
CALL_LONGEST_S = 300.0  # A clean call takes 10 to 100 s; on a bad line every second costs energy.
CREDIT = 50  # Bytes that one RockBLOCK credit pays for.
LATEST = timedelta(days=3650)  # What the network says of later days is noise.

Result = TypeVar("Result")


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


def open_port(path: str) -> Port:
    """Open a serial port for an SBD modem, with nothing left of what came before."""
    port = serial.Serial(path, BAUD, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
    return cast(Port, port)


class SbdModem:
    """An Iridium 9602 or 9603 (RockBLOCK).

    Every call may take minutes and raises LinkUnavailable when the message, or the question,
    shall be tried again, and DeviceError when the port fails or the modem is dead. A later
    call opens the port anew.
    """

    max_payload = sbd.MAX_PAYLOAD
    credit = CREDIT

    def __init__(
        self,
        port: str,
        *,
        clock: Clock,
        stopping: Stopping,
        connect: Callable[[str], Port] = open_port,
    ) -> None:
        self._path, self._connect = port, connect
        self._clock, self._stopping = clock, stopping
        self._port: Port | None = None
        self._call_ends = 0.0
        self.faults = 0
        """Calls that ended because the modem could not be understood."""
        self.rings = 0
        """Announcements of a downlink (SBDRING) heard so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SbdModem({self._path!r}, faults={self.faults}, rings={self.rings})"

    def close(self) -> None:
        """Give the port back; may be called at any time, and twice."""
        port, self._port = self._port, None
        if port is not None:
            with suppress(OSError):  # Of a port that vanished; the next call will say so.
                port.close()

    def identity(self) -> str:
        """Give the modem's IMEI."""
        return self._call(sbd.start())

    def send(self, payload: bytes) -> Sent:
        """Deliver `payload` to the gateway; give the downlink that came with it, if one did.

        Raises LinkUnavailable also when the message may have arrived: send the same bytes
        again. Raises MessageRefused when no retry can help.
        """
        sbd.check_payload(payload)
        began_s = self._clock.monotonic()
        session = self._call(_started(sbd.send(payload)))
        if session.outcome is Outcome.REFUSED:
            raise MessageRefused(_reason(session))
        if session.outcome is Outcome.RETRY:
            raise LinkUnavailable(_reason(session), session.retry_after_s)
        downlinks = () if session.downlink is None else (session.downlink,)
        on_s = self._clock.monotonic() - began_s
        return Sent(True, downlinks, more=session.mt_queued, seconds=on_s)

    def network_time(self) -> datetime | None:
        """Give the network's time; None without network, or when no era makes it plausible."""
        return self._call(_started(sbd.system_time(built=WRITTEN, latest=WRITTEN + LATEST)))

    def signal(self) -> int:
        """Give the signal as last measured, 0 to 5; never a reason not to send."""
        return self._call(_started(sbd.signal()))

    def _call(self, dialogue: Dialogue[Result]) -> Result:
        self._call_ends = self._clock.monotonic() + CALL_LONGEST_S
        try:
            self._port = self._connect(self._path)
            return self._run(dialogue, self._port)
        except ProtocolError as error:
            self.faults += 1
            raise LinkUnavailable(f"modem on {self._path}: {error}") from error
        except (OSError, termios.error) as error:
            raise DeviceError(f"modem on {self._path}: {error}") from error
        finally:
            self.close()

    def _run(self, dialogue: Dialogue[Result], port: Port) -> Result:
        reader = AtReader()
        try:
            ask = next(dialogue)
            while True:
                exchange = Exchange(reader, ask)
                answer = self._answer(port, ask, exchange)
                self.rings += sum("SBDRING" in text for text in exchange.unsolicited)
                ask = dialogue.send(answer)
        except StopIteration as done:
            return cast(Result, done.value)

    def _answer(self, port: Port, ask: Ask, exchange: Exchange) -> Answer:
        port.write(ask.write)
        ends = self._clock.monotonic() + ask.timeout_s
        while (left_s := min(ends, self._call_ends) - self._clock.monotonic()) > 0:
            readable = self._clock.wait([port, self._stopping], left_s)
            if self._stopping():
                raise LinkUnavailable("stopped in session")
            if port in readable:
                answer = exchange.receive(port.read(READ_SIZE) or b"")
                if answer is not None:
                    return answer
        if self._clock.monotonic() >= self._call_ends:
            raise LinkUnavailable(f"modem on {self._path}: not done after {CALL_LONGEST_S:.0f} s")
        return exchange.silence()


def _started(dialogue: Dialogue[Result]) -> Dialogue[Result]:
    yield from sbd.start()
    return (yield from dialogue)


def _reason(session: sbd.Session) -> str:
    status = "" if session.mo_status is None else f"MO status {session.mo_status}: "
    return status + session.reason
