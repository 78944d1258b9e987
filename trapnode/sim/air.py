"""The LoRaWAN network behind the module's twin: its server, and the way to it."""

import random
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from trapnode.sim.gateway import START

__all__ = ["Air", "Frame", "Rui3Faults"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as the network server got it."""

    at: float
    port: int
    payload: bytes
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Rui3Faults:
    """What goes wrong by chance, as shares of 1."""

    loses_frame: float = 0.0
    loses_ack: float = 0.0
    loses_join: float = 0.0
    browns_out: float = 0.0
    crowds: float = 0.0  # The MAC's own answers leave the frame no room, once.
    event_anywhere: float = 0.0
    sleeps: bool = False


class Air:
    """The network server and the way to it."""

    def __init__(
        self,
        rng: random.Random,
        faults: Rui3Faults | None = None,
        *,
        utc_at_zero: datetime = START,
        knows: bool = True,
    ) -> None:
        self.rng, self.faults, self._utc_at_zero = rng, faults or Rui3Faults(), utc_at_zero
        self.knows = knows  # False: it has forgotten the session, and hears only joins.
        self.received: list[Frame] = []
        self.downlinks: deque[tuple[int, bytes]] = deque()

    def utc(self, now: float) -> datetime:
        """Give the true time at `now`."""
        return self._utc_at_zero + timedelta(seconds=now)

    def happens(self, share: float) -> bool:
        """Draw whether a fault of this share happens."""
        return self.rng.random() < share

    def log(self, dev_eui: str, since: int) -> list[dict[str, object]]:
        """Tell what the network server got after the first `since` frames."""
        return [
            {
                "at": self.utc(frame.at).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "dev_eui": dev_eui,
                "port": frame.port,
                "hex": frame.payload.hex(),
            }
            for frame in self.received[since:]
        ]
