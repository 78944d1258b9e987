"""The outbox's rows as values; a row that a worn card changed is none, and is set aside.

SQLite keeps no sums: a flipped bit within a row is found where the row makes no sense any more.
"""

import contextlib
import logging
from collections.abc import Callable
from typing import Any

from trapnode.errors import ProtocolError
from trapnode.message import pack_observation, read_body
from trapnode.model import Message, MessageKind, MessageState, Report
from trapnode.store.database import Database, moment
from trapnode.store.sequences import Sequences

__all__ = [
    "KNOWN",
    "MESSAGE",
    "REPORT",
    "UNDONE",
    "message_of",
    "report_of",
    "set_aside",
    "sound",
    "worn",
]

log = logging.getLogger(__name__)

REPORT = "SELECT id, kind, body, priority, made_at, observation FROM report"
MESSAGE = (
    "SELECT counter, kind, payload, priority, state, attempts, not_before, made_at FROM message"
)
KNOWN = f"kind IN {tuple(map(str, MessageKind))}"  # A newer trapnode's wait for it.
UNDONE = f"state IN ('queued', 'attempted') AND {KNOWN}"
NEVER = "1970-01-01T00:00:00.000000Z"  # In place of a time that cannot be read.
WORN = "worn"  # Before the kind of a report that cannot be read.


def report_of(row: tuple[object, ...]) -> Report:
    """Make the report of a row; raise ValueError for one that a worn card changed."""
    identity, kind, body, priority, made_at, observation = row
    if not isinstance(body, bytes):
        raise ValueError(f"report {identity}: its body is no bytes")
    return Report(
        int(str(identity)),
        MessageKind(str(kind)),
        body,
        int(str(priority)),
        moment(made_at),
        None if observation is None else int(str(observation)),
    )


def message_of(row: tuple[object, ...]) -> Message:
    """Make the message of a row; raise ValueError for one that a worn card changed."""
    counter, kind, payload, priority, state, attempts, not_before, made_at = row
    if not isinstance(payload, bytes):
        raise ValueError(f"message {counter}: its payload is no bytes")
    return Message(
        int(str(counter)),
        MessageKind(str(kind)),
        payload,
        int(str(priority)),
        MessageState(str(state)),
        int(str(attempts)),
        moment(not_before),
        moment(made_at),
    )


def sound(make: Callable[[Any], object], row: object) -> bool:
    """Say whether a value can be made of what a row holds."""
    try:
        make(row)
    except (ProtocolError, ValueError, TypeError) as error:
        log.error("%s", error)
        return False
    return True


def set_aside(database: Database) -> None:
    """Take the reports that no receiver could read out of what waits; raise StoreError.

    An observation's is made anew of its row. Any other stays on the card: only its kind changes.
    """
    for row in database.rows(f"{REPORT} WHERE message IS NULL AND {KNOWN}"):
        if not sound(_readable, row):
            kind, body = _anew(database, row) or (f"{WORN} {row[1]}", row[2])
            with database.transaction():
                change = "UPDATE report SET kind = ?, body = ?, made_at = ? WHERE id = ?"
                made_at = row[4] if sound(moment, row[4]) else NEVER
                database.run(change, kind, body, made_at, row[0])


def worn(database: Database) -> str:
    """Say how many reports are set aside, or nothing; raise StoreError."""
    row = database.row(f"SELECT count(*) FROM report WHERE kind GLOB '{WORN} *'")
    count = int(str(row[0])) if row else 0
    return f"{count} reports cannot be read and are not told: collect the card" if count else ""


def _readable(row: tuple[object, ...]) -> None:
    report = report_of(row)
    read_body(report.kind, report.body)


def _anew(database: Database, row: tuple[object, ...]) -> tuple[str, bytes] | None:
    """Make an observation's report anew; None: it is none's, or that is worn, too."""
    observations = Sequences(database)
    with contextlib.suppress(ValueError, TypeError, KeyError):
        since = int(str(row[5])) - 1
        for each in observations.observations(since):
            if each.id == since + 1:
                return MessageKind.OBSERVATIONS, pack_observation(each)
    return None
