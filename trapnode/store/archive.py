"""Frames on the card: the durable write of a burst, and the sorter's way to pixels.

Rule: a file with its final name is whole. `.part`, write, fsync, rename, fsync the folder, then
the row. Whatever power leaves behind between two of these steps, `repair` puts right.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trapnode.errors import StoreError
from trapnode.model import Boot, Frame, SequenceState, Shot, Trigger
from trapnode.store import names
from trapnode.store.database import Database, text
from trapnode.store.disk import PART, Disk, make_folders
from trapnode.store.exif import Stamp, stamped

__all__ = ["Archive", "Burst"]


log = logging.getLogger(__name__)

MIDWAY_S = 0.2  # What a burst waits for another process's write before it takes the next frame,
CLOSING_S = 20.0  # and what it waits at its end: cards stall for seconds.


@dataclass(frozen=True, slots=True)
class _Pending:
    """A frame whose files are written but not durable yet."""

    frame: Frame
    sizes: tuple[int, int]


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
            raise StoreError(f"{path}: cannot be discarded: {error}") from error
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


class Burst:
    """The frames of one sequence on their way to the card.

    Rows that the database refuses cost no frame: the files go on, and `close` tries once more.
    """

    def __init__(self, root: Path, disk: Disk, database: Database, stamp: Stamp) -> None:
        self.sequence = stamp.sequence
        self.saved = 0  # Frames whose rows are on the card.
        self.saved_bytes = 0
        self._root = root
        self._disk = disk
        self._database = database
        self._stamp = stamp
        self._stem = names.stem_of(stamp.unit, stamp.trigger.at, stamp.sequence)
        self._pending: list[_Pending] = []  # Written, not synced.
        self._rowless: list[_Pending] = []  # Whole files whose rows are still to come.

    @property
    def unsynced(self) -> int:
        """How many frames are not durable yet."""
        return len(self._pending)

    def add(self, shot: Shot) -> None:
        """Write a frame and its preview; durable only after `sync`. Raise StoreError."""
        number = self.saved + len(self._rowless) + self.unsynced + 1
        path = names.frame_path(self._stem, self._stamp.trigger.at, number)
        frame = Frame(self.sequence, number, path, names.preview_path(path), shot.captured_at)
        image_id = Path(path).stem
        pixels = stamped(shot.frame, image_id, number, shot.captured_at, self._stamp)
        try:
            make_folders(self._disk, (self._root / path).parent)
            self._disk.write(self._part(frame.path), pixels)
            if shot.preview:
                self._disk.write(self._part(frame.preview_path), shot.preview)
        except OSError as error:
            raise StoreError(f"{path}: cannot be written: {error}") from error
        self._pending.append(_Pending(frame, (len(pixels), len(shot.preview))))

    def sync(self) -> None:
        """Make what was added durable, files first, then rows, in one batch. Raise StoreError."""
        if self._pending:
            self._publish()
        try:
            self._record(MIDWAY_S)
        except StoreError as error:
            log.error("%s: whole on the card, but without rows: %s", self._stem, error)

    def close(self) -> None:
        """End the burst: sync what is left and give the sequence to the sorter.

        Raise StoreError; what has no row then is adopted by the next start's repair.
        """
        if self._pending:
            self._publish()
        self._record(CLOSING_S)
        if self.saved:
            with self._database.transaction(CLOSING_S):
                self._database.run(
                    "UPDATE sequence SET state = ? WHERE id = ? AND state = ?",
                    SequenceState.UNSORTED,
                    self.sequence,
                    SequenceState.OPEN,
                )

    def _record(self, patience_s: float) -> None:
        if not self._rowless:
            return
        with self._database.transaction(patience_s):
            self._insert_sequence()
            for each in self._rowless:
                insert_frame(self._database, each.frame, each.sizes)
        self.saved += len(self._rowless)
        self.saved_bytes += sum(sum(each.sizes) for each in self._rowless)
        self._rowless.clear()

    def _publish(self) -> None:
        paths = [
            path
            for each in self._pending
            for path, size in zip(
                (each.frame.path, each.frame.preview_path), each.sizes, strict=True
            )
            if size
        ]
        try:
            for path in paths:
                self._disk.sync(self._part(path))
            for path in paths:
                self._disk.rename(self._part(path), self._root / path)
            self._disk.sync_folder((self._root / paths[0]).parent)
        except OSError as error:
            raise StoreError(f"{self._stem}: cannot be synced: {error}") from error
        self._rowless += self._pending
        self._pending.clear()

    def _part(self, path: str) -> Path:
        return self._root / (path + PART)

    def _insert_sequence(self) -> None:
        insert_sequence(
            self._database,
            self.sequence,
            self._stem,
            self._stamp.boot.id,
            self._stamp.trigger,
        )


def insert_sequence(
    database: Database, sequence: int, stem: str, boot: int | None, trigger: Trigger
) -> None:
    """Write a sequence's row unless it is there; inside a transaction."""
    database.run(
        "INSERT OR IGNORE INTO sequence VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
        sequence,
        stem,
        boot,
        text(trigger.at),
        trigger.monotonic_s,
        trigger.source,
        trigger.capture_method,
        SequenceState.OPEN,
    )


def insert_frame(database: Database, frame: Frame, sizes: tuple[int, int]) -> None:
    """Write a frame's row; inside a transaction."""
    database.run(
        "INSERT INTO frame VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
        frame.sequence,
        frame.number,
        frame.path,
        text(frame.captured_at),
        *sizes,
        frame.state,
    )


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
