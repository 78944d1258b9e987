"""Failing cards under a real ext4 and the real loops (root, FUSE): `python -m tests.rig.badcard`.

The card is a file of a FUSE file system of ours behind a loop device, so that it may stall, drop
what it is given, refuse writes, or not read one sector back.
"""

import contextlib
import errno
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mfusepy

from tests.fakes import BLANK, PLAN, number_of
from tests.invariants import check_card
from tests.rig.card import SCENES, Unit, read_again, run_folder
from tests.rig.powercut.blocks import DISK, SECTOR, Block, Device
from tests.rig.powercut.card import loop, run
from tests.rig.powercut.fuse import served
from trapnode.store import ram
from trapnode.store.reading import walk
from trapnode.store.store import DATABASE, open_store

DAY_S = 86_400.0
STALL_S = 0.2
STALL_EVERY = 5  # Writes.


class BadDevice(Device):
    """An image whose faults are switched while it is in use."""

    def __init__(self, image: Path) -> None:
        super().__init__(image, image.with_name("told"))
        self.stalls = self.drops = False
        self.refuses = 0  # With this errno.
        self.unreadable = range(0)  # Bytes.
        self.writes = self.stalled = self.dropped = self.unread = 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        if offset < self.unreadable.stop and self.unreadable.start < offset + size:
            self.unread += 1
            raise mfusepy.FuseOSError(errno.EIO)
        return super().read(path, size, offset, fh)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self.writes += 1
        if self.refuses:
            raise mfusepy.FuseOSError(self.refuses)
        if self.stalls and self.writes % STALL_EVERY == 0:
            self.stalled += 1
            time.sleep(STALL_S)
        if self.drops:
            self.dropped += 1
            return len(data)
        return super().write(path, data, offset, fh)

    def _note(self, block: Block) -> None:
        """Keep no log."""


class Bad:
    """A unit on a bad card, which lives days on it."""

    def __init__(self, device: BadDevice, unit: Unit, card: Path) -> None:
        self.device, self.unit, self.card = device, unit, card

    def day(self) -> None:
        """Live a day: nine frames, and the card is put to the proof."""
        self.unit.clock.step(DAY_S)
        self.unit.day()

    def boot(self) -> None:
        """Begin anew: RAM is empty, nothing of the card is remembered."""
        for path in sorted(self.unit.run.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        forget()

    def state(self) -> object:
        """Give how the card is, by what a technician sees."""
        return (ram.read_snapshot(self.unit.run) or {}).get("card_state")

    def lost(self) -> set[int]:
        """Give the frames, by number, that are gone and were no blanks."""
        roots = (self.unit.card / "archive", self.unit.run / "store" / "archive")
        held = {number_of(path.read_bytes()) for root in roots for path in root.rglob("*.jpg")}
        gone = set(range(1, self.unit.camera.taken + 1)) - held
        return {each for each in gone if SCENES[(each - 1) // PLAN.frames % len(SCENES)] != BLANK}

    def rows(self) -> int:
        """Count the sequences that a dump would read."""
        with read_again(self.unit.card) as store:
            return sum(1 for _ in walk(store.database))


def forget() -> None:
    """Let the kernel drop what it remembers of files."""
    run("sync")
    Path("/proc/sys/vm/drop_caches").write_text("3")


@contextlib.contextmanager
def bad_card() -> Iterator[Bad]:
    """Give a unit on a fresh card of 64 MB."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder, run_folder() as ram_folder:
        image, mount = Path(folder, "image"), Path(folder, "card")
        with image.open("wb") as file:
            file.truncate(64 << 20)
        run("mkfs.ext4", "-q", "-F", "-b4096", str(image))
        mount.mkdir()
        device = BadDevice(image)
        fuse = Path(folder, "fuse")
        with served(device, fuse, cached=False), loop(fuse / DISK) as name:
            run("mount", "-o", "errors=remount-ro", name, str(mount))
            try:
                yield Bad(device, Unit(mount, ram_folder), mount)
            finally:
                device.stalls = device.drops = False
                run("umount", "-l", str(mount))


def stalls() -> str:
    """Every fifth write takes 200 ms: no frame is lost, nobody is at fault."""
    with bad_card() as bad:
        bad.device.stalls = True
        began_s = time.monotonic()
        for _ in range(3):
            bad.day()
        took_s = time.monotonic() - began_s
        assert bad.device.stalled > 5, f"{bad.device.stalled} of {bad.device.writes} writes stalled"
        assert not bad.lost()
        assert bad.rows() * PLAN.frames == bad.unit.camera.taken == 27
        assert bad.unit.said <= {""}, bad.unit.said
        with contextlib.closing(open_store(bad.unit.card)) as store:
            check_card(store)
        return f"{bad.device.stalled} stalls of 200 ms: 27 frames in {took_s:.0f} s, none lost"


def drops() -> str:
    """What is written is dropped in silence: the next daily proof says so, and frames go on."""
    with bad_card() as bad:
        bad.day()
        assert bad.state() != "failing"
        forget()
        bad.device.drops = True
        bad.day()
        assert bad.device.dropped > 0
        assert bad.state() == "failing", bad.state()
        return f"drops writes: {bad.device.dropped} dropped, `card: failing` on the same day"


def refuses(code: int) -> str:
    """Writes are refused from some day on: what was safe stays, pictures go on in RAM."""
    with bad_card() as bad:
        bad.day()
        run("sync", "-f", str(bad.card))
        bad.device.refuses = code
        days = 0
        while ram.card_failed(bad.unit.run) is None and days < 5:
            bad.day()
            days += 1
        failed = ram.card_failed(bad.unit.run)
        assert failed is not None, f"{days} days, and the card did not fail"
        before = bad.unit.camera.taken
        bad.day()
        assert bad.unit.camera.taken - before == 9
        assert bad.rows() >= 3, "what was safe can be read"
        assert not bad.lost()
        return f"{errno.errorcode[code]}: in RAM on day {days} ({failed.cause.value}), none lost"


def turns_read_only() -> str:
    """It is mounted read-only under the processes: RAM at once; the next boot is on the card."""
    with bad_card() as bad:
        bad.day()
        run("mount", "-o", "remount,ro", str(bad.card))
        bad.day()
        failed = ram.card_failed(bad.unit.run)
        assert failed is not None
        assert not bad.lost()
        run("mount", "-o", "remount,rw", str(bad.card))
        bad.boot()
        bad.day()
        assert ram.card_failed(bad.unit.run) is None
        assert bad.rows() == 6
        return f"turns read-only ({failed.cause.value}): 9 frames in RAM, next boot on the card"


def unreadable(what: str, table: str = "") -> str:
    """One sector of the database cannot be read: a fresh one begins, and no picture is lost."""
    with bad_card() as bad:
        bad.day()
        bad.boot()
        bad.device.unreadable = sector_of(bad, table)
        bad.day()
        assert bad.device.unread > 0
        bad.day()
        assert ram.card_failed(bad.unit.run) is None, "pictures stay on the card"
        kept = sorted(path.name for path in (bad.unit.card / "quarantine").iterdir())
        assert f"000.{DATABASE}" in kept, kept
        assert not bad.lost()
        with contextlib.closing(open_store(bad.unit.card)) as store:
            check_card(store)
        return f"{what} cannot be read: fresh rows, {bad.unit.camera.taken} frames, none lost"


def sector_of(bad: Bad, table: str) -> range:
    """Give the bytes of the card that hold a table's first page, or the database's."""
    with contextlib.closing(open_store(bad.unit.card)) as store:
        store.database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        row = store.database.row("SELECT rootpage FROM sqlite_schema WHERE name = ?", table)
    forget()
    page = int(str(row[0])) - 1 if row else 0
    told = run("filefrag", "-v", "-b4096", str(bad.unit.card / DATABASE))
    for line in told.splitlines():
        words = line.replace(":", " ").replace("..", " ").split()
        if words and words[0].isdecimal():
            first, last, physical = int(words[1]), int(words[2]), int(words[3])
            if first <= page <= last:
                at = (physical + page - first) * 4096
                return range(at, at + SECTOR)
    raise AssertionError(f"page {page} is nowhere: {told}")


CASES: tuple[Callable[[], str], ...] = (
    stalls,
    drops,
    lambda: refuses(errno.EIO),
    lambda: refuses(errno.ENOSPC),
    turns_read_only,
    lambda: unreadable("a sector of the frames' rows", "frame"),
    lambda: unreadable("the database's first sector"),
)


def main() -> int:
    """Run all; give 1 without root or FUSE."""
    if os.geteuid() != 0 or not Path("/dev/fuse").exists():
        print("needs root and FUSE", file=sys.stderr)
        return 1
    print("; ".join(case() for case in CASES))
    return 0


if __name__ == "__main__":
    sys.exit(main())
