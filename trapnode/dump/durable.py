"""What makes files in DEST durable, and proves that they are.

The system calls themselves, and no objects around them: they run twice for every small preview.
"""

import contextlib
import ctypes
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from trapnode.errors import StoreError
from trapnode.store.disk import PART

__all__ = ["failing", "forget", "hash_of", "name_durably", "read_sums", "sync_path", "write_all"]

HASH = re.compile("[0-9a-f]{64}")


def name_durably(
    dest: Path, targets: Sequence[str], check: Callable[[str], object] = lambda target: None
) -> None:
    """Make files durable that are whole as `.part`, check and name them, make that durable."""
    with failing(dest):
        sync_all([target + PART for target in targets], dest)
    for target in targets:
        with failing(target):
            check(target)
            os.rename(target + PART, target)
    for folder in {target.rpartition("/")[0] for target in targets}:
        with failing(folder):
            sync_path(folder)


def write_all(descriptor: int, pieces: list[memoryview]) -> int:
    """Write all of the pieces; give their length. Raise OSError."""
    size = sum(map(len, pieces))
    done = os.writev(descriptor, pieces)
    if done < size:  # A signal, or a disk that is almost full.
        rest = memoryview(b"".join(pieces))
        while done < size:
            done += os.write(descriptor, rest[done:])
    return size


def sync_all(files: list[str], folder: Path) -> None:
    """Make files durable; where the system can, all of the file system at once."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:  # Not Linux.
        for file in files:
            sync_path(file)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def failing(path: Path | str) -> Iterator[None]:
    """Turn what DEST says into our error."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error}") from error


def sync_path(path: Path | str) -> None:
    """Make a file's bytes, or the names in a folder, durable. Raise OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def forget(descriptor: int) -> None:
    """Let the kernel forget what it remembers of an open file, so that the medium is read."""
    if hasattr(os, "posix_fadvise"):  # Linux; a desk may be a Mac.
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def hash_of(path: str, buffer: memoryview) -> str:
    """Hash a file as the medium has it, not as the kernel remembers it. Raise OSError."""
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        forget(descriptor)
        while count := os.readv(descriptor, [buffer]):
            digest.update(buffer[:count])
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def read_sums(path: Path) -> dict[str, bytes]:
    """Read SHA256SUMS: path to hash; what is not there or torn holds nothing. Raise OSError."""
    try:
        lines = path.read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return {}
    split = (line.partition("  ") for line in lines)
    return {name: bytes.fromhex(sum_) for sum_, _, name in split if HASH.fullmatch(sum_)}
