"""The receiver's SQLite file: schema, connection, transactions.

WAL and synchronous=FULL: what was answered with 200 is on the disk. Any number of processes may
read while it serves (`units`, `export`, a notebook), and the commands write between its writes.
Moments are ISO 8601 text in UTC, as in the unit's own store. Rows are never deleted: a project's
season is some 100 MB.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from trapnode.errors import StoreError

__all__ = ["VERSION", "Connect", "Database", "connect"]

VERSION = 1
BUSY_S = 2.0  # A carrier waits 3 s for its answer, then it tries again.

SCHEMA = """
CREATE TABLE arrival (                   -- one webhook, raw; a repeated one is the same row
    id INTEGER PRIMARY KEY,
    carrier TEXT NOT NULL,
    modem TEXT NOT NULL,
    number INTEGER NOT NULL,             -- MOMSN or frame counter
    payload BLOB NOT NULL,
    network_at TEXT,
    received_at TEXT NOT NULL,
    fate TEXT NOT NULL,                  -- see Fate
    reason TEXT NOT NULL DEFAULT '',
    unit TEXT,                           -- NULL: nobody's modem when it was last looked at
    UNIQUE (modem, number, payload)
) STRICT;
CREATE INDEX arrival_fate ON arrival(fate, id) WHERE fate IN ('waiting', 'unknown');
CREATE INDEX arrival_unit ON arrival(unit, id);
CREATE TABLE message (                   -- one opened message
    arrival INTEGER PRIMARY KEY REFERENCES arrival(id),
    unit TEXT NOT NULL,
    generation INTEGER NOT NULL,
    counter INTEGER,                     -- NULL: card failed, which has none
    kind TEXT NOT NULL,
    body BLOB NOT NULL,                  -- opened
    contested INTEGER NOT NULL DEFAULT 0,  -- its counter told something else, too: never acked
    UNIQUE (unit, generation, counter)
) STRICT;
CREATE INDEX message_kind ON message(unit, kind, arrival);
CREATE TABLE observation (
    unit TEXT NOT NULL,
    generation INTEGER NOT NULL,
    id INTEGER NOT NULL,                 -- the unit's sequence, modulo 2^24
    observed_at TEXT NOT NULL,
    label TEXT NOT NULL,
    probability REAL,
    frames INTEGER NOT NULL,
    count INTEGER,
    target INTEGER NOT NULL,
    clock_trusted INTEGER NOT NULL,
    arrival INTEGER NOT NULL REFERENCES arrival(id),
    PRIMARY KEY (unit, generation, id, observed_at)
) STRICT, WITHOUT ROWID;
CREATE TABLE fragment (                  -- bytes of a preview
    unit TEXT NOT NULL,
    generation INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    total INTEGER NOT NULL,
    first INTEGER NOT NULL,              -- offset of its first byte
    data BLOB NOT NULL,
    arrival INTEGER NOT NULL REFERENCES arrival(id),
    PRIMARY KEY (unit, generation, sequence, total, first, data)
) STRICT, WITHOUT ROWID;
CREATE TABLE alarm (                     -- what a person must look at
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    unit TEXT NOT NULL,
    arrival INTEGER UNIQUE REFERENCES arrival(id),
    told TEXT NOT NULL
) STRICT;
CREATE TABLE command (                   -- what a person asked of a unit
    id INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    body BLOB NOT NULL,                  -- of this one command
    asked_at TEXT NOT NULL,
    downlink INTEGER REFERENCES downlink(id)  -- NULL: waits
) STRICT;
CREATE INDEX command_waiting ON command(unit, id) WHERE downlink IS NULL;
CREATE TABLE downlink (                  -- frozen before its first attempt, like an uplink
    id INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    generation INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    body BLOB NOT NULL,
    payload BLOB NOT NULL,               -- sealed
    acked INTEGER NOT NULL,              -- the last arrival that its ack knows; 0: no ack in it
    state TEXT NOT NULL,                 -- see State
    attempts INTEGER NOT NULL DEFAULT 0,
    not_before TEXT NOT NULL,
    made_at TEXT NOT NULL,
    sent_at TEXT,
    reason TEXT NOT NULL DEFAULT '',     -- or the carrier's own id of it
    answer INTEGER REFERENCES arrival(id),
    UNIQUE (unit, generation, counter)
) STRICT;
CREATE INDEX downlink_state ON downlink(state, id) WHERE state IN ('frozen', 'attempted');
"""

Connect = Callable[[Path], sqlite3.Connection]


def connect(path: Path) -> sqlite3.Connection:
    """Open the file; one thread at a time may use it, not always the same one."""
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


class Database:
    """The open file."""

    def __init__(self, path: Path, connect: Connect = connect) -> None:
        """Open or make it; raise StoreError, also for one that a newer trapnode made."""
        self.path = path
        with self._failing():
            self._connection = connect(path)
            self._prepare()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Give the rows of a query; raise StoreError."""
        with self._failing():
            return self._connection.execute(sql, values).fetchall()

    def each(self, sql: str, *values: object) -> Iterator[tuple[object, ...]]:
        """Give the rows of a query one by one, however many there are; raise StoreError."""
        with self._failing():
            yield from self._connection.execute(sql, values)

    def row(self, sql: str, *values: object) -> tuple[object, ...] | None:
        """Give the first row of a query, or None; raise StoreError."""
        rows = self.rows(sql, *values)
        return rows[0] if rows else None

    def number(self, sql: str, *values: object) -> int:
        """Give the one number of a query, 0 for NULL; raise StoreError."""
        row = self.row(sql, *values)
        return int(str(row[0])) if row and row[0] is not None else 0

    def run(self, sql: str, *values: object) -> int:
        """Run one statement inside a transaction; give how many rows it changed."""
        return self._connection.execute(sql, values).rowcount

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what happens inside durable as one, or not at all; raise StoreError."""
        with self._failing():
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {error}") from error

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StoreError(
                f"{self.path}: schema {version}, but this trapnode knows up to {VERSION}"
            )
        if version == 0:
            self._connection.executescript(
                f"BEGIN IMMEDIATE;{SCHEMA}PRAGMA user_version={VERSION};COMMIT;"
            )
