"""The world that twins of several processes share: one folder, one clock, one boot.

FOLDER/world.json      origin and rate of time, boot id, seed
FOLDER/scene.sock      where scenes are played
FOLDER/view.jpg        what the camera sees without one, if it is there
FOLDER/modem           the modem twin's pseudo-terminal
FOLDER/console         the technician's pseudo-terminal
FOLDER/gateway.jsonl   what the radio's network received, one message a line
FOLDER/down/           what is to go down, one file of hex each
"""

import json
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from trapnode.errors import UsageError
from trapnode.sim.clock import FastClock
from trapnode.words import WakeReason

__all__ = ["World"]

FILE = "world.json"


class World(NamedTuple):
    """What the twins must agree on."""

    folder: Path
    origin: datetime
    real_origin_s: float
    rate: float
    boot_id: str
    seed: int
    radio: str = "sbd"  # Which modem the unit has.
    wake: WakeReason = WakeReason.POWER_ON

    @classmethod
    def create(
        cls,
        folder: Path,
        origin: datetime,
        rate: float,
        boot_id: str,
        seed: int = 1,
        radio: str = "sbd",
        wake: WakeReason = WakeReason.POWER_ON,
    ) -> "World":
        """Begin a world in a folder, its time running from now."""
        world = cls(folder, origin, time.monotonic(), rate, boot_id, seed, radio, wake)
        folder.mkdir(parents=True, exist_ok=True)
        told = world._asdict() | {"folder": "", "origin": origin.isoformat()}
        (folder / FILE).write_text(json.dumps(told), "utf-8")
        return world

    @classmethod
    def enter(cls, folder: Path) -> "World":
        """Enter a world that somebody began; raise UsageError."""
        try:
            told = json.loads((folder / FILE).read_text("utf-8"))
            origin = datetime.fromisoformat(told.pop("origin"))
            wake = WakeReason(told["wake"])
            return cls(**(told | {"folder": folder, "origin": origin, "wake": wake}))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{folder}: no world of twins: {error}") from error

    @property
    def modem(self) -> Path:
        """The modem twin's pseudo-terminal."""
        return self.folder / "modem"

    @property
    def console(self) -> Path:
        """The technician's pseudo-terminal."""
        return self.folder / "console"

    @property
    def gateway(self) -> Path:
        """What the gateway received."""
        return self.folder / "gateway.jsonl"

    @property
    def mailbox(self) -> Path:
        """Where downlinks are laid for the gateway."""
        return self.folder / "down"

    def clock(self) -> FastClock:
        """Give the world's clock."""
        return FastClock(self.origin, self.rate, self.real_origin_s)

    def wake_reason(self) -> WakeReason:
        """Say why the unit is awake."""
        return self.wake
