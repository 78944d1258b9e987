"""`trapnode purge`: takes off the card what a dump holds, proved picture by picture.

A picture goes only if the dump's file is as SHA256SUMS says and, without the keywords that the
dump put into it, is the card's, byte for byte; both are read from their media, not from memory.
Of a sealed picture that was unsealed in the dump, SHA256SUMS.sealed has the sum of what was opened:
it goes if the card's file still has that sum, and the opened one is as SHA256SUMS says. Rows and
previews stay. A dump in RAM is not believed at all: it goes with the power.
"""

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from trapnode.dump.copying import SUMS, Progress
from trapnode.dump.dest import archive_of
from trapnode.dump.durable import forget, read_sums
from trapnode.dump.sealed import SEALED_SUMS, named
from trapnode.dump.xmp import without
from trapnode.errors import StoreError, UsageError
from trapnode.meter import meter
from trapnode.model import Frame
from trapnode.store import names, reading
from trapnode.store.copies import IN_RAM, kind_of
from trapnode.store.purge import let_go, purgeable
from trapnode.store.store import Store

__all__ = ["Purged", "purge"]

Sums = dict[str, bytes]
MOUNTS = Path("/proc/mounts")


@dataclass(slots=True)
class Purged:
    """What a purge did."""

    dump: Path
    gone: int = 0
    bytes: int = 0
    missing: int = 0  # The dump does not say that it holds them.
    different: int = 0  # It says so, and it is not true, or cannot be read: look why.
    targets: bool = False

    def __str__(self) -> str:
        """Say it for a person."""
        lines = [
            f"{self.gone} pictures ({self.bytes / 1e6:.1f} MB) are gone from the card;"
            f" {self.dump} holds them. Rows and previews stay."
        ]
        if self.missing:
            lines.append(
                f"{self.missing} pictures stay: the dump does not hold them (made of a part, with"
                " --public, or before they were taken)"
            )
        if self.different:
            lines.append(
                f"warning: {self.different} pictures stay: the dump lists them, but they are not as"
                " it says, or not the card's: look at both (sha256sum -c), and dump again"
            )
        if not self.targets:
            lines.append("Pictures of targets stay without --targets, as do those not judged yet.")
        return "\n".join(lines)


def purge(store: Store, dump: Path, targets: bool, progress: Progress | None = None) -> Purged:
    """Take off the card what the dump holds; raise UsageError (the dump), StoreError."""
    if archive_of(dump) != reading.archive_name(store.database):
        raise UsageError(f"{dump}: is the dump of another archive")
    if kind := _ram_below(dump):
        raise UsageError(f"{dump}: lies in RAM ({kind}) and goes with the power: copy it first")
    try:
        sums = read_sums(dump / SUMS)
        unsealed = _unsealed(dump, sums)
    except OSError as error:
        raise StoreError(f"{dump}: its sums cannot be read: {error}") from error
    if not sums:
        raise UsageError(f"{dump}: was not finished, it has no {SUMS}: dump again")
    proof = _Proof(store.archive.root, sums, unsealed, Purged(dump, targets=targets))
    with meter(reading.size(store.database), "B") as bar:
        for frames in purgeable(store.database, store.archive.root, targets):
            proved = [each for each in frames if proof.holds(each, progress or bar)]
            if proved:
                let_go(store.database, store.archive.root, store.disk, proved)
            proof.done.gone += len(proved)
    return proof.done


def _ram_below(dump: Path) -> str:
    """Name the file system in RAM that a dump lies on; empty if it lies on none."""
    with contextlib.suppress(OSError, LookupError, ValueError):  # Not on Linux.
        kind = kind_of(dump, MOUNTS)
        return kind if kind in IN_RAM else ""
    return ""


def _unsealed(dump: Path, sums: Sums) -> Sums:
    """Give the sums of the sealed files that `unseal` opened, if SHA256SUMS vouches for them."""
    path = dump / SEALED_SUMS
    if SEALED_SUMS not in sums or _digest(_fresh(path)) != sums[SEALED_SUMS]:
        return {}
    return read_sums(path)


@dataclass(slots=True)
class _Proof:
    """What a dump says that it holds, and what came of looking."""

    root: Path  # Of the card's archive.
    sums: Sums
    unsealed: Sums
    done: Purged

    def holds(self, frame: Frame, progress: Progress) -> bool:
        """Say whether the dump holds a frame; count why not."""
        path, sealed = f"media/{named(frame.path, frame.mark)}", b""
        if path not in self.sums and path in self.unsealed:
            path, sealed = f"media/{frame.path}", self.unsealed[path]
        if path not in self.sums:
            self.done.missing += 1
            return False
        try:
            there = _fresh(self.root / names.file_of(frame))
            here = _fresh(self.done.dump / path)
        except OSError:
            self.done.different += 1
            return False
        progress(len(there))
        same = _digest(there) == sealed if sealed else without(here) == there
        if _digest(here) != self.sums[path] or not same:
            self.done.different += 1
            return False
        self.done.bytes += len(there)
        return True


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _fresh(path: Path) -> bytes:
    """Read a file from its medium, not from the kernel's memory. Raise OSError."""
    with path.open("rb", buffering=0) as file:
        forget(file.fileno())
        return file.readall()
