"""The card refuses operation n, n = 1, 2, ... until none is left: station, sorter and keeper."""

import errno
import itertools
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.fakes import (
    BLANK,
    DEER,
    LEOPARD,
    PLAN,
    After,
    KnowingClassifier,
    NumberedCamera,
    boot,
    number_of,
    sort_all,
    sorter_of,
)
from tests.faults import Power
from tests.invariants import check_card, goes_on, recovered
from trapnode.errors import CardFailed, CardFull, StoreError
from trapnode.keeper import Keeper, Keeping
from trapnode.model import ClockTrust
from trapnode.sim.battery import SimBattery, SimThermometer
from trapnode.sim.clock import SteppedClock
from trapnode.sim.pir import ScriptedPir
from trapnode.station import Identity, Station
from trapnode.store import ram
from trapnode.store.disk import RealDisk
from trapnode.store.refusal import cause_of
from trapnode.store.spare import open_spare
from trapnode.store.store import Store, open_store

SPANS = [(5.0, 0.5), (60.0, 1.2)]
SCENES = (BLANK, LEOPARD, DEER, BLANK)
FOREVER = 1 << 30
SQLITE = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EIO: sqlite3.SQLITE_IOERR,
    errno.EROFS: sqlite3.SQLITE_READONLY,
}


class Fault:
    """Refuses `lasts` operations from number `at` on; files and SQL alike."""

    def __init__(self, at: int, code: int, lasts: int) -> None:
        self.at, self.code, self.lasts = at, code, lasts
        self.count = 0

    def refuses(self) -> bool:
        self.count += 1
        return self.at <= self.count < self.at + self.lasts

    @property
    def happened(self) -> bool:
        return self.count >= self.at

    def connect(self, path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, factory=Faulty)
        connection.fault = self
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA foreign_keys=ON")
        return connection


class Faulty(sqlite3.Connection):
    """A connection that is refused before it begins, and before it commits."""

    fault: Fault

    def execute(self, sql: str, *rest: object) -> sqlite3.Cursor:  # type: ignore[override]
        if sql in ("BEGIN IMMEDIATE", "COMMIT") and self.fault.refuses():
            error = sqlite3.OperationalError(os.strerror(self.fault.code))
            error.sqlite_errorcode = SQLITE[self.fault.code]
            raise error
        return super().execute(sql, *rest)  # type: ignore[arg-type]


class FaultyDisk(RealDisk):
    """A disk that is refused; what a refused write leaves is torn."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    def _refuse(self) -> None:
        if self._fault.refuses():
            raise OSError(self._fault.code, os.strerror(self._fault.code))

    def write(self, path: Path, data: bytes) -> None:
        try:
            self._refuse()
        except OSError as error:
            if error.errno == errno.ENOSPC:
                super().write(path, data[: len(data) // 2])
            raise
        super().write(path, data)

    def sync(self, path: Path) -> None:
        self._refuse()

    def rename(self, path: Path, target: Path) -> None:
        self._refuse()
        super().rename(path, target)

    def sync_folder(self, folder: Path) -> None:
        self._refuse()

    def make_folder(self, folder: Path) -> None:
        self._refuse()
        super().make_folder(folder)

    def remove(self, path: Path) -> None:
        if self._fault.code != errno.ENOSPC:  # Removing needs no room.
            self._refuse()
        super().remove(path)


class Ends(Exception):
    """A process that ends each time it is begun."""


class Unit:
    """Processes over one card, begun anew by systemd as they end."""

    def __init__(self, state: Path, fault: Fault) -> None:
        self.state, self.run, self.fault = state, state / "run", fault
        self.run.mkdir(parents=True)
        self.taken = 0  # Frames.
        self.said: list[str] = []  # By the station.

    def store(self) -> Store:
        """Open the store as the composition root does."""
        if ram.card_failed(self.run) is None:
            try:
                return open_store(self.state, FaultyDisk(self.fault), self.fault.connect)
            except (CardFailed, CardFull) as error:
                ram.fail_card(self.run, ram.Failure(cause_of(error), str(error), 0.0))
        return open_spare(self.run)

    def lives(self, work) -> None:
        """Do a process's work, again if it ends by an error of the store, three times at most."""
        for _ in range(3):
            store = None
            try:
                store = self.store()
                work(store)
                return
            except CardFailed as error:
                ram.fail_card(self.run, ram.Failure(cause_of(error), str(error), 0.0))
            except CardFull as error:
                self.said.append(str(error))
                if work == self.watch:
                    ram.fail_card(self.run, ram.Failure(cause_of(error), str(error), 0.0))
            except StoreError as error:
                self.said.append(str(error))
            finally:
                if store is not None:
                    store.close()
        raise Ends(f"ends again and again: {self.said[-3:]}")

    def watch(self, store: Store) -> None:
        clock = SteppedClock()
        camera = NumberedCamera(clock)
        camera.taken = self.taken
        opened: list[Store] = []

        def spare(error: CardFailed):
            ram.fail_card(self.run, ram.Failure(cause_of(error), str(error), 0.0))
            opened.append(open_spare(self.run))
            return opened[0], boot(opened[0])

        pir = ScriptedPir(clock.monotonic, SPANS)
        identity = Identity("AL07", 600, boot(store))
        try:
            Station(identity, PLAN, 1.0, store, self.run, spare).run(
                pir, camera, clock, After(lambda: clock.monotonic() > 80), self.said.append
            )
        finally:
            self.taken = camera.taken
            pir.close()
            for each in opened:
                each.close()

    def held(self) -> set[int | None]:
        """Give the numbers of the frames that are on the card or in RAM, and check the latter."""
        found = numbers_below(self.state / "archive")
        if (self.run / "store").is_dir():
            spare = open_spare(self.run)
            check_card(spare)
            found |= numbers_below(spare.archive.root)
            spare.close()
        return found

    def sort(self, store: Store) -> None:
        sort_all(sorter_of(store, self.run, lambda: KnowingClassifier(SCENES * 9)), SteppedClock())

    def keep(self, store: Store) -> None:
        clock = SteppedClock()
        keeping = Keeping("AL07", boot(store), (), 2, "", card_failed=ram.card_failed(self.run))
        keeper = Keeper(keeping, store, self.run, SimBattery(clock.monotonic), SimThermometer())
        keeper.look(clock, ClockTrust.RTC)
        store.eviction.free(1)


def numbers_below(root: Path) -> set[int | None]:
    paths = (path for path in root.rglob("*.jpg") if "preview" not in path.name)
    return {number_of(path.read_bytes()) for path in paths}


@pytest.mark.parametrize(
    ("code", "lasts"),
    [
        (errno.ENOSPC, 1),
        (errno.ENOSPC, FOREVER),
        (errno.EIO, 1),
        (errno.EROFS, FOREVER),
    ],
    ids=["full once", "full", "one error", "read-only"],
)
def test_whatever_the_card_refuses_the_unit_goes_on_and_loses_nothing_that_was_safe(
    card, code, lasts
):
    for at in itertools.count(1):
        unit = Unit(card / f"{at}", Fault(at, code, lasts))
        unit.lives(unit.watch)
        lost = set(range(1, unit.taken + 1)) - unit.held()
        if code == errno.ENOSPC:
            assert len(lost) <= 8
            assert not lost or any(unit.said), "what is missing is said"
        else:
            assert not lost
        for work in (unit.sort, unit.keep):
            try:
                unit.lives(work)
            except Ends:  # Until somebody makes room, systemd begins them again and again.
                assert (code, lasts) == (errno.ENOSPC, FOREVER)
        if lasts == FOREVER and code == errno.EROFS:
            assert unit.fault.happened is (ram.card_failed(unit.run) is not None)
        shutil.rmtree(unit.run)  # The next boot.
        unit.run.mkdir()
        power = Power()
        store = recovered(unit.state, power.open)
        if at % 4 == 0:
            goes_on(store, unit.state)
        power.end()
        shutil.rmtree(unit.state)
        if not unit.fault.happened:
            break
    assert at > 80
