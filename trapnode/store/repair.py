"""Start-up repair: what a power cut left half done is finished, and nothing is ever deleted.

* a complete `.part` gets its final name; a torn one goes to quarantine;
* whole files without a row are adopted, as a sequence that waits for the sorter;
* rows without a file are marked lost; a file that is back is taken back;
* bursts that power ended are closed, so that the sorter takes them.

Only the station repairs, and only while no burst of its own is under way.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trapnode.model import Frame, FrameState, Trigger, TriggerSource
from trapnode.store import names
from trapnode.store.burst import insert_frame, insert_sequence
from trapnode.store.database import Database
from trapnode.store.disk import PART, Disk, make_folders
from trapnode.store.names import FileName
from trapnode.store.refusal import store_error

__all__ = ["Repair", "Repairs", "is_whole_jpeg"]

log = logging.getLogger(__name__)

BATCH = 200  # Frames adopted in one transaction.
HOLE = bytes(4096)  # One block of zeros: a file whose length reached the card before its bytes.


@dataclass(slots=True)
class Repairs:
    """What a start-up repair did; all zero after an orderly end."""

    renamed: int = 0  # Complete `.part` files that got their name.
    quarantined: int = 0
    adopted: int = 0  # Frames that had files and no row.
    lost: int = 0  # Frames that had a row and no file.
    closed: int = 0  # Sequences whose burst power ended.


class Repair:
    """One repair, folder by folder, so that between two of them a picture can be taken."""

    def __init__(self, root: Path, quarantine: Path, disk: Disk, database: Database) -> None:
        self.done = Repairs()
        self._root = root
        self._quarantine = quarantine
        self._disk = disk
        self._database = database

    def steps(self) -> Iterator[None]:
        """Put right what the last power cut left; safe to be cut itself. Raise StoreError.

        What is taken between two steps is whole and has its rows: it is left alone. A folder that
        fails holds up no other, and no sequence's way to the sorter; it is raised at the end.
        """
        open_before = self._database.rows("SELECT id FROM sequence WHERE state = 'open'")
        failed: OSError | None = None
        for folder in self._folders():
            try:
                yield from self._mend(folder)
            except OSError as error:
                failed = failed or error
            yield
        self._close(open_before)
        if failed is not None:
            raise store_error(f"{self._root}: cannot be repaired", failed) from failed
        if self.done != Repairs():
            log.warning("repaired after a power cut: %s", self.done)

    def _mend(self, folder: Path) -> Iterator[None]:
        self._finish_parts(folder)
        files = {str(each.relative_to(self._root)) for each in _in(folder, ".jpg")}
        rows = self._rows(str(folder.relative_to(self._root)))
        yield from self._adopt(files, rows)
        self._mark(files, rows)

    def _folders(self) -> list[Path]:
        """List the folders that hold files, and those that rows speak of."""
        spoken = self._database.rows(
            "SELECT DISTINCT rtrim(path, replace(path, '/', '')) FROM frame"
        )
        found = {self._root / str(folder).rstrip("/") for (folder,) in spoken}
        waiting = [self._root]
        while waiting:
            folder = waiting.pop()
            found.add(folder)
            with contextlib.suppress(OSError), os.scandir(folder) as entries:  # `_mend` will say.
                waiting += [Path(each.path) for each in entries if each.is_dir()]
        return sorted(found)

    def _rows(self, folder: str) -> dict[str, str]:
        """Give path and state of the frames in a folder."""
        first = "" if folder == "." else f"{folder}/"
        rows = self._database.rows(
            "SELECT path, state FROM frame WHERE path >= ? AND path < ?"
            " AND instr(substr(path, ?), '/') = 0",
            first,
            first + "\x7f",
            len(first) + 1,
        )
        return {str(path): str(state) for path, state in rows}

    def _finish_parts(self, folder: Path) -> None:
        for part in _in(folder, PART):
            target = part.with_suffix("")
            if names.parse(target.name) and not target.exists() and _is_whole(part):
                self._disk.sync(part)
                self._disk.rename(part, target)
                self.done.renamed += 1
            else:
                _set_aside(part, self._quarantine, self._disk)
                self.done.quarantined += 1
            self._disk.sync_folder(part.parent)

    def _adopt(self, files: set[str], rows: dict[str, str]) -> Iterator[None]:
        orphans = sorted({path for path in map(_frame_path, files) if path} - rows.keys())
        for first in range(0, len(orphans), BATCH):
            batch = orphans[first : first + BATCH]
            with self._database.transaction():
                for path in batch:
                    _adopt_one(self._root, path, path in files, self._database)
            self.done.adopted += len(batch)
            yield

    def _mark(self, files: set[str], rows: dict[str, str]) -> None:
        """Mark frames whose file is gone, and those whose file is back."""
        lost = [p for p, state in rows.items() if state == FrameState.WHOLE and p not in files]
        back = [p for p, state in rows.items() if state == FrameState.LOST and p in files]
        if not lost and not back:
            return
        with self._database.transaction():
            for state, paths in ((FrameState.LOST, lost), (FrameState.WHOLE, back)):
                for path in paths:
                    self._database.run("UPDATE frame SET state = ? WHERE path = ?", state, path)
        self.done.lost += len(lost)

    def _close(self, open_before: list[tuple[object, ...]]) -> None:
        """Give the sorter the bursts that power ended, and what was adopted."""
        adopted = self._database.rows(
            "SELECT id FROM sequence WHERE state = 'open' AND boot IS NULL"
        )
        ids = {row[0] for row in (*open_before, *adopted)}
        with self._database.transaction():
            for each in ids:
                self.done.closed += self._database.run(
                    "UPDATE sequence SET state = 'unsorted' WHERE id = ? AND state = 'open'", each
                )


def is_whole_jpeg(data: bytes) -> bool:
    """Say whether bytes begin and end as a JPEG does, with no block of zeros between."""
    return data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9") and HOLE not in data


def _in(folder: Path, ending: str) -> list[Path]:
    """List the files with this ending right in a folder; none if the folder is gone."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(Path(each.path) for each in entries if each.name.endswith(ending))


def _is_whole(part: Path) -> bool:
    try:
        return is_whole_jpeg(part.read_bytes())
    except OSError as error:  # A worn sector: no reason to take no more pictures.
        log.warning("%s goes to quarantine: %s", part, error)
        return False


def _set_aside(path: Path, quarantine: Path, disk: Disk) -> None:
    make_folders(disk, quarantine)
    target, copy = quarantine / path.name, 0
    while target.exists():
        copy += 1
        target = quarantine / f"{path.name}.{copy}"
    disk.rename(path, target)
    disk.sync_folder(quarantine)


def _frame_path(path: str) -> str | None:
    """Give the path of the frame that a frame's or preview's file belongs to."""
    name = names.parse(Path(path).name)
    if name is None:
        return None
    return path.replace(".preview.jpg", ".jpg") if name.preview else path


def _adopt_one(root: Path, path: str, has_pixels: bool, database: Database) -> None:
    name = names.parse(Path(path).name)
    assert name is not None
    sequence = _sequence_for(name, database)
    number = _free_number(sequence, name.number, database)
    preview = names.preview_path(path)
    state = FrameState.WHOLE if has_pixels else FrameState.LOST  # A preview alone is evidence.
    frame = Frame(sequence, number, path, preview, name.at, state)
    insert_frame(database, frame, (_size(root / path), _size(root / preview)))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sequence_for(name: FileName, database: Database) -> int:
    """Give the sequence that a file's name belongs to, made anew if need be."""
    row = database.row("SELECT id FROM sequence WHERE stem = ?", name.stem)
    if row is not None:
        return int(str(row[0]))
    taken = database.row("SELECT 1 FROM sequence WHERE id = ?", name.sequence)
    highest = database.row("SELECT coalesce(max(id), 0) FROM sequence")
    assert highest is not None
    free = taken is None and name.sequence <= names.LAST_ADOPTED
    sequence = name.sequence if free else int(str(highest[0])) + 1
    trigger = Trigger(at=name.at, monotonic_s=0.0, source=TriggerSource.ADOPTED)
    insert_sequence(database, sequence, name.stem, None, trigger)
    return sequence


def _free_number(sequence: int, number: int, database: Database) -> int:
    rows = database.rows("SELECT number FROM frame WHERE sequence = ?", sequence)
    numbers = {int(str(value)) for (value,) in rows}
    return number if number not in numbers else max(numbers) + 1
