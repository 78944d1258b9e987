"""Real full, thin and read-only cards under a unit (root): `python -m tests.rig.card`.

A tmpfs of 1 MB, one with few inodes, an ext4 whose backing is thinner than it says (its syncs fail
first, then it turns read-only), and a card mounted read-only with its log not written back.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

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
from tests.invariants import check_card
from trapnode.errors import CardFailed, CardFull, StoreError
from trapnode.keeper import Keeper, Keeping
from trapnode.model import ClockTrust, Shot
from trapnode.sim.battery import SimBattery, SimThermometer
from trapnode.sim.clock import SteppedClock
from trapnode.sim.pir import ScriptedPir
from trapnode.station import Identity, Station
from trapnode.store import ram
from trapnode.store.energy import Cells
from trapnode.store.reading import open_for_dump, walk
from trapnode.store.refusal import cause_of
from trapnode.store.spare import open_spare
from trapnode.store.store import Store, open_store

SHOT = 20_000
SCENES = (DEER, BLANK, LEOPARD, DEER, DEER)


class Camera(NumberedCamera):
    """A camera whose frames are SHOT bytes."""

    def shoot(self) -> Shot:
        shot = super().shoot()
        filling = b"\xfe" * (SHOT - len(shot.frame))
        return Shot(shot.frame[:-2] + filling + shot.frame[-2:], shot.preview, shot.captured_at)


class Unit:
    """Station, sorter and keeper over one real card, turn and turn about."""

    def __init__(self, card: Path, run: Path) -> None:
        self.card, self.run = card / "state", run
        self.clock = SteppedClock()
        self.camera = Camera(self.clock)
        self.said: set[str] = set()

    def store(self) -> Store:
        """Open the store as the composition root does."""
        if ram.card_failed(self.run) is None:
            try:
                return open_store(self.card)
            except (CardFailed, CardFull) as error:
                self.fail(error)
        return open_spare(self.run)

    def fail(self, error: StoreError) -> None:
        ram.fail_card(self.run, ram.Failure(cause_of(error), str(error), 0.0))

    def spare(self, error: CardFailed):
        self.fail(error)
        store = open_spare(self.run)
        return store, boot(store)

    def day(self) -> None:
        """Take three bursts, sort them, keep house; a process that ends is begun anew once."""
        for work in (self.watch, self.sort, self.keep):
            for _ in range(2):
                with contextlib.closing(self.store()) as store:
                    try:
                        work(store)
                        break
                    except CardFailed as error:
                        self.fail(error)
                    except StoreError as error:
                        self.said.add(f"ended: {type(error).__name__}")

    def watch(self, store: Store) -> None:
        start = self.clock.monotonic() + 60
        pir = ScriptedPir(self.clock.monotonic, [(start + 60 * n, 0.5) for n in range(3)])
        station = Station(
            Identity("AL07", 600, boot(store)), PLAN, 1.0, store, self.run, self.spare
        )
        over = After(lambda: self.clock.monotonic() > start + 200)
        station.run(pir, self.camera, self.clock, over, self.hear)
        pir.close()

    def hear(self, fault: str) -> None:
        self.said.add(fault.split(":")[0] if fault else "")

    def sort(self, store: Store) -> None:
        knows = KnowingClassifier(SCENES * 500)
        sort_all(sorter_of(store, self.run, lambda: knows), self.clock)

    def keep(self, store: Store) -> None:
        failed, fresh = (
            ram.card_failed(self.run),
            Cells(battery_wh=1e6),
        )  # Fewer frames are no fault.
        keeping = Keeping("AL07", boot(store), (), 2, "", card_failed=failed, cells=fresh)
        keeper = Keeper(
            keeping, store, self.run, SimBattery(self.clock.monotonic), SimThermometer()
        )
        keeper.look(self.clock, ClockTrust.RTC)

    def check(self) -> tuple[int, int]:
        """Check rows against files; give the frames taken and those on card and in RAM."""
        held = 0
        for state in (self.card, self.run / "store"):
            if not (state / "archive").is_dir():
                continue
            paths = [p for p in (state / "archive").rglob("*.jpg") if "preview" not in p.name]
            assert None not in {number_of(path.read_bytes()) for path in paths}
            held += len(paths)
        return self.camera.taken, held


@contextlib.contextmanager
def mounted(*words: str) -> Iterator[Path]:
    """Mount something in a fresh folder."""
    folder = Path(tempfile.mkdtemp(prefix="card"))
    sh("mount", *words, str(folder))
    try:
        yield folder
    finally:
        sh("umount", "-l", str(folder))
        folder.rmdir()


def sh(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="run", dir="/dev/shm"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def small(options: str, what: str) -> str:
    """A card too small for its days: it is full, says so, and stays in order."""
    with mounted("-t", "tmpfs", "-o", options, "none") as card, run_folder() as run:
        unit, targets = Unit(card, run), set()
        for _ in range(40):
            unit.day()
            now = targets_on(unit)
            assert targets <= now, "a target went"
            targets = now
        taken, held = unit.check()
        assert taken > 100, "it never stopped taking pictures for good"
        snapshot = ram.read_snapshot(run)
        assert snapshot is not None
        if ram.card_failed(run) is None:
            with contextlib.closing(open_store(unit.card)) as store:
                store.repair()
                check_card(store)
                free = store.card_space()[0]
        else:
            free = 0
        return (
            f"{what}: {taken} frames taken, {held} held, {len(targets)} with a target,"
            f" {free >> 10} KiB free, {snapshot['card_state']}"
        )


def targets_on(unit: Unit) -> set[object]:
    """Give the full frames of sequences known to show a target, on the card and in RAM."""
    found: set[object] = set()
    for state in (unit.card, unit.run / "store"):
        if (state / "trapnode.db").exists():
            with contextlib.closing(open_store(state)) as store:
                found |= {
                    (state, *row)
                    for row in store.database.rows(
                        "SELECT f.path FROM frame f JOIN observation o ON o.id = f.sequence"
                        " WHERE o.target = 1 AND f.state = 'whole'"
                    )
                }
    return found


@contextlib.contextmanager
def read_again(state: Path) -> Iterator[Store]:
    """Open a card's store as the dump does."""
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as scratch,
        contextlib.closing(open_for_dump(state, Path(scratch))) as store,
    ):
        yield store


def thin() -> str:
    """32 MB of ext4 on 4 MB: its syncs fail, it turns read-only, and the unit goes on in RAM."""
    with (
        mounted("-t", "tmpfs", "-o", "size=4m", "none") as backing,
        run_folder() as run,
    ):
        image = backing / "image"
        sh("truncate", "-s", "32M", str(image))
        sh("mkfs.ext4", "-q", "-O", "^metadata_csum", str(image))
        with mounted("-o", "loop,errors=remount-ro", str(image)) as card:
            unit = Unit(card, run)
            days = 0
            while ram.card_failed(run) is None and days < 60:
                unit.day()
                days += 1
            failed = ram.card_failed(run)
            assert failed is not None, f"{days} days, and the card did not fail"
            before = unit.camera.taken
            for _ in range(3):
                unit.day()
            in_ram = unit.camera.taken - before
            assert in_ram >= 27
            with read_again(unit.card) as store:
                rows = sum(1 for _ in walk(store.database))
            assert rows > 0, "what is on the failed card can be read"
            with contextlib.closing(open_spare(run)) as store:
                check_card(store)
            unit.check()
            return (
                f"thin: failed after {before} frames ({failed.cause.value}), {rows} sequences"
                f" readable, {in_ram} more frames taken in RAM"
            )


def read_only() -> str:
    """A card mounted read-only, its log not written back: read by the dump, replaced by RAM."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, run_folder() as run:
        image = Path(folder, "image")
        sh("truncate", "-s", "32M", str(image))
        sh("mkfs.ext4", "-q", str(image))
        with mounted("-o", "loop", str(image)) as card:
            Unit(card, run).day()
            child = os.fork()
            if child == 0:  # Its log stays as it is: this process ends without closing it.
                store = open_store(card / "state")
                boot(store, "two")
                os._exit(0)
            os.waitpid(child, 0)
            (card / "state" / "trapnode.db-shm").unlink()
            assert (card / "state" / "trapnode.db-wal").stat().st_size > 0
        with mounted("-o", "loop,ro,noload", str(image)) as card:
            with read_again(card / "state") as store:
                rows = sum(1 for _ in walk(store.database))
                boots = store.database.row("SELECT count(*) FROM boot")
            assert (rows, boots) == (3, (2,))
            unit = Unit(card, run)
            unit.day()
            failed = ram.card_failed(run)
            assert failed is not None
            assert unit.camera.taken >= 9
            with contextlib.closing(open_spare(run)) as store:
                check_card(store)
                assert len(list(store.sequences.all())) == 3
        return f"read-only ({failed.cause.value}): 3 sequences readable, 3 more taken in RAM"


def main() -> int:
    """Run all; give 1 without root."""
    if os.geteuid() != 0:
        print("mounts need root", file=sys.stderr)
        return 1
    found = [
        small("size=1m", "1 MB"),
        small("size=8m", "8 MB"),
        small("size=64m,nr_inodes=120", "120 inodes"),
        thin(),
        read_only(),
    ]
    print("\n".join(found))
    print("; ".join(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
