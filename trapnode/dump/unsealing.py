"""`trapnode unseal`: opens a sealed dump where it lies, on the machine of whoever has a key.

Every picture is checked against SHA256SUMS, opened, and whole once it has its name. Then tables and
pages name the opened pictures, SHA256SUMS is written anew, and only then the sealed files go: there
must be room for both. Begun again after any interruption it goes on. What is torn or forged stays
sealed and is named.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from trapnode.age import NotSound, Opener, WrongKey
from trapnode.dump.copying import SUMS, Progress
from trapnode.dump.durable import name_durably, sync_all
from trapnode.dump.sealed import SEALED, SEALED_MARK, SEALED_XMP, recipients_in, words_in
from trapnode.dump.xmp import place_in
from trapnode.errors import StoreError, TrapnodeError, UsageError
from trapnode.meter import meter
from trapnode.store import names
from trapnode.store.disk import PART

__all__ = ["Unsealed", "unseal"]

LINE = re.compile(r"([0-9a-f]{64})  (.+)")
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
        if self.damaged:
            lines.append(f"warning: {len(self.damaged)} are torn or forged, and stay sealed:")
            lines += [f"  {each}" for each in self.damaged]
        return "\n".join(lines)


def unseal(dest: Path, opener: Opener, progress: Progress | None = None) -> Unsealed:
    """Open every picture of a dump; raise UsageError (dump, key), StoreError (the disk)."""
    try:
        listed = dict(_listed(dest / SUMS))
        if not listed:
            raise UsageError(f"{dest}: no whole dump there ({SUMS}): dump again")
        work = _Unsealing(dest, listed, opener)
        sealed = [path for path in listed if _is_sealed(path)]
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
        self._words = _words(dest)
        self._written: list[str] = []  # Whole as `.part`, not durable yet.
        self._written_bytes = 0

    def open_all(self, sealed: Iterable[str], progress: Progress) -> None:
        """Open pictures; all that are open then are durable."""
        for path in sealed:
            content = self._read(path)
            opened = self._open(path, content)
            if opened is not None:
                bare = path.removesuffix(names.SEALED)
                self._put(bare, _with(opened, self._words.get(bare, b"")))
            progress(len(content))
        self._settle()

    def rename_all(self) -> None:
        """Let tables, pages and SHA256SUMS name what is open now, in this order."""
        told = dict(_listed(_part(self._dest / SUMS)))  # Of a run that was cut in here.
        texts: list[Path] = []
        lines = []
        for path, digest in self._listed.items():
            opened = path.removesuffix(names.SEALED)
            if opened in self.digests:
                lines.append(f"{self.digests[opened]}  {opened}\n")
            elif path.endswith((".jpg", names.SEALED)) or (path in OWN and self.found.damaged):
                lines.append(f"{digest}  {path}\n")
            elif path not in OWN:
                changed = self._rename_in(path, {digest, told.get(path)}, texts)
                lines.append(f"{changed}  {path}\n")
        sums = self._dest / SUMS
        _part(sums).write_bytes("".join(lines).encode("utf-8", "surrogateescape"))
        sync_all([str(_part(each)) for each in (*texts, sums)], self._dest)
        name_durably(self._dest, list(map(str, texts)))  # Should it end here, the next run knows
        name_durably(self._dest, [str(sums)])  # by SHA256SUMS.part what it finds.

    def _read(self, path: str) -> bytes:
        content = (self._dest / path).read_bytes()
        if _digest(content) != self._listed[path]:
            raise UsageError(f"{self._dest / path}: is not what {SUMS} says: dump or copy it again")
        return content

    def _open(self, path: str, content: bytes) -> bytes | None:
        try:
            return self._opener.open(content)
        except NotSound:
            self.found.damaged.append(path)
            return None
        except WrongKey:
            wanted = recipients_in((self._dest / SEALED).read_text("utf-8", "replace"))
            told = f"wanted is one of {', '.join(wanted)}" if wanted else NOT_TOLD
            raise WrongKey(
                f"{self._dest / path}: this key ({', '.join(self._opener.recipients)}) does not"
                f" open it; {told}"
            ) from None

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
        name_durably(self._dest, self._written)
        self._written, self._written_bytes = [], 0

    def _rename_in(self, path: str, known: set[str | None], texts: list[Path]) -> str:
        """Write a text as it names what is open now, if it differs; give its SHA-256."""
        target = self._dest / path
        before = target.read_bytes()
        if (digest := _digest(before)) not in known:
            raise UsageError(f"{target}: is not what {SUMS} says: dump again")
        after = b"".join(self._lines(before))
        if after == before:
            return digest
        _part(target).write_bytes(after)
        texts.append(target)
        return _digest(after)

    def _lines(self, text: bytes) -> Iterator[bytes]:
        shut = {PurePosixPath(path).name.encode() for path in self.found.damaged}
        for line in text.splitlines(keepends=True):
            if shut or SEALED_MARK.encode() not in line:
                yield NAME.sub(lambda name: name[0] if name[0] in shut else name[1], line)


def _listed(sums: Path) -> Iterator[tuple[str, str]]:
    """Give path and SHA-256 of each line of SHA256SUMS; none if there is no such file."""
    try:
        text = sums.read_text("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        if match is None:
            continue
        if match[2].startswith("/") or ".." in PurePosixPath(match[2]).parts:
            raise UsageError(f"{sums}: points outside the dump: {match[2]}")
        yield match[2], match[1]


def _remove_sealed(dest: Path) -> None:
    """Remove what the package no longer lists: sealed files whose opened ones it does."""
    listed = dict(_listed(dest / SUMS))
    for path in listed:
        if path.endswith(".jpg"):
            (dest / (path + names.SEALED)).unlink(missing_ok=True)
    for path in OWN:
        if path not in listed:
            (dest / path).unlink(missing_ok=True)


def _words(dest: Path) -> dict[str, bytes]:
    """Read the XMP of each picture, by its path; none if the dump has none for them."""
    try:
        with (dest / SEALED_XMP).open(encoding="ascii") as lines:
            return words_in(lines)
    except FileNotFoundError:
        return {}
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{dest / SEALED_XMP}: cannot be read: dump again") from error


def _with(picture: bytes, segment: bytes) -> bytes:
    """Give a JPEG with a segment in its place, if it has one."""
    at = place_in(picture) if segment else None
    return picture if at is None else picture[:at] + segment + picture[at:]


def _part(target: Path) -> Path:
    return target.with_name(target.name + PART)


def _is_sealed(path: str) -> bool:
    return path.endswith(names.SEALED)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
