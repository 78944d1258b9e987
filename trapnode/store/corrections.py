"""The corrections of the wall clock, as the rows have them."""

from trapnode.policy.drift import Correction
from trapnode.store.database import Database, moment

__all__ = ["corrections"]

LATEST = 20


def corrections(database: Database) -> list[Correction]:
    """Give the latest corrections, oldest first; raise StoreError."""
    rows = database.rows(
        "SELECT before, after FROM (SELECT * FROM clock_change ORDER BY id DESC LIMIT ?)"
        " ORDER BY id",
        LATEST,
    )
    return [Correction(moment(before), moment(after)) for before, after in rows]
