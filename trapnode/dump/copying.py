"""Putting files into DEST: each is read once, hashed on its way, and whole once it has its name.

`.part`, write, fsync, rename, fsync the folder, as on the card, but in batches: the kernel writes
the pictures of a batch back while the next ones are hashed.
"""

import contextlib
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
BATCH = 64  # Open files at a time; some 200 MB of pictures.

Progress = Callable[[int], object]
"""Take the bytes that went by since the last call."""

Put = Callable[[str], object]
"""Take the next piece of a text file."""


class Unreadable(TrapnodeError):
    """The card does not give this file; DEST is as it was. `gone`: it is not there at all."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path}: cannot be read: {error.strerror or error}")
        self.gone = isinstance(error, FileNotFoundError)


File = tuple[BinaryIO, Path]


class Copier:
    """The way into DEST, used in a `with`; every method raises StoreError when DEST fails."""

    def __init__(self, dest: Path, progress: Progress) -> None:
        self.dest = dest
        self.bytes = 0  # Of all files that the dump now has.
        self.kept = 0  # Files that an earlier run had already brought.
        self._progress = progress
        self._files: list[File] = []  # Written, not durable yet.
        self._lines: list[str] = []
        self._folders: set[Path] = set()
        self._buffer = memoryview(bytearray(CHUNK))

    def __enter__(self) -> "Copier":
        with _failing(self.dest):
            (self.dest / SUMS).unlink(missing_ok=True)  # Until `finish` the dump is not whole.
        self._sums = self._create(self.dest / SUMS)
        return self

    def __exit__(self, *_: object) -> None:
        for file, _target in (*self._files, (self._sums, self.dest)):
            with contextlib.suppress(OSError):  # A full disk: what matters was said already.
                file.close()

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
            _seal([(file, target)])
        self._note(digest.hexdigest(), path)

    def settle(self) -> None:
        """Make what was brought so far durable, and give it its names."""
        files, self._files = self._files, []
        lines, self._lines = self._lines, []
        _seal(files)
        with _failing(self.dest / SUMS):
            self._sums.write("".join(lines).encode("utf-8", "surrogateescape"))

    def finish(self) -> None:
        """Write SHA256SUMS, for `sha256sum -c`: with it the dump is whole."""
        self.settle()
        _seal([(self._sums, self.dest / SUMS)])

    def _note(self, digest: str, path: str) -> None:
        self._lines.append(f"{digest}  {path}\n")
        if len(self._files) >= BATCH:
            self.settle()

    def _count(self, count: int) -> None:
        self.bytes += count
        self._progress(count)

    def _bring(self, source: Path, target: Path) -> str:
        digest = hashlib.sha256()
        with _card(source) as card:
            file = self._create(target)
            self._files.append((file, target))
            try:
                while count := _read(card, self._buffer):
                    digest.update(self._buffer[:count])
                    with _failing(target):
                        file.write(self._buffer[:count])
                    self._count(count)
                with _failing(target):
                    _begin_writing_back(file)
            except Unreadable:
                self._files.pop()
                file.close()
                _part(target).unlink()
                raise
        return digest.hexdigest()

    def _create(self, target: Path) -> BinaryIO:
        with _failing(target):
            if target.parent not in self._folders:
                target.parent.mkdir(parents=True, exist_ok=True)
                self._folders.add(target.parent)
            return _part(target).open("wb")


def _seal(files: list[File]) -> None:
    """Make files durable, then name them, then make the names durable."""
    for file, target in files:
        with _failing(target), file:
            file.flush()
            os.fsync(file.fileno())
    for _, target in files:
        with _failing(target):
            _part(target).rename(target)
    for folder in {target.parent for _, target in files}:
        with _failing(folder):
            _sync_folder(folder)


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


def _begin_writing_back(file: BinaryIO) -> None:
    """Let the kernel write this file while we hash the next: its fsync then waits less."""
    file.flush()
    if hasattr(os, "posix_fadvise"):  # Linux; a desk may be a Mac.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _part(target: Path) -> Path:
    return target.with_name(target.name + PART)


@contextlib.contextmanager
def _failing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
