"""Putting files into DEST: each is read once, hashed on its way, and whole once it has its name.

`.part`, write, sync, rename, fsync the folder, as on the card, but in batches: one `syncfs` costs
what one fsync does, and a card of small previews holds a hundred thousand files.
"""

import contextlib
import ctypes
import hashlib
import os
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from trapnode.errors import StoreError, TrapnodeError

__all__ = ["SUMS", "Copier", "Progress", "Put", "Unreadable"]

PART = ".part"
SUMS = "SHA256SUMS"
CHUNK = 1 << 20
BATCH_FILES = 1000  # Between two syncs; what a cut loses at most, with the next.
BATCH_BYTES = 256 << 20
LARGE = 1 << 20  # A file worth telling the kernel to begin writing.

Progress = Callable[[int], object]
"""Take the bytes that went by since the last call."""

Put = Callable[[str], object]
"""Take the next piece of a text file."""


class Unreadable(TrapnodeError):
    """The card does not give this file; DEST is as it was. `gone`: it is not there at all."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path}: cannot be read: {error.strerror or error}")
        self.gone = isinstance(error, FileNotFoundError)


class Copier:
    """The way into DEST, used in a `with`; every method raises StoreError when DEST fails."""

    def __init__(self, dest: Path, progress: Progress) -> None:
        self.dest = dest
        self.bytes = 0  # Of all files that the dump now has.
        self.kept = 0  # Files that an earlier run had already brought.
        self._progress = progress
        self._written: list[Path] = []  # Whole as `.part`, not durable yet.
        self._written_bytes = 0
        self._lines: list[str] = []
        self._folders: set[Path] = set()
        self._buffer = memoryview(bytearray(CHUNK))

    def __enter__(self) -> "Copier":
        with _failing(self.dest):
            (self.dest / SUMS).unlink(missing_ok=True)  # Until `finish` the dump is not whole.
        self._sums = self._create(self.dest / SUMS)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # A full disk: what matters was said already.
            self._sums.close()

    def copy(self, source: Path, path: str) -> None:
        """Bring one file; the one that is there stays if it is the same. Raise Unreadable."""
        target = self.dest / path
        digest = _same(source, target)
        if digest is None:
            digest = self._bring(source, target)
        else:
            self.kept += 1
            self._count(target.stat().st_size)
        self._note(digest, path)

    def write(self, path: str, text: str) -> None:
        """Write one file of our own, replacing an earlier one."""
        with self.writing(path) as put:
            put(text)

    @contextlib.contextmanager
    def writing(self, path: str) -> Iterator[Put]:
        """Write one file of our own piece by piece; it counts once the `with` ends well."""
        target = self.dest / path
        digest = hashlib.sha256()
        with self._create(target) as file:

            def put(text: str) -> None:
                content = text.encode("utf-8", "surrogateescape")
                digest.update(content)
                with _failing(target):
                    self.bytes += file.write(content)

            yield put
            with _failing(target):
                file.flush()
        self._written.append(target)
        self._note(digest.hexdigest(), path)

    def settle(self) -> None:
        """Make what was brought so far durable, and give it its names."""
        _seal(self.dest, self._written)
        with _failing(self.dest / SUMS):
            self._sums.write("".join(self._lines).encode("utf-8", "surrogateescape"))
        self._written, self._lines, self._written_bytes = [], [], 0

    def finish(self) -> None:
        """Write SHA256SUMS, for `sha256sum -c`: with it the dump is whole."""
        self.settle()
        with _failing(self.dest / SUMS):
            self._sums.close()
        _seal(self.dest, [self.dest / SUMS])

    def _note(self, digest: str, path: str) -> None:
        self._lines.append(f"{digest}  {path}\n")
        if len(self._written) >= BATCH_FILES or self._written_bytes >= BATCH_BYTES:
            self.settle()

    def _count(self, count: int) -> None:
        self.bytes += count
        self._progress(count)

    def _bring(self, source: Path, target: Path) -> str:
        digest, size = hashlib.sha256(), 0
        try:
            with _card(source) as card, self._create(target) as file:
                while count := _read(card, self._buffer):
                    digest.update(self._buffer[:count])
                    with _failing(target):
                        file.write(self._buffer[:count])
                    size += count
                    self._count(count)
                with _failing(target):
                    _begin_writing(file, size)
        except Unreadable:
            _part(target).unlink(missing_ok=True)
            raise
        self._written.append(target)
        self._written_bytes += size
        return digest.hexdigest()

    def _create(self, target: Path) -> BinaryIO:
        with _failing(target):
            if target.parent not in self._folders:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._folders.add(target.parent)
            return _part(target).open("wb")


def _seal(dest: Path, targets: list[Path]) -> None:
    """Make files durable, then name them, then make the names durable."""
    with _failing(dest):
        _sync([_part(target) for target in targets], dest)
    for target in targets:
        with _failing(target):
            os.rename(_part(target), target)
    for folder in {target.parent for target in targets}:
        with _failing(folder):
            _sync_path(folder)


def _sync(files: list[Path], folder: Path) -> None:
    """Make files durable; where the system can, all of the file system at once."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:  # Not Linux.
        for file in files:
            _sync_path(file)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)


def _same(source: Path, target: Path) -> str | None:
    """Give the hash of the target if an earlier run brought it and it is still the source."""
    try:
        if target.stat().st_size == source.stat().st_size:
            digest = _hash(target)
            return digest if digest == _hash(source) else None
    except OSError:
        return None
    return None


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _card(source: Path) -> Iterator[FileIO]:
    try:
        file = FileIO(source)
    except OSError as error:
        raise Unreadable(source, error) from error
    with file:
        yield file


def _read(card: FileIO, buffer: memoryview) -> int:
    try:
        return card.readinto(buffer) or 0
    except OSError as error:
        raise Unreadable(Path(str(card.name)), error) from error


def _begin_writing(file: BinaryIO, size: int) -> None:
    """Let the kernel write a large file while we hash the next: the sync then waits less."""
    file.flush()
    if size >= LARGE and hasattr(os, "posix_fadvise"):  # Linux; a desk may be a Mac.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _part(target: Path) -> Path:
    return target.with_name(target.name + PART)


@contextlib.contextmanager
def _failing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error}") from error


def _sync_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
