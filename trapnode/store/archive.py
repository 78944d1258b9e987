"""Frames on the card: where a burst begins, and the sorter's way to pixels.

Rule: a file with its final name is whole. `burst` writes it; whatever power leaves behind between
two of its steps, `repair` puts right.
"""

import logging
from datetime import datetime
from pathlib import Path

from trapnode.errors import StoreError
from trapnode.model import Boot, Frame, Trigger
from trapnode.store import names
from trapnode.store.burst import Burst
from trapnode.store.database import Database
from trapnode.store.disk import PART, Disk
from trapnode.store.exif import Stamp
from trapnode.store.refusal import store_error

__all__ = ["Archive"]

log = logging.getLogger(__name__)


class Archive:
    """The dated folders below one root."""

    def __init__(self, root: Path, disk: Disk, database: Database) -> None:
        self.root = root
        self._disk = disk
        self._database = database

    def begin(
        self, unit: str, utc_offset_min: int, camera: str, trigger: Trigger, boot: Boot
    ) -> "Burst":
        """Begin the sequence of a trigger; nothing touches the card before the first frame."""
        number = self._next_sequence()
        while self._taken(names.stem_of(unit, trigger.at, number), trigger.at):
            number += 1  # A burst that power cut before its row: its files keep their names.
        stamp = Stamp(unit, utc_offset_min, camera, number, trigger, boot)
        return Burst(self.root, self._disk, self._database, stamp)

    def preview(self, frame: Frame) -> bytes | None:
        """Read the preview of a frame; None if the card has none."""
        return _read(self.root / frame.preview_path)

    def pixels(self, frame: Frame) -> bytes | None:
        """Read the full-resolution frame; None if the card has none."""
        return _read(self.root / frame.path)

    def discard(self, frame: Frame) -> int:
        """Delete the full-resolution pixels, durably; give the bytes freed.

        Only the sorter calls it, only for frames whose verdict is on the card.
        """
        path = self.root / frame.path
        try:
            freed = path.stat().st_size if path.exists() else 0
            self._disk.remove(path)
            if path.parent.is_dir():
                self._disk.sync_folder(path.parent)
        except OSError as error:
            raise store_error(f"{path}: cannot be discarded", error) from error
        return freed

    def _taken(self, stem: str, at: datetime) -> bool:
        """Say whether a burst with this stem has left anything of its first frame."""
        first = names.frame_path(stem, at, 1)
        paths = (first, names.preview_path(first))
        return any((self.root / (path + end)).exists() for path in paths for end in ("", PART))

    def _next_sequence(self) -> int:
        try:
            row = self._database.row("SELECT max(id) FROM sequence")
        except StoreError as error:
            log.error("numbering by the files on the card: %s", error)
            row = None
        if row is not None and row[0] is not None:
            return int(str(row[0])) + 1
        # No rows: a new card, or one that lost its database but not its files.
        found = (names.parse(path.name) for path in self.root.rglob("*.jpg"))
        taken = (name.sequence for name in found if name)
        return max((each for each in taken if each <= names.LAST_ADOPTED), default=0) + 1


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
