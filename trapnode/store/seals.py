"""Sealed files: whom this unit seals to, and its own mark on what it sealed.

With recipients configured, a picture becomes an age file in memory; the card never sees it open.
age says nothing of who sealed a file, so each carries a mark in its name,

    NAME.jpg.MARK.age    MARK = HMAC-SHA256(unit's key, NAME.jpg and the SHA-256 of the age file),

its first 128 bits in hex. It tells a whole file from a torn one without opening it, and one of
ours from a forged one; whoever has the whole card has the key, too. A mark in the name costs no
further file and no further sync, and holds before there is a row.

STATE/sealing.json keeps the unit's key and the recipients: they stand in while the configuration
is broken, for what was once sealed must not lie open later. Where a card holds sealed files and no
such key, the key was lost: a fresh one is made, and from then on no wrong mark says anything.

The hash functions are imported where they are used: they bring OpenSSL, 4 MiB in each process, and
all processes know of sealing.
"""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from trapnode.late_log import LateLog
from trapnode.store import names
from trapnode.store.copies import Copies
from trapnode.store.disk import Disk, make_folders, write_whole
from trapnode.store.refusal import store_error

__all__ = ["Sealing", "Seals", "read_seals", "remember"]

log = LateLog(__name__)

FILE = "sealing.json"
UNREADABLE = "sealing.json.unreadable"
KEY_BYTES = 32
MARK_HEX = 32  # 128 bits: nobody guesses it, and the name stays short.
PURPOSE = b"trapnode sealed file 1\x00"


class Seals(NamedTuple):
    """The unit's key for its marks, and whom it seals to."""

    key: bytes
    recipients: tuple[str, ...]
    earlier: tuple[str, ...] = ()  # Recipients of older files.
    lost: bool = False  # Older files on this card have marks by a key that is gone.

    def mark(self, name: str, digest: bytes) -> str:
        """Give the mark of a file: its name without the mark, its SHA-256."""
        import hmac

        message = PURPOSE + name.encode("ascii") + b"\x00" + digest
        return hmac.digest(self.key, message, "sha256").hex()[:MARK_HEX]

    def genuine(self, name: str, digest: bytes) -> bool:
        """Say whether a sealed file of this name, mark and all, and SHA-256 is ours, and whole."""
        import hmac

        found = names.parse(name)
        return found is not None and hmac.compare_digest(
            found.mark, self.mark(names.opened(name), digest)
        )


class Sealing(NamedTuple):
    """What an archive knows of sealing; without a `sealer`, new pictures lie open."""

    seals: Seals | None = None
    sealer: Callable[[bytes], bytes] | None = None
    copies: Copies | None = None

    def sealed(self, path: str, data: bytes) -> tuple[str, bytes]:
        """Give a file's mark (empty: it lies open) and its bytes as the card shall have them."""
        if self.sealer is None or self.seals is None or not data:
            return "", data
        import hashlib

        content = self.sealer(data)
        name = path.rpartition("/")[2]
        return self.seals.mark(name, hashlib.sha256(content).digest()), content

    def genuine(self, path: Path, name: str) -> bool:
        """Say whether a sealed file is whole and ours by its name; raise OSError.

        Without the key that made its mark nobody can say: a file that has its final name is taken
        as whole.
        """
        unknown = self.seals is None or self.seals.lost
        if unknown and path.name == name:
            return True
        if self.seals is None:
            return False
        import hashlib

        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        return self.seals.genuine(name, digest)


def read_seals(state: Path) -> Seals | None:
    """Read what the store remembers of sealing; None: nothing, or nothing that can be read."""
    try:
        return _read(state)
    except OSError as error:
        log.error("%s: cannot be read: %s", state / FILE, error)
        return None


def _read(state: Path) -> Seals | None:
    """Read what the store remembers; None where there is nothing, or no sense. Raise OSError."""
    try:
        found = json.loads((state / FILE).read_text("utf-8"))
        key = bytes.fromhex(found["key"])
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key of {len(key)} bytes")
        recipients, earlier = (tuple(map(str, found[each])) for each in ("recipients", "earlier"))
        return Seals(key, recipients, earlier, bool(found.get("lost")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:  # Whose text may repeat the key.
        log.error("%s: makes no sense: %s", state / FILE, type(error).__name__)
        return None


def remember(state: Path, disk: Disk, recipients: tuple[str, ...]) -> Seals:
    """Note whom this unit seals to from now on; make its key if it has none. Raise StoreError."""
    try:
        before = _kept(state, disk)
    except OSError as error:  # A key that only cannot be read now must not be replaced.
        raise store_error(f"{state / FILE}: cannot be read", error) from error
    if before is not None and before.recipients == recipients:
        return before
    known = before.recipients + before.earlier if before else ()
    earlier = tuple(dict.fromkeys(each for each in known if each not in recipients))
    key = before.key if before else os.urandom(KEY_BYTES)
    lost = before.lost if before else _holds_sealed(state)
    content = {"key": key.hex(), "recipients": recipients, "earlier": earlier, "lost": lost}
    try:
        make_folders(disk, state)
        write_whole(disk, state / FILE, json.dumps(content).encode())
    except OSError as error:
        raise store_error(f"{state / FILE}: cannot be written", error) from error
    return Seals(key, recipients, earlier, lost)


def _kept(state: Path, disk: Disk) -> Seals | None:
    """Read what the store remembers; what lies on a worn sector is set aside. Raise OSError.

    It keeps its sector, so that the fresh file gets another: a unit must not take its pictures in
    RAM for ever because of one.
    """
    try:
        return _read(state)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        log.error("%s: cannot be read, and is begun anew: %s", state / FILE, error)
        disk.rename(state / FILE, state / UNREADABLE)
        disk.sync_folder(state)
        return None


def _holds_sealed(state: Path) -> bool:
    """Say whether there are sealed files already, whoever made them."""
    files = (file for _, _, files in os.walk(state) for file in files)
    return any(file.endswith(names.SEALED) for file in files)
