"""The LoRaWAN module: one frame a call; what the network did not say is not known.

Without confirmations nobody says that a frame arrived, and a network may have forgotten the
session. So after ASK_AFTER frames without any word of it, each asks for one, and after
JOIN_AFTER the module joins anew.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from trapnode.devices.line import Clock, Connect, ModemLine, Stopping, at_baud
from trapnode.devices.rest import Pin, ResetWire
from trapnode.errors import DeviceError, LinkUnavailable, TooLong
from trapnode.model import Sent
from trapnode.protocols import rui3
from trapnode.protocols.at import Dialogue
from trapnode.protocols.iridium import WRITTEN
from trapnode.protocols.lorawan import ORDINARY, Outcome, Uplink
from trapnode.protocols.rui3_module import RUI3, Network

__all__ = ["LorawanModem"]

BAUD = 115_200  # RUI3's factory setting; 8N1.
LATEST = timedelta(days=3650)  # What the network says of later days is noise.
ASK_AFTER, JOIN_AFTER = 16, 20  # Frames. A day's observations at most; four chances of a word.
MAC_OPTIONS = 15  # Bytes that the MAC's own answers may take of a frame's room.
DOWNLINKS_KEPT = 4  # Of frames whose own end was not known.

Result = TypeVar("Result")


class LorawanModem:
    """A RAK3172 with RUI3.

    Every call may take a minute and raises LinkUnavailable when the message, or the question,
    shall be tried again, TooLong when it must be shorter for that, and DeviceError when the port
    fails, or the module is stuck and no wire resets it.
    """

    credit = 0  # Airtime is what counts.
    announced = False  # A class A module hears of downlinks only in answer to a frame.

    def __init__(
        self,
        port: str,
        network: Network,
        *,
        clock: Clock,
        stopping: Stopping,
        connect: Connect | None = None,
        reset_pin: Pin | None = None,
        patience: float = 1.0,
    ) -> None:
        self._network, self._clock = network, clock
        self._line = ModemLine(
            port,
            RUI3,
            clock=clock,
            stopping=stopping,
            connect=connect or at_baud(BAUD),
            patience=patience,
        )
        self._reset = ResetWire(reset_pin, clock)
        self.max_payload = ORDINARY
        """Bytes of one message: an ordinary one always, more at the data rate of the last frame."""
        self._unheard = 0  # Frames since the network's last word.
        self._crowded = b""  # What found no room beside the MAC's answers.
        self._asked = self._told = False  # The time: since the last answer, and by a frame since.
        self._kept: deque[bytes] = deque(maxlen=DOWNLINKS_KEPT)

    def __repr__(self) -> str:
        return f"LorawanModem({self._line.path!r}, faults={self._line.faults})"

    def close(self) -> None:
        """Give the port back; may be called twice."""
        self._line.close()

    def rest(self) -> None:
        """Nothing is due now: the module sleeps by itself, if it is set up so."""

    def identity(self) -> str:
        """Give the unit's name in its network, the DevEUI."""
        return self._network.dev_eui.upper()

    def about(self) -> str:
        """Say which modem this is and how it is, for a person; costs nothing."""
        how = self._call(lambda: rui3.about(self._network))
        return f"LoRaWAN module {self.identity()}, {how}"

    def send(self, payload: bytes) -> Sent:
        """Send one frame; `delivered` is the network server's word on a confirmed one."""
        rui3.check_payload(payload)
        began_s, network = self._clock.monotonic(), self._network
        if self._unheard >= ASK_AFTER:
            network = replace(network, confirmed=True)
        rejoin = self._unheard >= JOIN_AFTER
        if rejoin:
            self._unheard = 0
        uplink = self._call(lambda: rui3.send(payload, network, rejoin=rejoin))
        self._learn(uplink)
        self._raise_unless_sent(uplink, payload)
        downlinks = tuple(self._kept)
        self._kept.clear()
        on_s = self._clock.monotonic() - began_s
        return Sent(uplink.outcome is Outcome.DELIVERED, downlinks, seconds=on_s)

    def fetch(self) -> Sent:
        """Refuse: a frame without a message is none of ours; downlinks come with messages."""
        raise LinkUnavailable("LoRaWAN fetches no downlink without a message")

    def network_time(self) -> datetime | None:
        """Give the network's time if the last frame brought it, and have the next one ask.

        The module's clock runs on, and away: an old answer is none.
        """
        bounds = {"built": WRITTEN, "latest": WRITTEN + LATEST}
        found = self._call(lambda: rui3.network_time(self._network, **bounds))
        is_fresh, self._told, self._asked = self._told, False, True
        return found if is_fresh else None

    def _learn(self, uplink: Uplink) -> None:
        """Note what an attempt told of the network, whatever became of the message."""
        if uplink.outcome in (Outcome.DELIVERED, Outcome.ON_AIR):
            self._told = self._asked
        if uplink.room is not None:
            self.max_payload = max(uplink.room, ORDINARY)
        self._kept += [each.payload for each in uplink.downlinks if each.port == rui3.PORT]
        if uplink.downlinks or uplink.outcome is Outcome.DELIVERED:
            self._unheard = 0
        elif uplink.outcome is Outcome.ON_AIR or uplink.unanswered:
            self._unheard += 1

    def _raise_unless_sent(self, uplink: Uplink, payload: bytes) -> None:
        if uplink.outcome is Outcome.RETRY:
            raise LinkUnavailable(uplink.reason, uplink.retry_after_s)
        if uplink.outcome is Outcome.WAIT_OR_SPLIT:
            most = uplink.room
            if most is None and self._crowded == payload:  # Twice: it will not get emptier.
                most = len(payload) - MAC_OPTIONS
            self._crowded = payload
            if most is None or most < ORDINARY:  # A shorter one would help nobody.
                raise LinkUnavailable(uplink.reason)
            raise TooLong(uplink.reason, most)
        self._crowded = b""

    def _call(self, make: Callable[[], Dialogue[Result]]) -> Result:
        """Run a dialogue; reset a module that is stuck, where a wire can, and run it again."""
        try:
            return self._line.call(make())
        except DeviceError as error:
            if not isinstance(error.__cause__, DeviceError) or not self._reset.pull():
                raise  # The port failed, not the module; or nothing can help it.
        return self._line.call(make())
