"""What the receiver said of our messages, and what is offered again without its word."""

from datetime import datetime, timedelta

from trapnode.message.downlink import Ack
from trapnode.model import MessageKind, MessageState
from trapnode.policy.report import PRIORITY_TARGET
from trapnode.store.ceiling import BLOCK
from trapnode.store.database import Database, text
from trapnode.store.outbox import Outbox

__all__ = ["ANEW", "MOST_ASKED", "MOST_OFFERS", "acknowledge", "catch_up", "offer_again"]

MOST_OFFERS = 2  # Without a word of it.
MOST_ASKED = 12  # Where the receiver says that it has not arrived; a target is never given up.
ANEW = 3  # So often the same bytes of a target went again and did not arrive: told anew.
WORDLESS = timedelta(days=2)
HEARD = "acknowledged"  # A row of this name: a receiver has acknowledged something, ever.
U24 = 1 << 24
WINDOW = 65  # The highest counter of an acknowledgement, and 64 below it.
THROUGH = MessageState.ACKNOWLEDGED
OPEN = "state IN ('queued', 'attempted', 'accepted', 'on_air')"
SENT = "state IN ('accepted', 'on_air')"
AGAIN = (
    f"UPDATE message SET state = '{MessageState.QUEUED}', offers = offers + 1, not_before = ?"
    f" WHERE {SENT} AND kind != '{MessageKind.STATUS}' AND counter = ?"
)
WORN_OUT = f"priority = {PRIORITY_TARGET} AND offers >= {ANEW} AND {SENT}"
ASKED = f"{AGAIN} AND (priority = {PRIORITY_TARGET} OR offers < {MOST_ASKED})"


def catch_up(database: Database, outbox: Outbox, highest: int) -> bool:
    """Count on above a counter that the receiver has of this card and that we never used.

    The card was restored from an image: what it sealed since then went under counters of before,
    and is refused. So all that was not acknowledged since is told anew. Inside a transaction; say
    whether it was so. Raise StoreError.
    """
    coming = outbox.next_counter()
    if not coming <= highest or coming > U24:  # Beyond, no acknowledgement has the whole counter.
        return False
    outbox.count_from(highest + 1 + BLOCK)  # What the receiver did not get was overheard, perhaps.
    acknowledged = f"SELECT coalesce(max(counter), 0) FROM message WHERE state = '{THROUGH}'"
    _anew(database, f"counter > ({acknowledged})")
    return True


def acknowledge(database: Database, ack: Ack, now: datetime) -> None:
    """Take the receiver's word; inside a transaction.

    What arrived is through. What surely did not is queued again with the same bytes, unless it
    is a status report, which is stale by now, or was sent MOST_ASKED times again already. A target
    is told anew after ANEW times: something is wrong with its bytes or its counter.
    """
    row = database.row("SELECT coalesce(max(counter), 0) FROM message")
    assert row is not None
    newest = int(str(row[0]))
    highest = newest - (newest - ack.highest) % U24  # A receiver cannot have more than we sent.
    for counter in range(max(1, highest - WINDOW + 1), highest + 1):
        if ack.arrived(ack.highest - (highest - counter)):
            database.run(
                f"UPDATE message SET state = ? WHERE counter = ? AND {OPEN}",
                THROUGH,
                counter,
            )
        else:
            _anew(database, f"counter = {counter} AND {WORN_OUT}")
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


def _anew(database: Database, which: str) -> None:
    """Give up open messages: all that they tell waits again, but for stale status reports."""
    given_up = f"SELECT counter FROM message WHERE {OPEN} AND {which}"
    database.run(
        f"UPDATE report SET message = NULL WHERE kind != '{MessageKind.STATUS}'"
        f" AND message IN ({given_up})"
    )
    database.run(f"UPDATE message SET state = '{MessageState.VOID}' WHERE counter IN ({given_up})")
