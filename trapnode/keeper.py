"""The keeper: battery, processor temperature, card, clock, signs of life, the status report.

Its snapshot in RAM is what a technician sees even when all else hangs; once a day it is packed
into a status report for the outbox.
"""

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

from trapnode import __version__
from trapnode.gauges import Battery, Gate, Thermometer
from trapnode.loop import Alive, Clock, Stopping
from trapnode.message import CardFailure, Faults, pack_card_failure, pack_status
from trapnode.model import Boot, ClockTrust, MessageKind
from trapnode.policy.budget import Budget
from trapnode.policy.card import reboot_helps
from trapnode.policy.drift import drift_of
from trapnode.policy.pir import pir_faults
from trapnode.policy.power import reboot_cures
from trapnode.policy.report import PRIORITY_STATUS, status_due
from trapnode.store import health as past
from trapnode.store import ram
from trapnode.store.awake import awake_of, silent_s
from trapnode.store.checkup import Health
from trapnode.store.corrections import corrections
from trapnode.store.doorbell import UPLINKER, ring
from trapnode.store.energy import Cells, Energy
from trapnode.store.store import Store
from trapnode.store.tally import Tally, changes, radio, tally
from trapnode.store.upkeep import Upkeep
from trapnode.store.watched import read_pir

__all__ = ["STALE_S", "Keeper", "Keeping"]

log = logging.getLogger(__name__)

STALE_S = {  # What the watchdog bears; a round that only waits takes 20 s at most.
    "station": 60.0,
    "sorter": 60.0,
    "uplinker": 400.0,  # Longer than the longest call of the modem, 300 s.
    "keeper": 60.0,
    "console": 60.0,
}
AT_WORK = {"station", "sorter", "uplinker"}  # Those that a gated unit waits for.
SNAPSHOT_S = 10.0
SETTLED_S = 60.0  # The others have started by then, or are at fault.


@dataclass(frozen=True, slots=True)
class Keeping:
    """What the keeper is told at its start."""

    unit: str
    boot: Boot
    processes: tuple[str, ...]
    status_hour: float  # The unit's own moment in the hour (UTC).
    config_fault: str
    rate: float = 1.0  # How fast the clock runs: the silence of a process is real time.
    nonce: Callable[[int], bytes] = os.urandom
    card_failed: ram.Failure | None = None  # Why the store is in RAM.
    cells: Cells = field(default_factory=Cells)
    budget: Budget | None = None  # Of the radio; None: it costs no credits.


class Keeper:
    """The loop over the unit's own health."""

    def __init__(
        self,
        keeping: Keeping,
        store: Store,
        run: Path,
        battery: Battery,
        thermometer: Thermometer,
        gate: Gate | None = None,
    ) -> None:
        self._keeping = keeping
        self._store = store
        self._run = run
        self._battery = battery
        self._thermometer = thermometer
        self._gate = gate  # None: the unit never switches itself off.
        self._energy = Energy(keeping.cells, store, run, keeping.boot)
        self._upkeep = Upkeep(store, keeping.card_failed.why if keeping.card_failed else "")
        self._began_s: float | None = None
        self._found: Tally | None = None  # As of the change `_counted_at`; None: count anew.
        self._counted_at = 0
        self._told_targets = 0  # By the last word that the card failed.

    def run(
        self, clock: Clock, trust: Callable[[], ClockTrust], stopping: Stopping, alive: Alive
    ) -> None:
        """Look after the unit until told to stop; raise StoreError."""
        if self._gate:
            self._gate.begin(clock.now(), self._tally().waiting)
        while not stopping():
            alive(self._gate.fault if self._gate else "")
            clock.wait([stopping], self.look(clock, trust()))
        self._energy.end(clock.monotonic())

    def look(self, clock: Clock, trust: ClockTrust) -> float:
        """Look at everything once: write the snapshot, and the status report when it is due.

        Give the s until the next look.
        """
        settled = self._settled(clock.monotonic())
        beats = {beat.process: beat for beat in ram.read_beats(self._run)}
        # Those that start with us must have said how they are.
        heard = settled or beats.keys() >= set(self._keeping.processes)
        due = heard and self._is_due(clock)
        if due:
            self._upkeep.probe(self._keeping.nonce(16))
        found = self._tally()
        limits = {each: STALE_S[each] * self._keeping.rate for each in self._keeping.processes}
        faults = ram.process_faults(beats, limits, clock.monotonic(), settled) + found.faults()
        health = self._health(
            clock, trust, faults, ram.syncs_for_each(beats.values(), found.this_boot)
        )
        ram.write_snapshot(self._run, self._snapshot(clock, health, found, beats))
        if due:
            self._report(clock, health, found)
        self._mend(found, clock.monotonic())
        if self._gate is None:
            return SNAPSHOT_S
        # A console without a cable keeps no unit awake.
        started = settled or beats.keys() >= AT_WORK & set(self._keeping.processes)
        return self._to_off(self._gate, clock, started, health)

    def _mend(self, found: Tally, now_s: float) -> None:
        """Ask for a reboot where one may mend the card, or a station that hangs."""
        failed, silence_s = self._keeping.card_failed, silent_s(self._run, now_s)
        held = found.unsorted, found.unclassified, found.targets
        if failed and reboot_helps(failed.at_s, *held):
            ram.ask_reboot(self._run)
        if not (failed or self._gate) and reboot_cures(silence_s / self._keeping.rate, now_s):
            ram.ask_reboot(self._run)

    def _to_off(self, gate: Gate, clock: Clock, heard: bool, health: Health) -> float:
        """Go on towards off, by what the card holds now, our own report included."""
        now, now_s, found = clock.now(), clock.monotonic(), self._tally()
        boot, hot = self._keeping.boot, health.energy.hot
        awake = awake_of(self._store, self._run, boot, found, now_s, heard=heard, hot=hot)
        stage = health.energy.stage
        return gate.look(awake, stage, now, found.waiting, lambda at: self._energy.end(now_s, at))

    def _is_due(self, clock: Clock) -> bool:
        """Say whether a report is: daily, when asked for, and with a new target in RAM."""
        outbox, hour = self._store.outbox, self._keeping.status_hour
        if status_due(clock.now(), outbox.last_status(), hour) or outbox.status_wanted():
            return True
        return bool(self._keeping.card_failed) and self._tally().targets > self._told_targets

    def _settled(self, now_s: float) -> bool:
        """Say whether all had the time to start."""
        if self._began_s is None:
            self._began_s = now_s
        return now_s - self._began_s >= SETTLED_S

    def _tally(self) -> Tally:
        """Count what the card holds, if anybody has changed it since the last count."""
        now_at = changes(self._store)  # First: what is committed during the count is a change.
        if self._found is None or now_at != self._counted_at:
            self._found, self._counted_at = tally(self._store), now_at
        return self._found

    def _health(
        self,
        clock: Clock,
        trust: ClockTrust,
        seen: Iterable[tuple[Faults, str]],
        syncs: int | None,
    ) -> Health:
        now, now_s = clock.now(), clock.monotonic()
        battery_mv, celsius = self._battery.millivolts(), self._thermometer.celsius()
        health = Health(
            battery_mv=battery_mv,
            temperature_c=celsius,
            card=self._upkeep.look(now_s),
            energy=self._energy.look(now, now_s, trust, battery_mv, celsius),
            drift=drift_of(corrections(self._store.database), now),
            syncs=syncs,
            clock_trust=trust,
            faults=tuple(seen),
        )
        return replace(health, faults=health.faults + tuple(self._faults(health, now)))

    def _faults(self, health: Health, now: datetime) -> Iterable[tuple[Faults, str]]:
        """Say what is wrong with the unit itself, the processes aside."""
        if self._keeping.config_fault:
            yield Faults.CONFIG, f"configuration: {self._keeping.config_fault}"
        yield from health.card.faults()
        if health.clock_trust is ClockTrust.NONE:
            yield Faults.CLOCK, f"clock: not set, it says {now:%Y-%m-%d %H:%M}Z"
        yield from health.energy.faults()
        blank = self._tally().blank_of_latest
        pir = pir_faults(read_pir(self._run), *blank)
        for text in filter(None, (health.drift.fault(), *pir, self._battery.fault)):
            yield Faults(0), text

    def _snapshot(
        self, clock: Clock, health: Health, found: Tally, beats: Mapping[str, ram.Beat]
    ) -> dict[str, object]:
        now_s, boot = clock.monotonic(), self._keeping.boot
        return {
            "version": __version__,
            "unit": self._keeping.unit,
            "at": clock.now().isoformat(timespec="seconds"),
            "monotonic_s": now_s,
            "boot": boot.id,
            "wake_reason": boot.wake_reason.value,
            **health.as_snapshot(),
            "pir": asdict(read_pir(self._run)),
            **found.as_snapshot(),
            **radio(self._store, self._keeping.budget, clock.now(), health.clock_trust),
            "set": ram.read_set(self._run),
            "gated": self._gate is not None,
            **({"awake_because": self._gate.awake_because} if self._gate else {}),
            "processes": {
                name: {"age_s": round(now_s - beat.monotonic_s, 1), "fault": beat.fault}
                for name, beat in beats.items()
            },
        }

    def _report(self, clock: Clock, health: Health, found: Tally) -> None:
        """Put in the status report, or the word that the card failed."""
        kind, body = MessageKind.STATUS, b""
        if failed := self._keeping.card_failed:
            self._told_targets = found.targets
            kind = MessageKind.CARD_FAILED
            body = pack_card_failure(
                CardFailure(clock.now(), failed.cause, found.sequences, found.targets)
            )
        else:
            body = pack_status(health.as_status(clock.now(), self._keeping.boot, found))
        with self._store.database.transaction():
            self._store.outbox.tell(kind, body, PRIORITY_STATUS, clock.now())
            if kind is MessageKind.STATUS:
                past.note(self._store.database, clock.now(), body)
        self._found = None  # Our own commit is no change to `changes`.
        ring(self._run, UPLINKER)
