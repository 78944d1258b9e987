"""`trapnode purge`: takes off the card what a dump holds, proved picture by picture.

A picture goes only if the dump's file is as SHA256SUMS says and, without the keywords that the
dump put into it, is the card's, byte for byte; both are read from their media, not from memory.
Rows and previews stay. What was unsealed in the dump cannot be compared, and stays.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from trapnode.dump.copying import SUMS, Progress
from trapnode.dump.dest import archive_of
from trapnode.dump.durable import forget, read_sums
from trapnode.dump.sealed import named
from trapnode.dump.xmp import without
from trapnode.errors import StoreError, UsageError
from trapnode.meter import meter
from trapnode.model import Frame
from trapnode.store import names, reading
from trapnode.store.purge import let_go, purgeable
from trapnode.store.store import Store

__all__ = ["Purged", "purge"]


@dataclass(slots=True)
class Purged:
    """What a purge did."""

    dump: Path
    gone: int = 0
    bytes: int = 0
    missing: int = 0  # Not in the dump.
    different: int = 0  # There, but not the same.
    targets: bool = False

    def __str__(self) -> str:
        """Say it for a person."""
        lines = [
            f"{self.gone} pictures ({self.bytes / 1e6:.1f} MB) are gone from the card;"
            f" {self.dump} holds them. Rows and previews stay."
        ]
        if self.missing:
            lines.append(
                f"{self.missing} pictures stay: the dump does not have them as the card does"
                " (made of a part, with --public, or unsealed since: make another)"
            )
        if self.different:
            lines.append(f"warning: {self.different} pictures stay: the dump's are not the same")
        if not self.targets:
            lines.append("Pictures of targets stay without --targets, as do those not judged yet.")
        return "\n".join(lines)


def purge(store: Store, dump: Path, targets: bool, progress: Progress | None = None) -> Purged:
    """Take off the card what the dump holds; raise UsageError (the dump), StoreError."""
    if archive_of(dump) != reading.archive_name(store.database):
        raise UsageError(f"{dump}: is the dump of another archive")
    try:
        sums = read_sums(dump / SUMS)
    except OSError as error:
        raise StoreError(f"{dump / SUMS}: cannot be read: {error}") from error
    if not sums:
        raise UsageError(f"{dump}: was not finished, it has no {SUMS}: dump again")
    done = Purged(dump, targets=targets)
    with meter(reading.size(store.database), "B") as bar:
        for frames in purgeable(store.database, store.archive.root, targets):
            proved = [each for each in frames if _proved(store, each, sums, done, progress or bar)]
            if proved:
                let_go(store.database, store.archive.root, store.disk, proved)
            done.gone += len(proved)
    return done


def _proved(
    store: Store, frame: Frame, sums: dict[str, bytes], done: Purged, progress: Progress
) -> bool:
    """Say whether the dump holds a frame; count why not."""
    path = f"media/{named(frame.path, frame.mark)}"
    if path not in sums:
        done.missing += 1
        return False
    try:
        there = _fresh(store.archive.root / names.file_of(frame))
        here = _fresh(done.dump / path)
    except OSError:
        done.different += 1
        return False
    progress(len(there))
    if hashlib.sha256(here).digest() != sums[path] or without(here) != there:
        done.different += 1
        return False
    done.bytes += len(there)
    return True


def _fresh(path: Path) -> bytes:
    """Read a file from its medium, not from the kernel's memory. Raise OSError."""
    with path.open("rb", buffering=0) as file:
        forget(file.fileno())
        return file.readall()
