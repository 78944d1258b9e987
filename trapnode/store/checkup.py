"""What the keeper found in one round: for the technician's snapshot, and for the status report."""

import functools
import operator
from dataclasses import dataclass
from datetime import datetime

from trapnode.message import Faults, Status
from trapnode.model import Boot, ClockTrust
from trapnode.policy.drift import Drift
from trapnode.store.energy import EnergyHealth
from trapnode.store.tally import Tally
from trapnode.store.upkeep import CardHealth

__all__ = ["Health"]


@dataclass(frozen=True, slots=True)
class Health:
    """What the sensors said in one round, and what is wrong."""

    battery_mv: int | None
    temperature_c: float | None
    card: CardHealth
    energy: EnergyHealth
    drift: Drift
    syncs: int | None  # For each sequence of this boot; None: no sequence yet.
    clock_trust: ClockTrust
    faults: tuple[tuple[Faults, str], ...]

    def as_snapshot(self) -> dict[str, object]:
        """Give it as part of the status snapshot."""
        return {
            "clock_trust": self.clock_trust.value,
            "battery_mv": self.battery_mv,
            "temperature_c": self.temperature_c,
            "syncs_per_event": self.syncs,
            **self.drift.as_snapshot(),
            **self.energy.as_snapshot(),
            **self.card.as_snapshot(),
            "faults": [text for _, text in self.faults],
        }

    def as_status(self, at: datetime, boot: Boot, found: Tally) -> Status:
        """Give the status report that the air carries."""
        temperature = self.temperature_c
        return Status(
            at=at,
            battery_mv=self.battery_mv,
            temperature_c=None if temperature is None else round(temperature),
            card_free_mib=self.card.free >> 20,
            boots=boot.id,
            **found.as_status(),
            wake_reason=boot.wake_reason,
            clock_trust=self.clock_trust,
            faults=functools.reduce(operator.or_, (flag for flag, _ in self.faults), Faults(0)),
            card=self.card.state,
            written_mib=self.card.written_mib,
            syncs=self.syncs,
            power_lost=self.energy.cuts % 16,
            watchdog_resets=self.energy.resets % 4,
            stage=self.energy.stage,
        )
