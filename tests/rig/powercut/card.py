"""A real ext4 card in RAM: an image, its loop device, its mount; and the check of a copy of it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.powercut.explore import broken

__all__ = ["OPTIONS", "Result", "copied", "formatted", "loop", "mounted", "run", "verdict"]

SIZE = 512 << 20  # Sparse; the unit thinks it has room.
OPTIONS = "noauto_da_alloc"  # ext4 must not hide a missing sync.


@dataclass
class Result:
    """What one engine found in the states of one program."""

    engine: str
    life: str
    program: str
    states: int = 0
    broken: list[str] = field(default_factory=list)


def run(*command: str) -> str:
    """Run a command; raise CalledProcessError."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def formatted(path: Path) -> Path:
    """Make an image with an empty ext4 in it."""
    with path.open("wb") as file:
        file.truncate(SIZE)
    features = "lazy_itable_init=0,nodiscard,root_owner=0:0"
    run("mkfs.ext4", "-q", "-F", "-m0", "-N1024", "-Jsize=4", "-E", features, str(path))
    return path


def copied(image: Path, target: Path) -> Path:
    """Copy what an image holds; holes stay holes."""
    with image.open("rb") as source, target.open("wb") as out:
        size = os.fstat(source.fileno()).st_size
        out.truncate(size)
        end = 0
        with contextlib.suppress(OSError):  # ENXIO: no data any more.
            while end < size:
                at = os.lseek(source.fileno(), end, os.SEEK_DATA)
                end = os.lseek(source.fileno(), at, os.SEEK_HOLE)
                while at < end:
                    data = os.pread(source.fileno(), min(end - at, 1 << 20), at)
                    os.pwrite(out.fileno(), data, at)
                    at += len(data)
    return target


@contextlib.contextmanager
def loop(image: Path) -> Iterator[str]:
    """Give the loop device of an image."""
    device = run("losetup", "-f", "--show", str(image))
    try:
        yield device
    finally:
        run("losetup", "-d", device)


@contextlib.contextmanager
def mounted(device: str, folder: Path) -> Iterator[Path]:
    """Mount a device, replaying its journal."""
    folder.mkdir(exist_ok=True)
    run("mount", "-t", "ext4", "-o", OPTIONS, device, str(folder))
    try:
        yield folder
    finally:
        run("umount", str(folder))


def verdict(
    image: Path, folder: Path, told: tuple[object, ...], whole: set[bytes], thorough: bool
) -> str:
    """Start the unit on an image that a cut left; say what is wrong, empty if nothing is."""
    try:
        with loop(image) as device, mounted(device, folder) as root:
            (root / "lost+found").rmdir()
            return broken(root, told, whole, thorough)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"does not mount: {getattr(error, 'stderr', error)}"
