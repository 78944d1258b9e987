"""The few file operations that everything durable here is made of, each one a possible power cut.

`write_whole` is the durable write: `.part`, write, fsync, rename, fsync the folder.
"""

import os
from pathlib import Path
from typing import Protocol

__all__ = ["PART", "Disk", "RealDisk", "write_whole"]

PART = ".part"
MODE = 0o640


class Disk(Protocol):
    """Where files go; tests pass one that fails, tears and kills."""

    syncs: int  # How many files and folders were synced.

    def write(self, path: Path, data: bytes) -> None:
        """Create or replace a file; not durable yet."""
        ...

    def sync(self, path: Path) -> None:
        """Make a file's bytes durable."""
        ...

    def rename(self, path: Path, target: Path) -> None:
        """Give a file its name, atomically; not durable yet."""
        ...

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        ...

    def make_folder(self, folder: Path) -> None:
        """Make one folder; its parent exists; not durable yet."""
        ...

    def remove(self, path: Path) -> None:
        """Delete a file; one that is gone already is fine."""
        ...


class RealDisk:
    """The file system."""

    syncs = 0

    def write(self, path: Path, data: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
        with open(descriptor, "wb", buffering=0) as file:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]

    def sync(self, path: Path) -> None:
        self.syncs += 1
        _fsync(path, os.O_RDWR)

    def rename(self, path: Path, target: Path) -> None:
        os.rename(path, target)

    def sync_folder(self, folder: Path) -> None:
        self.syncs += 1
        _fsync(folder, os.O_RDONLY | os.O_DIRECTORY)

    def make_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o750, exist_ok=True)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)


def write_whole(disk: Disk, path: Path, data: bytes) -> None:
    """Write a file so that after a power cut it is the old one or the new one, whole."""
    part = path.with_name(path.name + PART)
    disk.write(part, data)
    disk.sync(part)
    disk.rename(part, path)
    disk.sync_folder(path.parent)


def make_folders(disk: Disk, folder: Path) -> None:
    """Make a folder and what is missing above it, durably."""
    missing = [each for each in (folder, *folder.parents) if not each.is_dir()]
    for each in reversed(missing):
        disk.make_folder(each)
        disk.sync_folder(each.parent)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
