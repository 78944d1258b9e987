"""Reading the whole store in bounded memory: what the dump walks. Nothing here writes to a card."""

import shutil
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Rows
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trapnode.errors import StoreError
from trapnode.model import ClockTrust, Observation, Scores, Sequence
from trapnode.store import names
from trapnode.store.archive import Archive
from trapnode.store.database import Database, moment
from trapnode.store.disk import RealDisk
from trapnode.store.outbox import Outbox
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
from trapnode.store.sequences import Sequences
from trapnode.store.store import DATABASE, Store

__all__ = [
    "Record",
    "Span",
    "archive_name",
    "event_spans",
    "extent",
    "newest",
    "next_trusted",
    "open_card",
    "size",
    "walk",
    "without_row",
]

BATCH = 200  # Sequences in memory at a time.
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


@dataclass(frozen=True, slots=True)
class Span:
    """From the first to the last frame of an event, and its first sequence's stem."""

    stem: str
    first: datetime
    last: datetime


def open_card(state: Path, scratch: Path) -> Store:
    """Open the store of a pulled card without writing to it, even one mounted read-only.

    The rows are read from a copy in the folder `scratch`: what power left in SQLite's log belongs
    to them, and opening that log writes. Not for a live unit. Raise StoreError.
    """
    source, copy = state / DATABASE, scratch / DATABASE
    try:
        for suffix in ("", "-wal"):
            if suffix == "" or source.with_name(DATABASE + suffix).exists():
                shutil.copyfile(
                    source.with_name(DATABASE + suffix), copy.with_name(DATABASE + suffix)
                )
    except OSError as error:
        raise StoreError(f"{source}: cannot be read: {error}") from error
    database = Database(copy, scratch / "quarantine")
    archive = Archive(state / "archive", RealDisk(), database)
    return Store(state, database, archive, Sequences(database), Outbox(database), RealDisk())


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
    for path in root.rglob("*.jpg"):
        name, frame = names.parse(path.name), str(path.relative_to(root))
        if name is None or name.preview:
            continue
        if database.row("SELECT 1 FROM frame WHERE path = ?", frame) is None:
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


def newest(database: Database, before: int, limit: int) -> list[Record]:
    """Give the `limit` newest records with an id below `before`, newest first."""
    return _records(
        database,
        f"{RECORD} WHERE s.id < ? ORDER BY s.id DESC LIMIT ?",
        before,
        limit,
    )


def event_spans(database: Database) -> dict[int, Span]:
    """Give the span of each event that has more than one sequence."""
    rows = database.rows(
        "SELECT o.event, min(s.stem), min(f.captured_at), max(f.captured_at)"
        " FROM observation o JOIN frame f ON f.sequence = o.id JOIN sequence s ON s.id = o.event"
        " GROUP BY o.event HAVING count(DISTINCT o.id) > 1"
    )
    return {
        integer(event): Span(str(stem), moment(first), moment(last))
        for event, stem, first, last in rows
    }


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
        " FROM frame"
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
    scores = {integer(each[1]): scores_of(each[5], each[6]) for each in frames}
    return Record(sequence, str(row[8]), observation, scores)
