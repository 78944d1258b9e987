"""The keeper's work on the battery: energy counted, days left, the stage, what a night costs."""

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from trapnode.errors import CardFull
from trapnode.message import Faults
from trapnode.model import Boot, ClockTrust, WakeReason
from trapnode.policy.energy import (
    Powers,
    Spent,
    days_left,
    event_mwh,
    expected_day_mwh,
    usable_mwh,
)
from trapnode.policy.power import is_hot, stage_of
from trapnode.store.account import Account, read_account, write_account
from trapnode.store.busy import read_busy
from trapnode.store.cells import answer_cells, cells_asked
from trapnode.store.stage import Restraint, write_restraint
from trapnode.store.store import Store
from trapnode.words import Stage

__all__ = ["Cells", "Energy", "EnergyHealth"]

SAVE_S = 3600.0  # What a power cut may leave uncounted of an awake unit.
OFF_LONGEST_S = 366 * 86_400.0
LIVES_MOST = 1000  # Boots that were cut before they could be counted.
BOOT_LONGEST_S = 60.0  # A keeper that comes later comes to a unit that is up already.


@dataclass(frozen=True, slots=True)
class Cells:
    """What the configuration says of battery and profile."""

    powers: Powers = field(default_factory=Powers)
    battery_wh: float = 63.0
    low_mv: int = 7200
    empty_mv: int = 6000
    gated: bool = False
    linger_s: float = 15.0


@dataclass(frozen=True, slots=True)
class EnergyHealth:
    """How the battery is."""

    stage: Stage
    left_share: float | None  # None: nobody counts what mains or sun give.
    days_left: float | None
    used_mwh: float
    this_boot: dict[str, float]  # mWh by state.
    hot: bool
    cuts: int  # Boots that ended because power was lost,
    resets: int  # and those that the watchdog ended.

    def faults(self) -> list[tuple[Faults, str]]:
        """Say what of it a technician must hear."""
        faults = []
        if self.stage is not Stage.FULL:
            left = "" if self.left_share is None else f", {self.left_share:.0%} of its energy left"
            faults.append((Faults(0), f"battery: stage {self.stage.value}{left}"))
        if self.hot:
            faults.append((Faults(0), "heat: judging waits for the processor to cool"))
        return faults

    def as_snapshot(self) -> dict[str, object]:
        """Give it as part of the status snapshot."""
        return {
            "power_stage": self.stage.value,
            "days_left": None if self.days_left is None else round(self.days_left, 1),
            "battery_left_share": None if self.left_share is None else round(self.left_share, 3),
            "power_lost": self.cuts,
            "watchdog_resets": self.resets,
            "battery_used_mwh": round(self.used_mwh),
            "energy_mwh": {state: round(mwh, 2) for state, mwh in self.this_boot.items()},
        }


class Energy:
    """The account of the battery, as one keeper goes on with it."""

    def __init__(self, cells: Cells, store: Store, run: Path, boot: Boot) -> None:
        self._cells = cells
        self._store = store
        self._run = run
        self._boot = boot
        self._account = read_account(store.state)
        self._new = self._account.boot != boot.id
        # A keeper that was stopped told the card that this boot has ended; it has not.
        revived = self._account.ended and not self._new
        self._account = dataclasses.replace(self._account, ended=self._new and self._account.ended)
        self._boot_s = 0.0
        self._saved_s = -SAVE_S if revived else 0.0
        self._hot = False
        self._coldest: float | None = None

    @property
    def account(self) -> Account:
        """The account as of the last look."""
        return self._account

    def look(
        self,
        now: datetime,
        now_s: float,
        trust: ClockTrust,
        battery_mv: int | None,
        celsius: float | None,
    ) -> EnergyHealth:
        """Count up to now and say how the battery is; raise StoreError."""
        if self._new:
            self._begin(now, now_s, trust)
        self._count(now, now_s, trust)
        if number := cells_asked(self._run):
            self._account = self._account.renewed()
            self.save(now_s)
            answer_cells(self._run, number)
        if celsius is not None:  # The processor is as cold as the air only just after a boot.
            self._coldest = min(celsius, self._coldest if self._coldest is not None else celsius)
        health = self._health(battery_mv, celsius)
        changed = health.stage is not self._account.stage
        self._account = dataclasses.replace(self._account, stage=health.stage)
        if changed or now_s - self._saved_s >= SAVE_S:
            self.save(now_s)
        write_restraint(self._run, Restraint(health.stage, self._coldest, health.hot))
        return health

    def end(self, now_s: float, alarm_at: datetime | None = None) -> None:
        """Write the account of a boot that ends by our own will; raise StoreError."""
        told = alarm_at.isoformat(timespec="seconds") if alarm_at else ""
        ended = dataclasses.replace(self._account, alarm_at=told, ended=True)
        self.save(now_s, ended)

    def save(self, now_s: float, account: Account | None = None) -> None:
        """Write the account; raise StoreError."""
        try:
            write_account(self._store.disk, self._store.state, account or self._account)
        except CardFull:  # `Upkeep` says so; the old account stays.
            return
        self._saved_s = now_s

    def _begin(self, now: datetime, now_s: float, trust: ClockTrust) -> None:
        """Begin this boot: its start, the time switched off, and lives that nobody counted."""
        before, self._new = self._account, False
        self._saved_s = now_s if before.boot else -SAVE_S  # A new account is on the card at once.
        off = Spent(off=_off_s(before.at, now - timedelta(seconds=now_s), trust))
        lost = min(LIVES_MOST, max(0, self._boot.id - before.boot - 1)) if before.boot else 0
        boot_s = min(now_s, BOOT_LONGEST_S)
        a_life = event_mwh(
            self._cells.powers,
            gated=self._cells.gated,
            linger_s=self._cells.linger_s,
            boot_s=boot_s,
        )
        began = off + Spent(boot=boot_s)
        reset = self._boot.wake_reason is WakeReason.WATCHDOG  # It ended the life before this one.
        cuts = lost + (before.boot > 0 and not before.ended)
        begun = dataclasses.replace(
            before,
            boot=self._boot.id,
            counted_s=now_s,
            # New cells in a unit that is up already gave nothing of what was spent before.
            spent=Spent(boot=boot_s, awake=0.0 if before.boot else now_s - boot_s),
            ended=False,
            cuts=before.cuts + max(0, cuts - reset),
            resets=before.resets + reset,
        )
        mwh = began.mwh(self._cells.powers) + lost * a_life
        self._account = self._charged(begun, mwh, now, trust, 1 + lost)

    def _count(self, now: datetime, now_s: float, trust: ClockTrust) -> None:
        """Charge what was spent since the last look."""
        before = self._account
        busy = {
            kind: read_busy(self._run, kind).total_s(now_s)
            for kind in ("camera", "judge", "modem", "light")
        }
        self._boot_s = before.spent.boot
        awake = max(before.spent.awake, now_s - self._boot_s)
        spent = Spent(boot=self._boot_s, awake=awake, **busy)
        mwh = max(0.0, (spent - before.spent).mwh(self._cells.powers))
        at = now.isoformat(timespec="seconds") if trust is not ClockTrust.NONE else ""
        counted = dataclasses.replace(before, counted_s=now_s, spent=spent, at=at)
        self._account = self._charged(counted, mwh, now, trust, 0)

    def _charged(
        self, account: Account, mwh: float, now: datetime, trust: ClockTrust, wakes: int
    ) -> Account:
        """Charge a day, too, if it is known which."""
        date = "" if trust is ClockTrust.NONE else now.date().isoformat()
        return account.charge(mwh, date, wakes, self._cells.linger_s)

    def _health(self, battery_mv: int | None, celsius: float | None) -> EnergyHealth:
        cells, account = self._cells, self._account
        share, days = self._left()
        # What mains or sun give an `always_on` unit is not counted: there the voltage alone speaks.
        worth = share if share is not None and cells.gated else 1.0
        limits = {"low_mv": cells.low_mv, "empty_mv": cells.empty_mv}
        self._hot = is_hot(self._hot, celsius)
        return EnergyHealth(
            stage=stage_of(account.stage, worth, battery_mv, **limits),
            left_share=share,
            days_left=days,
            used_mwh=account.used_mwh,
            this_boot=account.spent.by_state(cells.powers),
            hot=self._hot,
            cuts=account.cuts,
            resets=account.resets,
        )

    def _left(self) -> tuple[float | None, float | None]:
        """Give the share of the cells' energy that is left, and for how many days."""
        cells, account = self._cells, self._account
        if not (usable := usable_mwh(cells.battery_wh, self._coldest)):
            return None, None
        left = max(0.0, usable - account.used_mwh)
        a_day = expected_day_mwh(
            account.days[:-1],  # Today is not over.
            cells.powers,
            gated=cells.gated,
            linger_s=cells.linger_s,
            boot_s=account.spent.boot,
        )
        return left / usable, days_left(left, a_day)


def _off_s(before: str, started: datetime, trust: ClockTrust) -> float:
    """Give how long the unit was off; 0 where a clock that nobody trusts would have to say it."""
    if not before or trust is ClockTrust.NONE:
        return 0.0
    passed_s = (started - datetime.fromisoformat(before)).total_seconds()
    return passed_s if 0 <= passed_s <= OFF_LONGEST_S else 0.0
