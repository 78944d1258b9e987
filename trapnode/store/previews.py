"""Radio previews of targets, and the bytes of them that are to be sent.

A wish is a span of one preview. It is cut into fragments one at a time, each as long as the link
then takes, so a wish may be resumed, and any span may be asked for in any order.
"""

from datetime import datetime

from trapnode.message import (
    FRAGMENT_COST,
    MAX_FRAGMENT_MESSAGE,
    SEALING_COST,
    Fragment,
    pack_fragment,
)
from trapnode.message.fragment import read_fragment
from trapnode.model import Message, MessageKind, MessageState
from trapnode.policy.report import PRIORITY_PREVIEW
from trapnode.store.database import Database
from trapnode.store.outbox import Outbox

__all__ = ["MOST", "Previews"]

MOST = 50
LONGEST = 4096  # Bytes: what is longer is no preview, and would cost a day's credits.
MOST_WISHES = 20
U24 = 0xFFFFFF


class Previews:
    """The previews in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, sequence: int, data: bytes) -> None:
        """Keep a preview, and of all only the newest; inside a transaction."""
        if not 0 < len(data) <= LONGEST:
            return
        self._database.run("INSERT OR REPLACE INTO radio_preview VALUES (?, ?)", sequence, data)
        self._database.run(
            "DELETE FROM radio_preview WHERE sequence NOT IN"
            " (SELECT sequence FROM radio_preview ORDER BY sequence DESC LIMIT ?)",
            MOST,
        )

    def newest(self) -> tuple[int, int] | None:
        """Give the newest preview's sequence and bytes, if nobody wished for any of it yet."""
        row = self._database.row(
            "SELECT sequence, length(data) FROM radio_preview ORDER BY sequence DESC LIMIT 1"
        )
        if row is None:
            return None
        told = self._database.row("SELECT next FROM counter WHERE name = 'preview'")
        newest, size = (int(str(each)) for each in row)
        return None if told and int(str(told[0])) > newest else (newest, size)

    def wish(self, sequence: int, first: int = 0, length: int = 0) -> bool:
        """Ask for bytes of a preview (`length` 0: to its end); inside a transaction.

        `sequence` is modulo 2^24. Say whether there are any.
        """
        row = self._database.row(
            "SELECT sequence, length(data) FROM radio_preview WHERE sequence & ? = ?"
            " ORDER BY sequence DESC LIMIT 1",
            U24,
            sequence & U24,
        )
        total = int(str(row[1])) if row else 0
        stop = min(first + length, total) if length else total
        count = self._database.row("SELECT count(*) FROM preview_wish")
        if row is None or not first < stop or count is None or int(str(count[0])) >= MOST_WISHES:
            return False
        self._database.run(
            "INSERT INTO preview_wish (sequence, first, stop) VALUES (?, ?, ?)", row[0], first, stop
        )
        self._database.run(
            "INSERT INTO counter VALUES ('preview', ?) ON CONFLICT DO UPDATE"
            " SET next = max(next, excluded.next)",
            int(str(row[0])) + 1,
        )
        return True

    def cut(self, outbox: Outbox, room: int, now: datetime) -> bool:
        """Put the next fragment into the outbox, if none waits there; raise StoreError.

        `room` is what the link takes. Say whether there was one.
        """
        most = min(room, MAX_FRAGMENT_MESSAGE) - SEALING_COST - FRAGMENT_COST
        too_long = "kind = ? AND message IS NULL AND length(body) > ?"
        size = most + FRAGMENT_COST
        if self._database.row(f"SELECT 1 FROM report WHERE {too_long}", MessageKind.FRAGMENT, size):
            with self._database.transaction():
                self._wish_again(too_long, MessageKind.FRAGMENT, size)
        wish = self._database.row(
            "SELECT w.id, w.sequence, w.first, w.stop, p.data FROM preview_wish w"
            " LEFT JOIN radio_preview p ON p.sequence = w.sequence WHERE NOT EXISTS"
            " (SELECT 1 FROM report WHERE kind = ? AND message IS NULL) ORDER BY w.id LIMIT 1",
            MessageKind.FRAGMENT,
        )
        if wish is None or most < 1:
            return False
        identity, sequence, first, stop, data = wish
        with self._database.transaction():
            if not isinstance(data, bytes):  # Newer previews have taken its place.
                self._database.run("DELETE FROM preview_wish WHERE id = ?", identity)
                return False
            start = int(str(first))
            end = min(start + most, int(str(stop)))
            fragment = Fragment(int(str(sequence)), start, len(data), data[start:end])
            outbox.tell(MessageKind.FRAGMENT, pack_fragment(fragment), PRIORITY_PREVIEW, now)
            if end < int(str(stop)):
                self._database.run("UPDATE preview_wish SET first = ? WHERE id = ?", end, identity)
            else:
                self._database.run("DELETE FROM preview_wish WHERE id = ?", identity)
        return True

    def recut(self, message: Message) -> None:
        """Wish anew for the bytes of a fragment that the link cannot carry; raise StoreError."""
        with self._database.transaction():
            self._wish_again("message = ?", message.counter)
            self._database.run(
                "UPDATE message SET state = ? WHERE counter = ?", MessageState.VOID, message.counter
            )

    def _wish_again(self, which: str, *values: object) -> None:
        """Turn reports of fragments into wishes for the same bytes; inside a transaction."""
        rows = self._database.rows(f"SELECT id, body FROM report WHERE {which}", *values)
        for identity, body in rows:
            fragment = read_fragment(bytes(body))  # type: ignore[call-overload]
            self._database.run("DELETE FROM report WHERE id = ?", identity)
            self.wish(fragment.sequence, fragment.offset, len(fragment.data))
