"""What the receiver said of our messages, and what is offered again without its word."""

from datetime import datetime, timedelta

from trapnode.message.downlink import Ack
from trapnode.model import MessageKind, MessageState
from trapnode.policy.report import PRIORITY_TARGET
from trapnode.store.database import Database, text

__all__ = ["MOST_ASKED", "MOST_OFFERS", "acknowledge", "offer_again"]

MOST_OFFERS = 2  # Without a word of it.
MOST_ASKED = 12  # Where the receiver says that it has not arrived; a target is never given up.
WORDLESS = timedelta(days=2)
HEARD = "acknowledged"  # A row of this name: a receiver has acknowledged something, ever.
U24 = 1 << 24
WINDOW = 65  # The highest counter of an acknowledgement, and 64 below it.
OPEN = "state IN ('queued', 'attempted', 'accepted', 'on_air')"
SENT = "state IN ('accepted', 'on_air')"
AGAIN = (
    f"UPDATE message SET state = '{MessageState.QUEUED}', offers = offers + 1, not_before = ?"
    f" WHERE {SENT} AND kind != '{MessageKind.STATUS}' AND counter = ?"
)
ASKED = f"{AGAIN} AND (priority = {PRIORITY_TARGET} OR offers < {MOST_ASKED})"


def acknowledge(database: Database, ack: Ack, now: datetime) -> None:
    """Take the receiver's word; inside a transaction.

    What arrived is through. What surely did not is queued again with the same bytes, unless it
    is a status report, which is stale by now, or was sent MOST_ASKED times again already.
    """
    row = database.row("SELECT coalesce(max(counter), 0) FROM message")
    assert row is not None
    newest = int(str(row[0]))
    highest = newest - (newest - ack.highest) % U24  # A receiver cannot have more than we sent.
    for counter in range(max(1, highest - WINDOW + 1), highest + 1):
        if ack.arrived(ack.highest - (highest - counter)):
            database.run(
                f"UPDATE message SET state = ? WHERE counter = ? AND {OPEN}",
                MessageState.ACKNOWLEDGED,
                counter,
            )
        else:
            database.run(ASKED, text(now), counter)
    database.run("INSERT OR REPLACE INTO counter VALUES (?, ?)", HEARD, highest + 1)


def offer_again(database: Database, now: datetime) -> bool:
    """Queue the most valuable observations of which nobody said a word for WORDLESS.

    Only where a receiver has acknowledged anything, ever. Say whether there were any. Raise
    StoreError.
    """
    if not database.row("SELECT 1 FROM counter WHERE name = ?", HEARD):
        return False
    row = database.row(
        f"SELECT counter FROM message WHERE {SENT} AND offers < {MOST_OFFERS}"
        f" AND kind = '{MessageKind.OBSERVATIONS}' AND NOT (accepted_at >= ? AND accepted_at <= ?)"
        " ORDER BY priority, counter LIMIT 1",  # Of the future: the clock was set back.
        *(text(now - WORDLESS), text(now)),
    )
    if row is None:
        return False
    with database.transaction():
        database.run(AGAIN, text(now), row[0])
    return True
