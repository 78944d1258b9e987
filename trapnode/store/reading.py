"""Reading the whole store in bounded memory: what the dump walks. Nothing here writes to a card."""

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trapnode.errors import StoreError, UsageError
from trapnode.model import ClockTrust, Observation, Scores, Sequence
from trapnode.store import names
from trapnode.store.archive import Archive
from trapnode.store.database import Database, moment
from trapnode.store.disk import RealDisk
from trapnode.store.rows import (
    FRAME,
    OBSERVATION,
    SEQUENCE,
    Row,
    integer,
    observation_of,
    scores_of,
    sequence_of,
)
from trapnode.store.seals import Sealing, read_seals
from trapnode.store.store import DATABASE, Store, open_store

__all__ = [
    "Record",
    "archive_name",
    "extent",
    "next_trusted",
    "open_card",
    "open_for_dump",
    "size",
    "walk",
    "without_row",
]

BATCH = 200  # Sequences in memory at a time.
COPIES = 5  # Tries to copy rows that change meanwhile.
REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)
REFUSED_BY_SQLITE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
RECORD = (
    f"SELECT {SEQUENCE}, s.stem, {OBSERVATION} FROM sequence s"
    " LEFT JOIN boot b ON b.id = s.boot LEFT JOIN observation o ON o.id = s.id"
)


@dataclass(frozen=True, slots=True)
class Record:
    """All that the store knows of one sequence; `scores` go by frame number."""

    sequence: Sequence
    stem: str  # What its file names share.
    observation: Observation | None  # None: not sorted yet.
    scores: Mapping[int, Scores | None]


def open_for_dump(state: Path, scratch: Path) -> Store:
    """Open the store in a folder, and without a touch where it cannot be written to.

    Nothing is made where there is no store: raise UsageError. Raise StoreError.
    """
    try:
        (state / DATABASE).stat()
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{state}: no store there") from None
    except OSError as error:
        raise StoreError(f"{state}: cannot be read: {error.strerror}") from error
    try:
        return open_store(state)
    except StoreError as error:
        if not _is_refusal(error.__cause__):
            raise
    return open_card(state, scratch)


def open_card(state: Path, scratch: Path) -> Store:
    """Open the store of a card without writing to it, even one mounted read-only.

    The rows are read from a copy in the folder `scratch`: what power left in SQLite's log belongs
    to them, and opening that log writes. Raise StoreError.
    """
    source = state / DATABASE
    try:
        same = any(_copied(source, scratch) for _ in range(COPIES))
    except OSError as error:
        raise StoreError(f"{source}: cannot be read: {error}") from error
    if not same:
        raise StoreError(f"{source}: the unit is writing to it, try again")
    database = Database(scratch / DATABASE, scratch / "quarantine")
    sealing = Sealing(read_seals(state))
    archive = Archive(state / "archive", RealDisk(), database, sealing)
    return Store(state, database, archive, RealDisk())


def _copied(source: Path, scratch: Path) -> bool:
    """Copy the rows; say whether nobody wrote to them meanwhile."""
    (scratch / f"{source.name}-wal").unlink(missing_ok=True)  # Of an earlier try.
    before = _ages(source)
    for path in before:
        shutil.copyfile(path, scratch / path.name)
    return _ages(source) == before


def _ages(source: Path) -> dict[Path, tuple[int, int]]:
    """Give the files that hold the rows, with what a write to them changes."""
    paths = [source, source.with_name(f"{source.name}-wal")]
    found = {path: path.stat() for path in paths if path == source or path.exists()}
    return {path: (each.st_mtime_ns, each.st_size) for path, each in found.items()}


def _is_refusal(cause: BaseException | None) -> bool:
    """Say whether a store did not open because we may not write there."""
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in REFUSED_BY_SQLITE
    return isinstance(cause, OSError) and cause.errno in REFUSED


def walk(database: Database) -> Iterator[Record]:
    """Walk every sequence, oldest first, in the order in which they were made."""
    last = -1
    while batch := _records(
        database, f"{RECORD} WHERE s.id > ? ORDER BY s.id LIMIT ?", last, BATCH
    ):
        yield from batch
        last = batch[-1].sequence.id


def without_row(database: Database, root: Path) -> Iterator[str]:
    """Name frames that power cut before their row, which the station's repair will adopt."""
    top = len(str(root)) + 1
    for folder, _, files in os.walk(root):
        for file in files:
            frame = names.opened(f"{folder}/{file}"[top:])
            if not frame.endswith(".jpg") or frame.endswith(".preview.jpg"):
                continue
            known = database.row("SELECT 1 FROM frame WHERE path = ?", frame)
            if known is None and names.parse(file) is not None:
                yield frame


def _records(database: Database, sql: str, *values: object) -> list[Record]:
    """Give the records of a query that begins with RECORD."""
    rows = database.rows(sql, *values)
    if not rows:
        return []
    ids = [integer(row[0]) for row in rows]
    frames: dict[int, list[Row]] = {each: [] for each in ids}
    for row in database.rows(
        f"SELECT {FRAME}, scores, detections FROM frame"
        " WHERE sequence BETWEEN ? AND ? ORDER BY sequence, number",
        min(ids),
        max(ids),
    ):
        frames.setdefault(integer(row[0]), []).append(row)
    return [_record(row, frames[integer(row[0])]) for row in rows]


def next_trusted(database: Database, after: int) -> tuple[int, datetime] | None:
    """Give id and time of the first sequence after one whose clock could be trusted."""
    row = database.row(
        "SELECT s.id, s.triggered_at FROM sequence s JOIN boot b ON b.id = s.boot"
        " WHERE s.id > ? AND b.clock_trust != 'none' ORDER BY s.id LIMIT 1",
        after,
    )
    return (integer(row[0]), moment(row[1])) if row else None


def extent(database: Database) -> tuple[datetime, datetime] | None:
    """Give the first and the last moment of which the store knows by a trusted clock."""
    row = database.row(
        "SELECT min(first), max(last) FROM ("
        " SELECT min(started_at) AS first, max(started_at) AS last FROM boot"
        " WHERE clock_trust != 'none' UNION ALL"
        " SELECT min(s.triggered_at), max(s.triggered_at) FROM sequence s"
        " JOIN boot b ON b.id = s.boot WHERE b.clock_trust != 'none')"
    )
    return (moment(row[0]), moment(row[1])) if row and row[0] else None


def size(database: Database) -> int:
    """Give the bytes of all frames and previews that the rows promise."""
    row = database.row(
        "SELECT total(preview_bytes) + total(CASE state WHEN 'whole' THEN bytes ELSE 0 END)"
        " FROM frame WHERE sequence IN (SELECT id FROM sequence)"
    )
    return int(float(str(row[0]))) if row else 0


def archive_name(database: Database) -> str:
    """Name this archive among all cards that ever were: by its first boot."""
    row = database.row("SELECT kernel_id FROM boot ORDER BY id LIMIT 1")
    return str(row[0]) if row else ""


def _record(row: Row, frames: Rows[Row]) -> Record:
    sequence = sequence_of(row[:8], frames)
    trusted = sequence.clock_trust is not ClockTrust.NONE
    observation = None
    if row[9] is not None:
        observation = observation_of(
            row[9:], sequence.id, sequence.trigger.at, len(sequence.frames), trusted
        )
    scores = {integer(each[1]): scores_of(each[7], each[8]) for each in frames}
    return Record(sequence, str(row[8]), observation, scores)
