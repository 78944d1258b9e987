"""Frames on the card: where a burst begins, and the sorter's way to pixels.

Rule: a file with its final name is whole. `burst` writes it; whatever power leaves behind between
two of its steps, `repair` puts right. Of a sealed frame the sorter reads a copy in RAM.
"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trapnode.capture import Boot, Frame, Trigger
from trapnode.errors import StoreError
from trapnode.late_log import LateLog
from trapnode.store import names
from trapnode.store.database import Database
from trapnode.store.disk import PART, Disk
from trapnode.store.refusal import store_error
from trapnode.store.seals import Sealing
from trapnode.words import SequenceState

if TYPE_CHECKING:
    from trapnode.model import Sequence
    from trapnode.store.burst import Burst

__all__ = ["Archive"]

log = LateLog(__name__)


class Archive:
    """The dated folders below one root."""

    def __init__(
        self, root: Path, disk: Disk, database: Database, sealing: Sealing | None = None
    ) -> None:
        self.root = root
        self.sealing = sealing or Sealing()
        self._disk = disk
        self._database = database

    def begin(
        self, unit: str, utc_offset_min: int, camera: str, trigger: Trigger, boot: Boot
    ) -> "Burst":
        """Begin the sequence of a trigger; nothing touches the card before the first frame."""
        from trapnode.store.burst import Burst  # Of five processes one takes pictures.
        from trapnode.store.exif import Stamp

        number = self._next_sequence()
        while self._taken(names.stem_of(unit, trigger.at, number), trigger.at):
            number += 1  # A burst that power cut before its row: its files keep their names.
        stamp = Stamp(unit, utc_offset_min, camera, number, trigger, boot)
        return Burst(self.root, self._disk, self._database, stamp, self.sealing)

    def preview(self, frame: Frame) -> bytes | None:
        """Read the preview of a frame, of a sealed one its copy; None if there is none."""
        return self._picture(names.preview_file_of(frame), frame.preview_path)

    def pixels(self, frame: Frame) -> bytes | None:
        """Read the full-resolution frame, of a sealed one its copy; None if there is none."""
        return self._picture(names.file_of(frame), frame.path)

    def judged(self, sequence: "Sequence") -> None:
        """Let go of the copies of a sequence whose verdict is on the card."""
        if self.sealing.copies is not None and sequence.frames:
            self.sealing.copies.drop(_stem(sequence.frames[0].path))

    def drop_stale_copies(self) -> None:
        """Let go of copies whose sequence was sorted while nobody could."""
        copies = self.sealing.copies
        for stem in copies.stems() if copies else ():
            row = self._database.row("SELECT state FROM sequence WHERE stem = ?", stem)
            if copies and row is not None and row[0] == SequenceState.SORTED:
                copies.drop(stem)

    def discard(self, frame: Frame) -> int:
        """Delete the full-resolution pixels, durably; give the bytes freed.

        Only the sorter calls it, only for frames whose verdict is on the card.
        """
        path = self.root / names.file_of(frame)
        try:
            freed = path.stat().st_size if path.exists() else 0
            self._disk.remove(path)
            if path.parent.is_dir():
                self._disk.sync_folder(path.parent)
        except PermissionError as error:  # Not ours to delete: it stays, and holds up nothing.
            log.error("%s: cannot be discarded, it stays: %s", path, error)
            return 0
        except OSError as error:
            raise store_error(f"{path}: cannot be discarded", error) from error
        return freed

    def _taken(self, stem: str, at: datetime) -> bool:
        """Say whether a burst with this stem has left anything of its first frame."""
        firsts = [names.frame_path(stem, at, 1, top) for top in ("", names.ELSEWHERE)]
        if self.sealing.sealer is not None:  # Their marks are not known.
            folders = [(self.root / first).parent for first in firsts]
            return any(name for folder in folders for name in folder.glob(f"{stem}.1.*"))
        paths = [path for first in firsts for path in (first, names.preview_path(first))]
        return any((self.root / (path + end)).exists() for path in paths for end in ("", PART))

    def _picture(self, file: str, path: str) -> bytes | None:
        if file == path:
            return _read(self.root / path)
        if self.sealing.copies is None or not (self.root / file).exists():
            return None  # A copy alone is no evidence.
        return self.sealing.copies.get(path.rpartition("/")[2])

    def _next_sequence(self) -> int:
        try:
            row = self._database.row("SELECT max(id) FROM sequence")
        except StoreError as error:
            log.error("numbering by the files on the card: %s", error)
            row = None
        if row is not None and row[0] is not None:
            return int(str(row[0])) + 1
        # No rows: a new card, or one that lost its database but not its files.
        found = (names.parse(path.name) for path in self.root.rglob("*.jpg*"))
        taken = (name.sequence for name in found if name)
        return max((each for each in taken if each <= names.LAST_ADOPTED), default=0) + 1


def _stem(path: str) -> str:
    """Give what the file names of a frame's sequence share."""
    return path.rpartition("/")[2].removesuffix(".jpg").rpartition(".")[0]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
