"""What the uplinker needs of others, a modem and who obeys, and what it remembers of the link."""

from datetime import datetime
from typing import Protocol

from trapnode.loop import Clock
from trapnode.model import ClockTrust, Sent
from trapnode.policy.report import PRIORITY_TARGET

__all__ = ["Link", "Modem", "Obedience"]

SHORT_S = 3600.0  # So long a link that had no room is given shorter messages, or until one goes.


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

    def wants_time(self, trust: ClockTrust, now: datetime) -> bool:
        """Say whether the network shall be asked for the time."""
        ...

    def correct_clock(self, at: datetime, clock: Clock, source: str) -> str:
        """Set the clock and record it; say why the RTC does not have it. Raise DeviceError."""
        ...


class Link:
    """How the link was last, in this process; moments are monotonic, s.

    One bad sky must not cost a session for each message: while the link is down, only what is
    more valuable than what failed is tried.
    """

    def __init__(self) -> None:
        self.barred = ""
        """What only a person can mend."""
        self._down_until_s = 0.0
        self._down_priority = 0
        self._short = 0  # What the link takes ...
        self._short_until_s = 0.0  # ... until then: less than it says.

    def well(self) -> None:
        """Note that a message went."""
        self.barred, self._down_until_s, self._short_until_s = "", 0.0, 0.0

    def failed(self, priority: int, until_s: float, barred: str) -> None:
        """Note that a message did not, and when it is tried again."""
        self.barred, self._down_until_s, self._down_priority = barred, until_s, priority

    def took_only(self, room: int, now_s: float) -> None:
        """Note that it has less room than it says."""
        self._short, self._short_until_s = room, now_s + SHORT_S

    def room(self, modem: Modem, now_s: float) -> int:
        """Give the bytes that it takes."""
        short = now_s < self._short_until_s
        return min(modem.max_payload, self._short) if short else modem.max_payload

    def worth_trying(self, priority: int, now_s: float) -> bool:
        """Say whether a message of this priority is worth a session; a target always is."""
        down = now_s < self._down_until_s
        return not down or priority < self._down_priority or priority <= PRIORITY_TARGET
