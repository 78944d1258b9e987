"""The satellite modem: one message a session, one session a call."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from trapnode.devices.line import Clock, Connect, HungUp, ModemLine, Stopping, at_baud
from trapnode.devices.rest import Pin, SleepWire
from trapnode.errors import DeviceError, LinkBarred, LinkUnavailable, MessageRefused, ProtocolError
from trapnode.model import Sent
from trapnode.protocols import sbd
from trapnode.protocols.at import Dialogue
from trapnode.protocols.iridium import WRITTEN, Outcome
from trapnode.protocols.lines import IRIDIUM

__all__ = ["SbdModem"]

BAUD = 19_200  # The 9602's factory setting; 8N1.
CREDIT = 50  # Bytes that one RockBLOCK credit pays for.
RETURN_S, RETURN_WITHIN_S = 2.0, 30.0  # A port that hung up comes back within, or stays away.
LATEST = timedelta(days=3650)  # What the network says of later days is noise.

Result = TypeVar("Result")


class SbdModem:
    """An Iridium 9602 or 9603 (RockBLOCK).

    Every call may take minutes and raises LinkUnavailable when the message, or the question,
    shall be tried again, LinkBarred when only a person can help, and DeviceError when the port
    fails or the modem is dead. A later call opens the port anew.
    """

    max_payload = sbd.MAX_PAYLOAD
    credit = CREDIT

    def __init__(
        self,
        port: str,
        *,
        clock: Clock,
        stopping: Stopping,
        connect: Connect | None = None,
        sleep_pin: Pin | None = None,
        patience: float = 1.0,
    ) -> None:
        self._line = ModemLine(
            port,
            IRIDIUM,
            clock=clock,
            stopping=stopping,
            connect=connect or at_baud(BAUD),
            patience=patience,
        )
        self._clock, self._stopping = clock, stopping
        self._wire = SleepWire(sleep_pin, clock)
        self._ledger = sbd.Ledger()
        self.announced = False
        """The network said that a downlink waits."""

    def __repr__(self) -> str:
        return f"SbdModem({self._line.path!r}, faults={self._line.faults})"

    def close(self) -> None:
        """Give the port back, the modem asleep where it can; may be called twice."""
        self._line.close()
        with suppress(DeviceError):
            self.rest()

    def rest(self) -> None:
        """Let the modem sleep, its memory written: nothing is due now. Without a pin, nothing."""
        if self._wire.awake and self._wire.has_pin:
            with suppress(DeviceError, LinkUnavailable):  # Mute or not, it shall use no power.
                self._call(sbd.flush)
            self._wire.sleep()

    def identity(self) -> str:
        """Give the modem's IMEI."""
        return self._call(lambda: _started(sbd.identity()))

    def about(self) -> str:
        """Say which modem this is and what it hears, for a person; costs nothing."""

        def look() -> Dialogue[str]:
            imei = yield from sbd.identity()
            bars = yield from sbd.signal()
            self.announced = self.announced or (yield from sbd.announced())
            time = yield from _time_in_words()
            return f"Iridium modem {imei}, signal {bars} of 5, {time}"

        told = self._call(lambda: _started(look()))
        return told + ", a downlink waits" * self.announced

    def send(self, payload: bytes) -> Sent:
        """Deliver `payload` to the gateway; give the downlink that came with it, if one did.

        Raises LinkUnavailable also when the message may have arrived: send the same bytes
        again. Raises MessageRefused when no retry can help.
        """
        sbd.check_payload(payload)
        return self._session(
            lambda: _started(sbd.send(payload, self._ledger, rings=self.announced))
        )

    def fetch(self) -> Sent:
        """Fetch the downlink that waits, without a message: one credit; raise as `send`."""
        return self._session(lambda: _started(sbd.fetch(self._ledger)))

    def network_time(self) -> datetime | None:
        """Give the network's time; None without network, or when no era makes it plausible."""
        return self._call(lambda: _started(_time()))

    def signal(self) -> int:
        """Give the signal as last measured, 0 to 5; never a reason not to send."""
        return self._call(lambda: _started(sbd.signal()))

    def _session(self, make: Callable[[], Dialogue[sbd.Session]]) -> Sent:
        began_s = self._clock.monotonic()
        session = self._call(make)
        if session.outcome is Outcome.REFUSED:
            raise MessageRefused(_reason(session))
        if session.outcome is Outcome.RETRY:
            kind = LinkBarred if session.barred else LinkUnavailable
            raise kind(_reason(session), session.retry_after_s)
        self.announced = session.mt_queued > 0
        downlinks = () if session.downlink is None else (session.downlink,)
        on_s = self._clock.monotonic() - began_s
        return Sent(True, downlinks, more=session.mt_queued, seconds=on_s)

    def _call(self, make: Callable[[], Dialogue[Result]]) -> Result:
        """Run a dialogue; begin it again when the port hung up: the ledger knows what was paid."""
        self._wire.wake()
        ends, hung_up = self._clock.monotonic() + RETURN_WITHIN_S, False
        while True:
            try:
                return self._line.call(make())
            except DeviceError as error:
                hung_up = hung_up or isinstance(error, HungUp)
                if not hung_up or self._clock.monotonic() >= ends:
                    raise
            finally:
                rang = any("SBDRING" in text for text in self._line.unsolicited)
                self.announced = self.announced or rang
            self._clock.wait([self._stopping], RETURN_S)


def _started(dialogue: Dialogue[Result]) -> Dialogue[Result]:
    yield from sbd.start()
    return (yield from dialogue)


def _time() -> Dialogue[datetime | None]:
    return (yield from sbd.system_time(built=WRITTEN, latest=WRITTEN + LATEST))


def _time_in_words() -> Dialogue[str]:
    try:
        found = yield from _time()
    except ProtocolError as error:
        return f"network time not understood ({error})"
    return f"network time {found:%Y-%m-%d %H:%M:%S}Z" if found else "no network time"


def _reason(session: sbd.Session) -> str:
    status = "" if session.mo_status is None else f"MO status {session.mo_status}: "
    return status + session.reason
