"""Commands that came down: each counter once, each finished once, whatever the power does.

A downlink's row is on the card before anything in the world follows from it. What it does to the
rows, its answer and its outcome are one transaction. STATE/downlinks holds the highest counter a
second time: a database that breaks must not make old commands new.
"""

from datetime import datetime

from trapnode.store.ceiling import Ceiling
from trapnode.store.database import Database, text

__all__ = ["Downlinks"]

MOST = 500  # Rows; the highest is never among those that go.


class Downlinks:
    """The commands in the database."""

    def __init__(self, database: Database, ceiling: Ceiling) -> None:
        self._database = database
        self._ceiling = ceiling

    def last(self) -> int:
        """Give the highest counter that ever came; raise StoreError."""
        row = self._database.row("SELECT coalesce(max(counter), 0) FROM downlink")
        assert row is not None
        return max(int(str(row[0])), self._ceiling.number() - 1)

    def begin(self, counter: int, body: bytes, now: datetime) -> None:
        """Note an authentic, new downlink; inside a transaction, before anything is done."""
        self._database.run(
            "INSERT INTO downlink (counter, received_at, body) VALUES (?, ?, ?)",
            counter,
            text(now),
            body,
        )
        self._database.run(
            "DELETE FROM downlink WHERE counter NOT IN"
            " (SELECT counter FROM downlink ORDER BY counter DESC LIMIT ?)",
            MOST,
        )

    def finish(self, counter: int, outcome: str) -> None:
        """Note what became of it; inside the transaction that does it."""
        self._database.run("UPDATE downlink SET outcome = ? WHERE counter = ?", outcome, counter)

    def unfinished(self) -> list[tuple[int, bytes]]:
        """List what the power cut short, oldest first."""
        rows = self._database.rows(
            "SELECT counter, body FROM downlink WHERE outcome IS NULL ORDER BY counter"
        )
        return [(int(str(counter)), bytes(body)) for counter, body in rows]  # type: ignore[call-overload]

    def remember(self, counter: int) -> None:
        """Keep the counter beside the database, too; after it is in there. Raise StoreError."""
        self._ceiling.cover(counter)

    def note_clock(
        self, boot: int, monotonic_s: float, before: datetime, after: datetime, source: str
    ) -> None:
        """Record a correction of the wall clock; inside a transaction."""
        self._database.run(
            "INSERT INTO clock_change (boot, monotonic_s, before, after, source)"
            " VALUES (?, ?, ?, ?, ?)",
            boot,
            monotonic_s,
            text(before),
            text(after),
            source,
        )
