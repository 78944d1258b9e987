"""The SQLite file: connection, transactions. Moments are stored as ISO 8601 text in UTC."""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from trapnode.errors import CardFailed, StoreError
from trapnode.late_log import LateLog
from trapnode.store.refusal import is_unreadable, store_error
from trapnode.store.schema import prepared

__all__ = ["Connect", "Database", "moment", "text"]

log = LateLog(__name__)

BUSY_S = 20.0  # The others hold a write lock for milliseconds, but cards stall for seconds.
BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
SUSPECT = ".suspect"  # Suffix of the note that a query found the file broken.

Connect = Callable[[Path], sqlite3.Connection]


def connect(path: Path) -> sqlite3.Connection:
    """Open the file as every process of ours does."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


class Database:
    """The open SQLite file; a broken one is moved to quarantine and a fresh one begun."""

    def __init__(self, path: Path, quarantine: Path, connect: Connect = connect) -> None:
        self.path = path
        self.commits = 0  # Each one syncs the log.
        try:
            with _alone(path.with_suffix(".lock")):
                self._connection = _opened(path, quarantine, connect)
                self._inode = path.stat().st_ino
        except (sqlite3.Error, OSError) as error:
            found = store_error(f"{path}: the store does not open", error)
            # Even the fresh file cannot be read: no restart helps, pictures go to RAM.
            raise CardFailed(str(found)) if is_unreadable(error) else found from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Give the rows of a query; raise StoreError."""
        try:
            self._check()
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def row(self, sql: str, *values: object) -> tuple[object, ...] | None:
        """Give the first row of a query, or None; raise StoreError."""
        rows = self.rows(sql, *values)
        return rows[0] if rows else None

    def run(self, sql: str, *values: object) -> int:
        """Run one statement inside a transaction; give the number of rows it changed."""
        return self._connection.execute(sql, values).rowcount

    @contextlib.contextmanager
    def transaction(self, patience_s: float = BUSY_S) -> Iterator[None]:
        """Make what happens inside durable as one, or not at all; raise StoreError.

        `patience_s` is how long another process's write may stand in the way.
        """
        try:
            self._check()
            self._connection.execute(f"PRAGMA busy_timeout={round(patience_s * 1000)}")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
            self.commits += 1
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.rollback()
            raise self._fault(error) from error

    def _check(self) -> None:
        """Raise StoreError where another process has put the file into quarantine."""
        try:
            same = self.path.stat().st_ino == self._inode
        except OSError as error:
            raise store_error(str(self.path), error) from error
        if not same:
            raise StoreError(f"{self.path}: is begun anew, this process must open it again")

    def _fault(self, error: sqlite3.Error) -> StoreError:
        """Make our error; one that says the file is broken has it checked at the next opening."""
        if is_unreadable(error) or getattr(error, "sqlite_errorcode", 0) & 0xFF in BROKEN:
            with contextlib.suppress(OSError):
                self.path.with_suffix(SUSPECT).touch()
        return store_error(str(self.path), error)


def text(at: datetime) -> str:
    """Write a moment as the rows hold it; sorts as text."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(value: object) -> datetime:
    """Read a moment as the rows hold it."""
    return datetime.fromisoformat(str(value))


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time make or replace the file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path, quarantine: Path, connect: Connect) -> sqlite3.Connection:
    try:
        return _sound(path, connect)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and not is_unreadable(error):
            raise  # Busy, full, read-only: the file itself may be sound.
        log.error("%s is broken and goes to quarantine: %s", path, error)
    _move_away(path, quarantine)
    path.with_suffix(SUSPECT).unlink(missing_ok=True)
    return prepared(connect(path), path)


def _sound(path: Path, connect: Connect) -> sqlite3.Connection:
    """Open a file that is what it should be; raise DatabaseError, StoreError."""
    connection = None
    try:
        connection = connect(path)
        _examine(connection, path.with_suffix(SUSPECT))
        return prepared(connection, path)
    except (sqlite3.Error, StoreError):
        if connection is not None:
            connection.close()
        raise


def _examine(connection: sqlite3.Connection, suspect: Path) -> None:
    """Check a file that a query found broken; raise DatabaseError if it is."""
    if not suspect.exists():
        return
    suspect.unlink()  # First: a check that is itself cut short must not come with every start.
    (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise sqlite3.DatabaseError(answer)


def _move_away(path: Path, quarantine: Path) -> None:
    quarantine.mkdir(exist_ok=True)
    olds = quarantine.glob(f"[0-9][0-9][0-9].{path.name}")
    number = max((int(old.name[:3]) for old in olds), default=-1) + 1
    for suffix in ("-shm", "-wal", ""):  # SQLite deletes a log whose database is gone.
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(quarantine / f"{number:03d}.{path.name}{suffix}")
