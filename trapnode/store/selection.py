"""Choosing a part of an archive to read, and what there is to choose from."""

from collections.abc import Collection
from datetime import datetime

from trapnode.store.database import Database, text
from trapnode.store.rows import integer

__all__ = ["all_sealed", "forgotten", "labels", "select", "unit_of"]

LAST_BEFORE = (  # The last sequence by a trusted clock before a moment.
    "(SELECT coalesce(max(t.id), 0) FROM main.sequence t JOIN boot u ON u.id = t.boot"
    " WHERE u.clock_trust != 'none' AND t.triggered_at < ?)"
)


def select(database: Database, only: Collection[str], since: datetime | None) -> None:
    """Let this connection see only some sequences from now on, whoever asks it.

    Labels: those in `only`, or all. Times: from `since` on; a sequence whose clock nobody trusted
    counts as made after the last trusted one before it. Of the unit's health what is since then,
    whatever the labels. Nothing is written to the card.
    """
    if not only and since is None:
        return
    labels, start = ",".join("?" * len(only)), "" if since is None else text(since)
    with database.transaction():
        database.run("CREATE TEMP TABLE selected (id INTEGER PRIMARY KEY)")
        database.run(
            "INSERT INTO selected SELECT s.id FROM main.sequence s"
            " LEFT JOIN boot b ON b.id = s.boot LEFT JOIN observation o ON o.id = s.id"
            f" WHERE (? OR coalesce(o.label, 'unclassified') IN ({labels}))"
            " AND CASE WHEN coalesce(b.clock_trust, 'rtc') != 'none' THEN s.triggered_at >= ?"
            f" ELSE s.id > {LAST_BEFORE} END",
            not only,
            *only,
            start,
            start,
        )
        database.run(
            "CREATE TEMP VIEW sequence AS SELECT * FROM main.sequence"
            " WHERE id IN (SELECT id FROM selected)"
        )
        database.run("CREATE TEMP TABLE health AS SELECT * FROM main.health WHERE at >= ?", start)


def labels(database: Database) -> set[str]:
    """Give every label that an observation of this archive has."""
    return {str(row[0]) for row in database.rows("SELECT DISTINCT label FROM observation")}


def forgotten(database: Database) -> list[tuple[str, bool, int]]:
    """Count the sequences whose rows went, by label and whether they were drawn for audit."""
    rows = database.rows("SELECT label, audit, sum(sequences) FROM forgotten GROUP BY label, audit")
    return [(str(label), bool(audit), integer(count)) for label, audit, count in rows]


def unit_of(database: Database) -> str:
    """Give the unit that made the newest sequence; empty where there is none."""
    row = database.row("SELECT stem FROM sequence ORDER BY id DESC LIMIT 1")
    return str(row[0]).partition(".")[0] if row else ""


def all_sealed(database: Database) -> bool:
    """Say whether every picture of this archive was sealed, by its rows; in doubt: no."""
    open_one = database.row(
        "SELECT 1 FROM main.frame WHERE (mark = '' AND preview_mark = '')"
        " OR (mark = '' AND bytes > 0) OR (preview_mark = '' AND preview_bytes > 0) LIMIT 1"
    )
    return open_one is None
