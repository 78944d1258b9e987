"""Start-up repair: what a power cut left half done is finished, and nothing is ever deleted.

* a complete `.part` gets its final name; a torn one goes to quarantine;
* whole files without a row are adopted, as a sequence that waits for the sorter;
* rows without a file are marked lost; a file that is back is taken back;
* bursts that power ended are closed, so that the sorter takes them.

Only the station repairs, and only while no burst of its own is under way.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

from trapnode.errors import StoreError
from trapnode.model import Frame, FrameState, Trigger, TriggerSource
from trapnode.store import names
from trapnode.store.archive import insert_frame, insert_sequence
from trapnode.store.database import Database
from trapnode.store.disk import PART, Disk, make_folders
from trapnode.store.names import FileName

__all__ = ["Repairs", "is_whole_jpeg", "repair"]

log = logging.getLogger(__name__)

HOLE = bytes(4096)  # One block of zeros: a file whose length reached the card before its bytes.


@dataclass(frozen=True, slots=True)
class Repairs:
    """What a start-up repair did; all zero after an orderly end."""

    renamed: int = 0  # Complete `.part` files that got their name.
    quarantined: int = 0
    adopted: int = 0  # Frames that had files and no row.
    lost: int = 0  # Frames that had a row and no file.
    closed: int = 0  # Sequences whose burst power ended.


def repair(root: Path, quarantine: Path, disk: Disk, database: Database) -> Repairs:
    """Put right what the last power cut left; safe to be cut itself. Raise StoreError."""
    try:
        renamed, quarantined = _finish_parts(root, quarantine, disk)
        files = {str(path.relative_to(root)) for path in root.rglob("*.jpg")}
    except OSError as error:
        raise StoreError(f"{root}: cannot be repaired: {error}") from error
    adopted = _adopt(root, files, database)
    lost = _mark_lost(files, database)
    closed = _close_open(database)
    repairs = Repairs(renamed, quarantined, adopted, lost, closed)
    if repairs != Repairs():
        log.warning("repaired after a power cut: %s", repairs)
    return repairs


def is_whole_jpeg(data: bytes) -> bool:
    """Say whether bytes begin and end as a JPEG does, with no block of zeros between."""
    return data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9") and HOLE not in data


def _finish_parts(root: Path, quarantine: Path, disk: Disk) -> tuple[int, int]:
    renamed = quarantined = 0
    for part in sorted(root.rglob(f"*{PART}")):
        target = part.with_suffix("")
        if names.parse(target.name) and not target.exists() and _is_whole(part):
            disk.sync(part)
            disk.rename(part, target)
            renamed += 1
        else:
            _set_aside(part, quarantine, disk)
            quarantined += 1
        disk.sync_folder(part.parent)
    return renamed, quarantined


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


def _adopt(root: Path, files: set[str], database: Database) -> int:
    known = {str(path) for (path,) in database.rows("SELECT path FROM frame")}
    orphans = sorted({path for path in map(_frame_path, files) if path} - known)
    for path in orphans:
        with database.transaction():
            _adopt_one(root, path, path in files, database)
    return len(orphans)


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


def _mark_lost(files: set[str], database: Database) -> int:
    rows = database.rows(
        "SELECT path, state FROM frame WHERE state IN (?, ?)", FrameState.WHOLE, FrameState.LOST
    )
    lost = [path for path, state in rows if state == FrameState.WHOLE and path not in files]
    back = [path for path, state in rows if state == FrameState.LOST and path in files]
    if lost or back:
        with database.transaction():
            for state, paths in ((FrameState.LOST, lost), (FrameState.WHOLE, back)):
                for path in paths:
                    database.run("UPDATE frame SET state = ? WHERE path = ?", state, path)
    return len(lost)


def _close_open(database: Database) -> int:
    with database.transaction():
        return database.run("UPDATE sequence SET state = 'unsorted' WHERE state = 'open'")
