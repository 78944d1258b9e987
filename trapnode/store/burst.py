"""The durable write of a burst: `.part`, write, fsync, rename, fsync the folder, then the row.

Where keys are configured, a picture is sealed in memory before all this, and once it is durable an
open copy in RAM is made for the sorter.
"""

import contextlib
from pathlib import Path
from typing import NamedTuple

from trapnode.capture import Frame, Shot, Trigger
from trapnode.errors import CardFailed, StoreError
from trapnode.late_log import LateLog
from trapnode.store import names
from trapnode.store.database import Database
from trapnode.store.disk import PART, Disk, make_folders
from trapnode.store.entries import insert_boot, insert_frame, insert_sequence
from trapnode.store.exif import Stamp, stamped
from trapnode.store.refusal import store_error
from trapnode.store.seals import Sealing
from trapnode.words import SequenceState

__all__ = ["Begun", "Burst"]

log = LateLog(__name__)

MIDWAY_S = 0.2  # What a burst waits for another process's write before it takes the next frame,
CLOSING_S = 20.0  # and what it waits at its end: cards stall for seconds.


class _Pending(NamedTuple):
    """A frame whose files are written but not durable yet."""

    frame: Frame
    sizes: tuple[int, int]
    shot: Shot


class Burst:
    """The frames of one sequence on their way to the card.

    Rows that the database refuses cost no frame: the files go on, and `close` tries once more. A
    frame that the card refuses leaves no half file, and is among `unsaved`.
    """

    def __init__(
        self, root: Path, disk: Disk, database: Database, stamp: Stamp, sealing: Sealing
    ) -> None:
        self.sequence = stamp.sequence
        self.saved = 0  # Frames whose rows are on the card.
        self.saved_bytes = 0
        self._root = root
        self._disk = disk
        self._database = database
        self._stamp = stamp
        self._sealing = sealing
        self._stem = names.stem_of(stamp.unit, stamp.trigger.at, stamp.sequence)
        self.fault = ""  # What is wrong with the card, though pictures go on.
        self._top = ""  # Above the dated folders.
        self._number = 0  # Of the last frame that was added.
        self._refused: list[Shot] = []
        self._pending: list[_Pending] = []  # Written, not synced.
        self._rowless: list[_Pending] = []  # Whole files whose rows are still to come.

    @property
    def unsynced(self) -> int:
        """How many frames are not durable yet."""
        return len(self._pending)

    @property
    def unsaved(self) -> list[Shot]:
        """What was added and is not safe: without its row, not synced yet, or refused."""
        return [each.shot for each in (*self._rowless, *self._pending)] + self._refused

    def add(self, shot: Shot) -> None:
        """Write a frame and its preview; durable only after `sync`. Raise StoreError.

        A day's folder that is not ours to write costs no frame: another takes them.
        """
        self._number += 1
        try:
            self._write(shot)
        except PermissionError as error:
            self.fault = f"pictures go to {names.ELSEWHERE}/: {error}"
            log.error("%s", self.fault)
            self._top = names.ELSEWHERE
            self._write(shot)

    def _write(self, shot: Shot) -> None:
        """Write a frame's files; raise PermissionError for the folder of the day, StoreError."""
        number = self._number
        path = names.frame_path(self._stem, self._stamp.trigger.at, number, self._top)
        frame = Frame(self.sequence, number, path, names.preview_path(path), shot.captured_at)
        image_id = Path(path).stem
        pixels = stamped(shot.frame, image_id, number, shot.captured_at, self._stamp)
        try:
            mark, pixels = self._sealing.sealed(path, pixels)
            preview_mark, preview = self._sealing.sealed(frame.preview_path, shot.preview)
            frame = frame._replace(mark=mark, preview_mark=preview_mark)
            make_folders(self._disk, (self._root / path).parent)
            self._disk.write(self._part(names.file_of(frame)), pixels)
            if preview:
                self._disk.write(self._part(names.preview_file_of(frame)), preview)
        except OSError as error:
            if isinstance(error, PermissionError) and not self._top:
                raise
            self._refuse(frame, shot)
            found = store_error(f"{path}: cannot be written", error)
            # Not even elsewhere: no restart helps, pictures go to RAM.
            not_ours = isinstance(error, PermissionError)
            raise CardFailed(str(found)) if not_ours else found from error
        self._pending.append(_Pending(frame, (len(pixels), len(preview)), shot))

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
        refused = self._sync_files()
        try:
            for path in (paths := [path for each in self._pending for path in _paths(each)]):
                self._disk.rename(self._part(path), self._root / path)
            for folder in dict.fromkeys((self._root / path).parent for path in paths):
                self._disk.sync_folder(folder)
        except OSError as error:
            refused = refused or error
        else:
            for each in self._pending:
                self._copy(each)
            self._rowless += self._pending
            self._pending.clear()
        if refused is not None:
            raise store_error(f"{self._stem}: cannot be synced", refused) from refused

    def _copy(self, pending: _Pending) -> None:
        """Let the sorter see what is sealed on the card."""
        frame, shot = pending.frame, pending.shot
        if frame.mark and self._sealing.copies is not None:
            path, picture = (
                (frame.preview_path, shot.preview) if shot.preview else (frame.path, shot.frame)
            )
            self._sealing.copies.put(path.rpartition("/")[2], picture)

    def _sync_files(self) -> OSError | None:
        """Sync what was written: a thin card says only now that it has no room for a file."""
        refused: OSError | None = None
        for each in list(self._pending):
            try:
                for path in _paths(each):
                    self._disk.sync(self._part(path))
            except OSError as error:
                refused = refused or error
                self._pending.remove(each)
                self._refuse(each.frame, each.shot)
        return refused

    def _refuse(self, frame: Frame, shot: Shot) -> None:
        """Leave no half file of a frame behind: a full card needs the room."""
        self._refused.append(shot)
        for path in (names.file_of(frame), names.preview_file_of(frame)):
            with contextlib.suppress(OSError):
                self._disk.remove(self._part(path))

    def _part(self, path: str) -> Path:
        return self._root / (path + PART)

    def _insert_sequence(self) -> None:
        if self._stamp.boot.kernel_id:
            insert_boot(self._database, self._stamp.boot)
        insert_sequence(
            self._database,
            self.sequence,
            self._stem,
            self._stamp.boot.id,
            self._stamp.trigger,
        )


class Begun(NamedTuple):
    """What a trigger has made so far: `burst` is None until its first frame is on the card."""

    burst: Burst | None
    trigger: Trigger
    taken: list[Shot]
    began_s: float


def _paths(pending: _Pending) -> list[str]:
    """Name the files of a frame; one without a preview has only the first."""
    paths = (names.file_of(pending.frame), names.preview_file_of(pending.frame))
    return [path for path, size in zip(paths, pending.sizes, strict=True) if size]
