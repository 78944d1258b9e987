"""The unit's health over time: the packed status reports, newest last, for the page of a dump.

What waits to be told is only the latest; these stay. 2,000 are more than five years of days, and
less than half a megabyte.
"""

import contextlib
from collections.abc import Iterator
from datetime import datetime

from trapnode.errors import ProtocolError
from trapnode.message.health import Status, read_status
from trapnode.store.database import Database, text

__all__ = ["MOST", "note", "statuses"]

MOST = 2000


def note(database: Database, at: datetime, body: bytes) -> None:
    """Keep a packed status report, and of all only the newest; inside a transaction."""
    database.run("INSERT INTO health (at, body) VALUES (?, ?)", text(at), body)
    database.run("DELETE FROM health WHERE id <= (SELECT max(id) FROM health) - ?", MOST)


def statuses(database: Database) -> Iterator[Status]:
    """Give the status reports, in the order in which they were made; no unreadable one."""
    for (body,) in database.rows("SELECT body FROM health ORDER BY id"):
        with contextlib.suppress(ProtocolError):
            yield read_status(bytes(body))  # type: ignore[call-overload]
