"""Every block that a real ext4 writes and every flush it asks for, replayed in and out of order.

The image is a file of a FUSE file system of ours behind a loop device. What was flushed is on the
card; of the block writes since then a card with a volatile cache may have any, whole or torn
between sectors.
"""

import errno
import os
import random
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mfusepy

from tests.powercut.explore import fresh, record
from tests.powercut.verdict import everything_whole
from tests.rig.powercut import outside
from tests.rig.powercut.card import Result, copied, formatted, loop, mounted, run
from tests.rig.powercut.fuse import live_in, served

__all__ = ["blocks"]

SECTOR = 512
DISK = "disk"


@dataclass(frozen=True, slots=True)
class Block:
    """A write to the device, or a flush if there are no bytes."""

    offset: int
    data: bytes
    told: int  # How many bytes the world had been told before.


class Device(mfusepy.Operations):  # type: ignore[misc]
    """One file, an image; it logs what the loop device above does to it."""

    use_ns = True

    def __init__(self, image: Path, told: Path) -> None:
        self.log: list[Block] = []
        self._image = os.open(image, os.O_RDWR)
        self._told = told

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path.strip("/") != DISK:
            raise mfusepy.FuseOSError(errno.ENOENT)
        size = os.fstat(self._image).st_size
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": size}

    def open(self, path: str, flags: int) -> int:
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(self._image, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._note(Block(offset, bytes(data), self._known()))
        return os.pwrite(self._image, data, offset)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._note(Block(0, b"", self._known()))
        return 0

    def flush(self, path: str, fh: int) -> int:
        return 0

    release = flush

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        return 0

    def _known(self) -> int:
        return self._told.stat().st_size if self._told.exists() else 0

    def _note(self, block: Block) -> None:
        self.log.append(block)


def blocks(
    life: str, chances: int, most: int, program: str = "trapnode", seed: int = 1, enough: int = 20
) -> Result:
    """Check the card after every block write, and `chances` disorders of each; at most `most`."""
    found = Result("block log", life, program)
    whole = everything_whole(record(life))
    with fresh() as work:
        base, told = formatted(work / "base.img"), work / "told"
        log = _logged(life, program, base, work, told)
        wanted = _sample(len(log) * (1 + chances), most, seed)
        sure = copied(base, work / "sure.img")
        for number, (image, known) in enumerate(_cards(log, sure, work / "c.img", chances, seed)):
            if number not in wanted:
                continue
            _write(*image)
            facts = outside.facts(told, known)
            found.judge(f"state {number}", image[1], work / "m", facts, whole)
            if len(found.broken) >= enough:
                break
    return found


def _logged(life: str, program: str, base: Path, work: Path, told: Path) -> list[Block]:
    """Let a process live on a logged device; give what was logged while it lived."""
    device = Device(copied(base, work / "live.img"), told)
    with (
        served(device, work / "f"),
        loop(work / "f" / DISK) as name,
        mounted(name, work / "m") as root,
    ):
        run("sync", "-f", str(root))
        copied(work / "live.img", base)  # Mounting has written, too.
        device.log.clear()
        live_in(life, program, root, told)
        return list(device.log)


def _sample(count: int, most: int, seed: int) -> set[int]:
    numbers = range(count)
    return set(numbers if count <= most else random.Random(seed).sample(numbers, most))


Image = tuple[Path, Path, list[Block]]
"""The card as it surely is, where the state shall be, and the writes that came through."""


def _cards(
    log: list[Block], sure: Path, target: Path, chances: int, seed: int
) -> Iterator[tuple[Image, int]]:
    """Give every state, and how much the world knew; each is to be written before the next."""
    dice = random.Random(seed)
    waiting: list[Block] = []
    for block in log:
        if block.data:
            waiting.append(block)
        else:
            _apply(sure, waiting)
            waiting = []
        yield (sure, target, list(waiting)), block.told
        for _ in range(chances):  # What was told rests on what was flushed before.
            yield (sure, target, _disorder(waiting, dice)), block.told


def _disorder(waiting: list[Block], dice: random.Random) -> list[Block]:
    """Give what a cache that was not flushed may have put on the card."""
    kept: list[Block] = []
    for block in waiting:
        how = dice.choice(("kept", "lost", "torn"))
        if how == "kept":
            kept.append(block)
        elif how == "torn":
            kept += [
                Block(block.offset + at, block.data[at : at + SECTOR], block.told)
                for at in range(0, len(block.data), SECTOR)
                if dice.random() < 0.5
            ]
    return kept


def _write(sure: Path, target: Path, through: list[Block]) -> None:
    _apply(copied(sure, target), through)


def _apply(image: Path, through: list[Block]) -> None:
    with image.open("r+b") as file:
        for block in through:
            os.pwrite(file.fileno(), block.data, block.offset)
