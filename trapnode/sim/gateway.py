"""The satellite network behind the modem's twin: its signal, its gateway, what goes wrong there."""

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from trapnode.protocols.buffers import MT_BUFFER

__all__ = ["Delivery", "Faults", "Gateway", "Plan"]

BARS = 4
FAILURES = (10, 13, 17, 18, 19, 35)
MAY_HAVE_ARRIVED = (13, 17, 18)
START = datetime(2026, 11, 22, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """How one session ends: its MO status, whether the gateway got it, whether we are told.

    With `browns_out` the modem loses power in it and starts anew, before it counts a success.
    """

    status: int = 0
    arrives: bool = True
    replies: bool = True
    browns_out: bool = False


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong by chance (shares of 1), and when there is no signal (start, end)."""

    fails: float = 0.0
    loses_reply: float = 0.0
    browns_out: float = 0.0
    no_signal: tuple[tuple[float, float], ...] = ()


NO_FAULTS = Faults()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as the gateway got it."""

    at: float
    momsn: int
    payload: bytes


class Gateway:
    """What the sky grants; `plans` script the next sessions, then chance and signal rule."""

    def __init__(
        self,
        rng: random.Random,
        *,
        plans: Sequence[Plan] = (),
        faults: Faults = NO_FAULTS,
        utc_at_zero: datetime = START,
    ) -> None:
        self.plans, self.faults = deque(plans), faults
        self.received: list[Delivery] = []
        self.on_mo: Callable[[Delivery], None] | None = None
        self._rng, self._utc_at_zero = rng, utc_at_zero
        self._downlinks: deque[bytes] = deque()

    @property
    def queued(self) -> int:
        """How many downlinks wait."""
        return len(self._downlinks)

    def queue(self, payload: bytes) -> None:
        """Leave a downlink for the unit."""
        if not 1 <= len(payload) <= MT_BUFFER:
            raise ValueError(f"downlink of {len(payload)} bytes; the modem takes 1 to {MT_BUFFER}")
        self._downlinks.append(payload)

    def fetch(self) -> bytes:
        """Hand the oldest downlink over; nothing when none waits."""
        return self._downlinks.popleft() if self._downlinks else b""

    def utc(self, now: float) -> datetime:
        """Give the true time at `now`."""
        return self._utc_at_zero + timedelta(seconds=now)

    def bars(self, now: float) -> int:
        """Give the signal at `now`, 0 or good."""
        lost = any(start <= now < end for start, end in self.faults.no_signal)
        return 0 if lost else BARS

    def session(self, now: float, *, radio: bool) -> Plan:
        """Decide how a session ends."""
        if not radio:
            return Plan(34, arrives=False)
        if self.plans:
            return self.plans.popleft()
        if not self.bars(now):
            return Plan(32, arrives=False)
        if self._rng.random() < self.faults.fails:
            status = self._rng.choice(FAILURES)
            return Plan(status, status in MAY_HAVE_ARRIVED and self._rng.random() < 0.5)
        if self._rng.random() < self.faults.browns_out:
            return Plan(arrives=self._rng.random() < 0.5, browns_out=True)
        return Plan(replies=self._rng.random() >= self.faults.loses_reply)

    def deliver(self, delivery: Delivery) -> None:
        """Take a message."""
        self.received.append(delivery)
        if self.on_mo is not None:
            self.on_mo(delivery)

    def log(self, imei: str, since: int) -> list[dict[str, object]]:
        """Tell what arrived after the first `since` messages."""
        return [
            {
                "at": self.utc(each.at).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "imei": imei,
                "momsn": each.momsn,
                "hex": each.payload.hex(),
            }
            for each in self.received[since:]
        ]
