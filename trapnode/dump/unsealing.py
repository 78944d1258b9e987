"""`trapnode unseal`: opens a sealed dump where it lies, on the machine of whoever has a key.

Every picture is checked against SHA256SUMS, opened, read back, and whole once it has its name; of
each target sequence the sharpest is marked, which nobody could know before. Then tables and pages
name the opened pictures, SHA256SUMS is written anew, and only then the sealed files go: there must
be room for both. Their sums stay (SHA256SUMS.sealed): a sealed card can be purged by them. Begun
again after any interruption it goes on. What is torn or forged stays sealed and is named.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from trapnode.age import NotSound, Opener, WrongKey
from trapnode.dump.candidates import Choices
from trapnode.dump.copying import CHUNK, SUMS, Progress
from trapnode.dump.durable import hash_of, name_durably, sync_all
from trapnode.dump.sealed import (
    SEALED,
    SEALED_MARK,
    SEALED_SUMS,
    SEALED_XMP,
    read_words,
    recipients_in,
)
from trapnode.dump.sums import line_of, listed
from trapnode.dump.xmp import with_segment
from trapnode.errors import StoreError, TrapnodeError, UsageError
from trapnode.meter import meter
from trapnode.store import names
from trapnode.store.disk import PART

__all__ = ["Unsealed", "unseal"]

NAME = re.compile(rb"([A-Za-z0-9.]+\.jpg)\.age")
OWN = (SEALED, SEALED_XMP)
BATCH_BYTES = 256 << 20  # Between two syncs.
BATCH_FILES = 1000
NOT_TOLD = "whose it is the dump does not say: ask whoever set the unit up"


@dataclass(slots=True)
class Unsealed:
    """What came of it."""

    dest: Path
    opened: int = 0
    kept: int = 0  # That an earlier run had opened.
    damaged: list[str] = field(default_factory=list)  # Still sealed.

    def __str__(self) -> str:
        """Say it for a person."""
        lines = [f"{self.dest}: {self.opened} files opened, {self.kept} were open already"]
        if not (self.opened or self.kept or self.damaged):
            lines = [f"{self.dest}: nothing is sealed there"]
        if self.damaged:
            lines.append(f"warning: {len(self.damaged)} are torn or forged, and stay sealed:")
            lines += [f"  {each}" for each in self.damaged]
        return "\n".join(lines)


def unseal(dest: Path, opener: Opener, progress: Progress | None = None) -> Unsealed:
    """Open every picture of a dump; raise UsageError (dump, key), StoreError (the disk)."""
    try:
        sums = dict(listed(dest / SUMS))
        if not sums:
            raise UsageError(f"{dest}: no whole dump there ({SUMS}): dump again")
        work = _Unsealing(dest, sums, opener)
        sealed = [path for path in sums if _is_sealed(path)]
        with meter(sum((dest / path).stat().st_size for path in sealed), "B") as bar:
            work.open_all(sealed, progress or bar)
        if work.digests:
            work.rename_all()
        _remove_sealed(dest)
    except TrapnodeError:
        raise
    except OSError as error:
        raise StoreError(f"{dest}: {error}") from error
    return work.found


class _Unsealing:
    """One dump on its way."""

    def __init__(self, dest: Path, listed: dict[str, str], opener: Opener) -> None:
        self.found = Unsealed(dest)
        self.digests: dict[str, str] = {}  # SHA-256 of what was opened, by its path without `.age`.
        self._dest = dest
        self._listed = listed
        self._opener = opener
        if SEALED_XMP in listed:
            self._read(SEALED_XMP)  # As it was written, or nobody goes on.
        self._words = read_words(dest)
        self._choices = Choices(self._words.offers, self._picture)
        self._written: list[str] = []  # Whole as `.part`, not durable yet.
        self._written_bytes = 0
        self._buffer = memoryview(bytearray(CHUNK))

    def open_all(self, sealed: Iterable[str], progress: Progress) -> None:
        """Open pictures; all that are open then are durable."""
        for path in sealed:
            content = self._read(path)
            opened = self._open(path, content)
            if opened is not None:
                bare = path.removesuffix(names.SEALED)
                segment = self._choices.segment(bare)
                if segment is None:
                    segment = self._words.segments.get(bare, b"")
                self._put(bare, with_segment(opened, segment))
            progress(len(content))
        self._settle()

    def rename_all(self) -> None:
        """Let tables, pages and SHA256SUMS name what is open now, in this order."""
        told = dict(listed(_part(self._dest / SUMS)))  # Of a run that was cut in here.
        texts: list[Path] = []
        lines = []
        for path, digest in self._listed.items():
            opened = path.removesuffix(names.SEALED)
            if opened in self.digests:
                lines.append(line_of(self.digests[opened], opened))
            elif path.endswith((".jpg", names.SEALED)) or (path in OWN and self.found.damaged):
                lines.append(line_of(digest, path))
            elif path not in (*OWN, SEALED_SUMS):
                lines.append(line_of(self._rename_in(path, {digest, told.get(path)}, texts), path))
        lines.append(line_of(self._note_sealed(texts), SEALED_SUMS))
        sums = self._dest / SUMS
        _part(sums).write_bytes(_encoded("".join(lines)))
        sync_all([str(_part(each)) for each in (*texts, sums)], self._dest)
        name_durably(self._dest, list(map(str, texts)))  # Should it end here, the next run knows
        name_durably(self._dest, [str(sums)])  # by SHA256SUMS.part what it finds.

    def _note_sealed(self, texts: list[Path]) -> str:
        """Write the sums of all sealed files that were ever opened here; give its SHA-256."""
        target = self._dest / SEALED_SUMS
        known = dict(listed(target)) if SEALED_SUMS in self._listed else {}
        known |= {
            path: digest
            for path, digest in self._listed.items()
            if _is_sealed(path) and path.removesuffix(names.SEALED) in self.digests
        }
        content = _encoded("".join(line_of(digest, path) for path, digest in known.items()))
        _part(target).write_bytes(content)
        texts.append(target)
        return _digest(content)

    def _read(self, path: str) -> bytes:
        content = (self._dest / path).read_bytes()
        if _digest(content) != self._listed[path]:
            raise UsageError(f"{self._dest / path}: is not what {SUMS} says: dump or copy it again")
        return content

    def _open(self, path: str, content: bytes) -> bytes | None:
        try:
            return self._opener.open(content)
        except NotSound:
            if path not in self.found.damaged:
                self.found.damaged.append(path)
            return None
        except WrongKey:
            wanted = recipients_in((self._dest / SEALED).read_text("utf-8", "replace"))
            told = f"wanted is one of {', '.join(wanted)}" if wanted else NOT_TOLD
            raise WrongKey(
                f"{self._dest / path}: this key ({', '.join(self._opener.recipients)}) does not"
                f" open it; {told}"
            ) from None

    def _picture(self, path: str) -> bytes | None:
        """Give a candidate's picture, which this run opens or an earlier one has opened."""
        if path in self._listed:
            return (self._dest / path).read_bytes()
        sealed = path + names.SEALED
        return self._open(sealed, self._read(sealed)) if sealed in self._listed else None

    def _put(self, path: str, content: bytes) -> None:
        target = self._dest / path
        self.digests[path] = _digest(content)
        if target.exists() and target.read_bytes() == content:
            self.found.kept += 1
            return
        _part(target).write_bytes(content)
        self.found.opened += 1
        self._written.append(str(target))
        self._written_bytes += len(content)
        if len(self._written) >= BATCH_FILES or self._written_bytes >= BATCH_BYTES:
            self._settle()

    def _settle(self) -> None:
        def check(target: str) -> None:
            path = str(Path(target).relative_to(self._dest))
            if hash_of(target + PART, self._buffer) != self.digests[path]:
                raise StoreError(f"{target}: reads back otherwise than written: the disk is broken")

        name_durably(self._dest, self._written, check)
        self._written, self._written_bytes = [], 0

    def _rename_in(self, path: str, known: set[str | None], texts: list[Path]) -> str:
        """Write a text as it names what is open now, if it differs; give its SHA-256."""
        target = self._dest / path
        before = target.read_bytes()
        if (digest := _digest(before)) not in known:
            raise UsageError(f"{target}: is not what {SUMS} says: dump again")
        after = self._chosen(path, b"".join(self._lines(before)))
        if after == before:
            return digest
        _part(target).write_bytes(after)
        texts.append(target)
        return _digest(after)

    def _chosen(self, path: str, content: bytes) -> bytes:
        """Let a table say which of the opened frames are the sharpest."""
        tables = {"media.csv": self._choices.media, "individual_id.csv": self._choices.individuals}
        if path not in tables or not self._words.offers:
            return content
        return _encoded(tables[path](content.decode("utf-8", "surrogateescape")))

    def _lines(self, text: bytes) -> Iterator[bytes]:
        shut = {PurePosixPath(path).name.encode() for path in self.found.damaged}
        for line in text.splitlines(keepends=True):
            if shut or SEALED_MARK.encode() not in line:
                yield NAME.sub(lambda name: name[0] if name[0] in shut else name[1], line)


def _remove_sealed(dest: Path) -> None:
    """Remove what the package no longer lists: sealed files whose opened ones it does."""
    sums = dict(listed(dest / SUMS))
    for path in sums:
        if path.endswith(".jpg"):
            (dest / (path + names.SEALED)).unlink(missing_ok=True)
    for path in OWN:
        if path not in sums:
            (dest / path).unlink(missing_ok=True)


def _part(target: Path) -> Path:
    return target.with_name(target.name + PART)


def _is_sealed(path: str) -> bool:
    return path.endswith(names.SEALED)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
