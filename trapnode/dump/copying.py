"""Putting files into DEST: each is read once, hashed on its way, and whole once it has its name.

`.part`, write, sync, read back from the medium, rename, fsync the folder, as on the card, but in
batches: one `syncfs` costs what one fsync does, and a card of small previews holds a hundred
thousand files. For the same reason a file's way is bare system calls on one buffer.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from trapnode.dump.card import Unreadable, pieces_of
from trapnode.dump.durable import failing, hash_of, name_durably, read_sums, sync_path, write_all
from trapnode.errors import StoreError
from trapnode.store.disk import PART

__all__ = ["CHUNK", "SUMS", "Copier", "Progress", "Put"]

SUMS = "SHA256SUMS"
BEFORE = "SHA256SUMS.before"  # Those of the run before, for what only this dump has: `keep`.
CHUNK = 1 << 20
BATCH_FILES = 1000  # Between two syncs; what a cut loses at most, with the next.
BATCH_BYTES = 256 << 20
NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC

Progress = Callable[[int], object]
"""Take the bytes that went by since the last call."""

Put = Callable[[str], object]
"""Take the next piece of a text file."""


class Copier:
    """The way into DEST, used in a `with`; every method raises StoreError when DEST fails."""

    def __init__(self, dest: Path, progress: Progress) -> None:
        self.dest = dest
        self.bytes = 0  # Of all files that the dump now has.
        self.kept = 0  # Files that an earlier run had already brought.
        self._progress = progress
        self._before: dict[str, bytes] | None = None  # Read when it is first asked for.
        self._written: list[tuple[str, str]] = []  # Whole as `.part`, not durable yet; its hash.
        self._written_bytes = 0
        self._lines: list[str] = []
        self._folders: set[str] = set()
        self._buffer = memoryview(bytearray(CHUNK))

    def __enter__(self) -> "Copier":
        with failing(self.dest):
            with contextlib.suppress(FileNotFoundError):
                os.rename(self.dest / SUMS, self.dest / BEFORE)  # Until `finish` it is not whole,
            sync_path(self.dest)  # and no cut may bring back the sums of an earlier run.
            self._sums = (self.dest / (SUMS + PART)).open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # A full disk: what matters was said already.
            self._sums.close()

    def copy(self, source: str, path: str, segment: bytes = b"") -> str:
        """Bring one file, give its SHA-256; the same one stays. Raise Unreadable.

        `segment` is put into a JPEG before its pixels; the file's own bytes stay as they are.
        """
        target = f"{self.dest}/{path}"
        digest = self._same(source, target, segment)
        if digest is None:
            digest = self._bring(source, target, segment)
            self._written.append((target, digest))
        else:
            self.kept += 1
        self._note(digest, path)
        return digest

    def keep(self, path: str) -> bool:
        """Take in a file that an earlier run brought; False unless it is there, and unchanged."""
        target = f"{self.dest}/{path}"
        if self._before is None:
            self._before = read_sums(self.dest / BEFORE)
        try:
            digest = hash_of(target, self._buffer)
            if self._before.get(path) != bytes.fromhex(digest):
                return False
            self._count(os.stat(target).st_size)
        except OSError:
            return False
        self.kept += 1
        self._note(digest, path)
        return True

    def write(self, path: str, text: str) -> None:
        """Write one file of our own, replacing an earlier one."""
        with self.writing(path) as put:
            put(text)

    def write_bytes(self, path: str, content: bytes) -> None:
        """Write a picture that is not as the card has it, replacing an earlier one."""
        target = f"{self.dest}/{path}"
        digest = hashlib.sha256(content)
        with failing(target):
            descriptor = self._create(target)
            try:
                write_all(descriptor, [memoryview(content)])
            finally:
                os.close(descriptor)
        self._written.append((target, digest.hexdigest()))
        self._count(len(content))
        self._note(digest.hexdigest(), path)

    def remove(self, path: str) -> None:
        """Remove a file of an earlier run, if there is one."""
        with failing(self.dest / path):
            (self.dest / path).unlink(missing_ok=True)

    @contextlib.contextmanager
    def writing(self, path: str) -> Iterator[Put]:
        """Write one file of our own piece by piece; it counts once the `with` ends well."""
        target = f"{self.dest}/{path}"
        digest = hashlib.sha256()
        with failing(target):
            descriptor = self._create(target)
        with open(descriptor, "wb", buffering=1 << 16) as file:
            yield _text_into(file, digest.update, target)
            with failing(target):
                file.flush()
                self.bytes += file.tell()
        self._written.append((target, digest.hexdigest()))
        self._note(digest.hexdigest(), path)

    def settle(self) -> None:
        """Make what was brought so far durable, prove it, and give it its names."""
        self._seal(self._written)
        with failing(self.dest / SUMS):
            self._sums.write("".join(self._lines).encode("utf-8", "surrogateescape"))
        self._written, self._lines, self._written_bytes = [], [], 0

    def finish(self) -> None:
        """Write SHA256SUMS, for `sha256sum -c`: with it the dump is whole."""
        self.settle()
        sums = f"{self.dest}/{SUMS}"
        with failing(sums):
            self._sums.close()
            self._seal([(sums, hash_of(sums + PART, self._buffer))])
            (self.dest / BEFORE).unlink(missing_ok=True)

    def _note(self, digest: str, path: str) -> None:
        self._lines.append(f"{digest}  {path}\n")
        if len(self._lines) >= BATCH_FILES or self._written_bytes >= BATCH_BYTES:
            self.settle()

    def _count(self, count: int) -> None:
        self.bytes += count
        self._progress(count)

    def _bring(self, source: str, target: str, segment: bytes) -> str:
        digest = hashlib.sha256()
        with failing(target):
            out = self._create(target)
        try:
            for pieces in pieces_of(source, segment, self._buffer):
                for piece in pieces:
                    digest.update(piece)
                try:
                    size = write_all(out, pieces)
                except OSError as error:
                    raise StoreError(f"{target}: cannot be written: {error}") from error
                self._written_bytes += size
                self._count(size)
        except Unreadable:
            os.unlink(target + PART)
            raise
        finally:
            os.close(out)
        return digest.hexdigest()

    def _same(self, source: str, target: str, segment: bytes) -> str | None:
        """Give the hash of the target if an earlier run brought it and it is what we would."""
        try:
            size = os.stat(target).st_size
        except OSError:
            return None
        wanted, length = hashlib.sha256(), 0
        try:
            for pieces in pieces_of(source, segment, self._buffer):
                for piece in pieces:
                    wanted.update(piece)
                    length += len(piece)
                if length > size:
                    return None
            digest = wanted.hexdigest()
            if size != length or hash_of(target, self._buffer) != digest:
                return None
        except (OSError, Unreadable):
            return None
        self._count(size)
        return digest

    def _create(self, target: str) -> int:
        folder = target.rpartition("/")[0]
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)
        return os.open(target + PART, NEW, 0o666)

    def _seal(self, written: list[tuple[str, str]]) -> None:
        """Make files durable, read them back, and name them."""
        hashes = dict(written)

        def check(target: str) -> None:
            if hash_of(target + PART, self._buffer) != hashes[target]:
                raise StoreError(f"{target}: reads back otherwise than written: DEST is broken")

        name_durably(self.dest, list(hashes), check)


def _text_into(file: BinaryIO, digest: Callable[[bytes], object], target: str) -> Put:
    def put(text: str) -> None:
        content = text.encode("utf-8", "surrogateescape")
        digest(content)
        try:
            file.write(content)
        except OSError as error:
            raise StoreError(f"{target}: cannot be written: {error}") from error

    return put
