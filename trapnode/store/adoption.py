"""Giving rows to files that power cut before theirs, as a sequence that waits for the sorter."""

from collections.abc import Mapping
from pathlib import Path

from trapnode.model import Frame, FrameState, Trigger, TriggerSource
from trapnode.store import names
from trapnode.store.database import Database
from trapnode.store.entries import insert_frame, insert_sequence
from trapnode.store.names import FileName

__all__ = ["adopt", "frame_path"]


def frame_path(file: str) -> str | None:
    """Give the path of the frame that a frame's or preview's file belongs to."""
    name = names.parse(Path(file).name)
    if name is None:
        return None
    path = names.opened(file)
    return path.replace(".preview.jpg", ".jpg") if name.preview else path


def adopt(root: Path, path: str, shown: Mapping[str, str], database: Database) -> None:
    """Give a row to a frame; `shown` has the card's file for the path of each picture."""
    name = names.parse(Path(path).name)
    assert name is not None
    sequence = _sequence_for(name, database)
    number = _free_number(sequence, name.number, database)
    preview = names.preview_path(path)
    files = [shown.get(path), shown.get(preview)]
    state = FrameState.WHOLE if files[0] else FrameState.LOST  # A preview alone is evidence.
    mark, preview_mark = (_mark_of(file) for file in files)
    frame = Frame(sequence, number, path, preview, name.at, state, mark, preview_mark)
    size, preview_size = ((root / file).stat().st_size if file else 0 for file in files)
    insert_frame(database, frame, (size, preview_size))


def _mark_of(file: str | None) -> str:
    name = names.parse(Path(file).name) if file else None
    return name.mark if name else ""


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
