"""What the uplinker needs of others: a modem, and somebody who does what comes down."""

from datetime import datetime
from typing import Protocol

from trapnode.loop import Clock
from trapnode.model import Sent

__all__ = ["Modem", "Obedience"]


class Modem(Protocol):
    """A radio that takes one message at a time."""

    @property
    def max_payload(self) -> int:
        """Give how many bytes one message may have now."""
        ...

    @property
    def credit(self) -> int:
        """Give how many bytes one credit pays for; 0 where airtime is what counts."""
        ...

    def send(self, payload: bytes) -> Sent:
        """Send; raise LinkUnavailable (it may have arrived), MessageRefused, DeviceError."""
        ...

    @property
    def announced(self) -> bool:
        """Say whether the network told that a downlink waits."""
        ...

    def fetch(self) -> Sent:
        """Fetch a downlink without a message, which may cost a credit; raise as `send`."""
        ...

    def about(self) -> str:
        """Say which modem this is and how it is, for a person, at no cost; raise as `send`."""
        ...

    def rest(self) -> None:
        """Take note that nothing is due now: the modem may sleep."""
        ...

    def network_time(self) -> datetime | None:
        """Give the network's time, if it tells one; raise as `send`."""
        ...


class Obedience(Protocol):
    """Who does what comes down."""

    def begin(self, clock: Clock) -> None:
        """Finish what the power cut short."""
        ...

    def obey(self, payload: bytes, clock: Clock) -> None:
        """Do what a downlink says, if it may say so."""
        ...

    def look(self, now: datetime) -> None:
        """Roll back what lost us the contact."""
        ...

    def correct_clock(self, at: datetime, clock: Clock, source: str) -> None:
        """Set the clock and record it; raise DeviceError."""
        ...
