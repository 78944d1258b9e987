"""A real ext4 card in RAM: an image, its loop device, its mount; and the check of a copy of it."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.powercut.explore import broken

__all__ = ["OPTIONS", "Result", "copied", "formatted", "loop", "mounted", "run"]

SIZE = 512 << 20  # Sparse; the unit thinks it has room.
OPTIONS = "noauto_da_alloc"  # ext4 must not hide a missing sync.
THOROUGH_EVERY = 12
CHECKS = ("-p", "-y")  # Of e2fsck at boot: what it does by itself, and with `fsck.repair=yes`.
MENDED = 1  # What e2fsck ends with where it has mended all; 0 where there was nothing.


@dataclass
class Result:
    """What one engine found in the states of one program."""

    engine: str
    life: str
    program: str
    states: int = 0
    broken: list[str] = field(default_factory=list)
    mended: dict[str, int] = field(default_factory=dict)  # States that only a check could mount.

    def judge(
        self, name: str, image: Path, folder: Path, told: tuple[object, ...], whole: set[bytes]
    ) -> None:
        """Boot the unit on an image that a cut left, and note what is wrong with it."""
        thorough = self.states % THOROUGH_EVERY == 0
        self.states += 1
        try:
            if check := _mountable(image, folder):
                self.mended[check] = self.mended.get(check, 0) + 1
            with loop(image) as device, mounted(device, folder) as root:
                (root / "lost+found").rmdir()
                wrong = broken(root, told, whole, thorough)
        except (OSError, subprocess.CalledProcessError) as error:
            wrong = f"does not mount: {getattr(error, 'stderr', error)}"
        if wrong:
            self.broken.append(f"{name}: {wrong}")


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


def _mountable(image: Path, folder: Path) -> str:
    """Give the check of a boot without which an image does not mount; empty: it does as it is.

    Raise CalledProcessError where none helps.
    """
    for check in ("", *CHECKS):
        if check:
            done = subprocess.run(["e2fsck", check, str(image)], capture_output=True, check=False)
            if done.returncode > MENDED:
                continue
        try:
            with loop(image) as device, mounted(device, folder):
                return check
        except subprocess.CalledProcessError:
            if check == CHECKS[-1]:
                raise
    raise OSError(f"{image}: e2fsck {CHECKS[-1]} mends it not")
