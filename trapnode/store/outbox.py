"""The outbox: reports that wait to be told, and the frozen messages that tell them.

A message's bytes and counter are on the card before its first attempt; a retry sends the same
bytes. Counters are nonces: one is on the card together with what was sealed with it, and the number
that is above it a step before, so that none comes back and none is skipped.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from trapnode.model import Message, MessageKind, MessageState, Report
from trapnode.policy.report import PRIORITY_TARGET
from trapnode.policy.retry import HOLD_LONGEST
from trapnode.store.ceiling import Ceiling
from trapnode.store.database import Database, moment, text
from trapnode.store.outbox_rows import (
    KNOWN,
    MESSAGE,
    REPORT,
    UNDONE,
    message_of,
    report_of,
    set_aside,
    sound,
    worn,
)

__all__ = ["Outbox", "Seal"]

COUNTER = "message"
STATUS_WANTED = "status_wanted"  # A row of this name: somebody asks for a status report.

Seal = Callable[[MessageKind, int, bytes], bytes]
"""Seals a body of a kind under a counter never used before: the bytes of a message."""


class Outbox:
    """Reports and messages in the database."""

    status_kind = MessageKind.STATUS  # Of which the latest is enough.

    def __init__(self, database: Database, ceiling: Ceiling | None = None) -> None:
        self._database = database
        self._ceiling = ceiling  # None: for reading only.

    def tell(
        self,
        kind: MessageKind,
        body: bytes,
        priority: int,
        made_at: datetime,
        observation: int | None = None,
    ) -> None:
        """Put a report in; inside a transaction. A waiting status report gives way to a new one."""
        if kind is self.status_kind:
            self._database.run("DELETE FROM report WHERE kind = ? AND message IS NULL", kind)
            self._database.run("DELETE FROM counter WHERE name = ?", STATUS_WANTED)
        self._database.run(
            "INSERT INTO report (kind, body, priority, made_at, observation)"
            " VALUES (?, ?, ?, ?, ?)",
            kind,
            body,
            priority,
            text(made_at),
            observation,
        )

    def waiting(self) -> list[Report]:
        """List reports that are in no message yet, most valuable first, then oldest."""
        rows = self._database.rows(
            f"{REPORT} WHERE message IS NULL AND {KNOWN} ORDER BY priority, id LIMIT 1000"
        )
        return [report_of(row) for row in rows]

    def freeze(self, reports: Sequence[Report], now: datetime, seal: Seal) -> Message:
        """Make the message that tells these reports; from here its bytes never change."""
        kind = reports[0].kind
        body = b"".join(report.body for report in reports)
        self._begin_counting()
        with self._database.transaction():
            counter = self._next_counter()
            message = Message(
                counter=counter,
                kind=kind,
                payload=seal(kind, counter, body),
                priority=min(report.priority for report in reports),
                state=MessageState.QUEUED,
                attempts=0,
                not_before=now,
                made_at=now,
            )
            if kind is self.status_kind:  # A stale one yields to this.
                self._void(f"kind = '{kind}' AND {UNDONE}")
            self._insert(message)
            for report in reports:
                self._database.run("UPDATE report SET message = ? WHERE id = ?", counter, report.id)
        return message

    def _begin_counting(self) -> None:
        """Begin above all that was ever used, once for each database; raise StoreError."""
        assert self._ceiling is not None
        if self._database.row("SELECT 1 FROM counter WHERE name = ?", COUNTER) is None:
            with self._database.transaction():
                first = self._ceiling.number()
                self._database.run("INSERT OR IGNORE INTO counter VALUES (?, ?)", COUNTER, first)

    def _next_counter(self) -> int:
        """Take the next counter, inside a transaction, once the ceiling is above it."""
        assert self._ceiling is not None
        counter = self.next_counter()
        self._ceiling.cover(counter)
        self._database.run("UPDATE counter SET next = next + 1 WHERE name = ?", COUNTER)
        return counter

    def next_counter(self) -> int:
        """Give the counter of the next message; raise StoreError."""
        assert self._ceiling is not None
        row = self._database.row("SELECT next FROM counter WHERE name = ?", COUNTER)
        return int(str(row[0])) if row else self._ceiling.number()

    def count_from(self, counter: int) -> None:
        """Leave out what is below, durably; inside a transaction. Raise StoreError."""
        assert self._ceiling is not None
        self._ceiling.cover(counter)
        self._database.run("INSERT OR REPLACE INTO counter VALUES (?, ?)", COUNTER, counter)

    def _insert(self, message: Message) -> None:
        self._database.run(
            "INSERT INTO message (counter, kind, payload, priority, state, not_before, made_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            message.counter,
            message.kind,
            message.payload,
            message.priority,
            message.state,
            text(message.not_before),
            text(message.made_at),
        )

    def _void(self, which: str, *values: object) -> None:
        void = MessageState.VOID
        self._database.run(f"UPDATE message SET state = ? WHERE {which}", void, *values)

    def release(self, counter: int) -> None:
        """Give up a message that the link cannot carry: its reports wait again."""
        with self._database.transaction():
            self._void("counter = ?", counter)
            self._database.run("UPDATE report SET message = NULL WHERE message = ?", counter)

    def mend(self) -> str:
        """Set aside what a worn card changed, so that the others go on; say so, or nothing.

        The reports of such a message are told anew. Raise StoreError.
        """
        for row in self._database.rows(f"{MESSAGE} WHERE {UNDONE}"):
            if not sound(message_of, row):
                self.release(int(str(row[0])))
        set_aside(self._database)
        return worn(self._database)

    def undone(self) -> list[tuple[Message, int | None]]:
        """List messages that are not through, most valuable first, with the boot last tried in."""
        rows = self._database.rows(
            f"{MESSAGE.replace(' FROM', ', attempted_boot FROM')}"
            f" WHERE {UNDONE} ORDER BY priority, counter"
        )
        return [
            (message_of(row[:-1]), None if row[-1] is None else int(str(row[-1]))) for row in rows
        ]

    def attempt(self, message: Message, boot: int, not_before: datetime) -> None:
        """Note an attempt before it is made; if power goes now, the next is not before then."""
        with self._database.transaction():
            self._change(
                message,
                "state = ?, attempts = attempts + 1, attempted_boot = ?, not_before = ?",
                MessageState.ATTEMPTED,
                boot,
                text(not_before),
            )

    def sent(self, message: Message, now: datetime, delivered: bool) -> None:
        """Note that it went, by the gateway's word or by the modem's; inside a transaction."""
        state = MessageState.ACCEPTED if delivered else MessageState.ON_AIR
        self._change(message, "state = ?, accepted_at = ?, reason = ''", state, text(now))

    def postpone(self, message: Message, not_before: datetime, reason: str) -> None:
        """Keep the message for later, with the same bytes; inside a transaction."""
        self._change(message, "not_before = ?, reason = ?", text(not_before), reason)

    def hurry(self, now: datetime) -> None:
        """Let every message that waits be tried now: a person is here and asks for it."""
        with self._database.transaction():
            self._database.run(
                f"UPDATE message SET not_before = ?, attempted_boot = NULL WHERE {UNDONE}",
                text(now),
            )

    def park(self, message: Message, now: datetime, reason: str) -> None:
        """Set aside what the network refused; inside a transaction. A target goes again later."""
        change = f"state = iif(priority = {PRIORITY_TARGET}, state, ?), not_before = ?, reason = ?"
        self._change(message, change, MessageState.PARKED, text(now + HOLD_LONGEST), reason)

    def messages(self, last: int | None = None) -> list[Message]:
        """List frozen messages by counter; only the `last` so many."""
        order = "ORDER BY counter" if last is None else f"ORDER BY counter DESC LIMIT {int(last)}"
        rows = self._database.rows(f"{MESSAGE} {order}")
        return sorted(map(message_of, rows), key=lambda each: each.counter)

    def reports_of(self, counter: int) -> list[Report]:
        """List the reports that a message tells, in the order of its bytes."""
        rows = self._database.rows(f"{REPORT} WHERE message = ? ORDER BY priority, id", counter)
        return [report_of(row) for row in rows]

    def last_status(self) -> datetime | None:
        """Give the time of the last status report put in, told or not; None, too: it is worn."""
        row = self._database.row(
            "SELECT made_at FROM report WHERE kind = ? ORDER BY id DESC LIMIT 1", self.status_kind
        )
        return moment(row[0]) if row and sound(moment, row[0]) else None

    def want_status(self) -> None:
        """Ask the keeper for a status report now; inside a transaction."""
        self._database.run("INSERT OR IGNORE INTO counter VALUES (?, 1)", STATUS_WANTED)

    def status_wanted(self) -> bool:
        """Say whether somebody asks for a status report."""
        return bool(self._database.row("SELECT 1 FROM counter WHERE name = ?", STATUS_WANTED))

    def counts(self) -> dict[str, int]:
        """Count reports that wait, and messages by state."""
        counts = {state.value: 0 for state in MessageState}
        rows = self._database.rows("SELECT state, count(*) FROM message GROUP BY state")
        counts |= {str(state): int(str(number)) for state, number in rows}
        row = self._database.row("SELECT count(*) FROM report WHERE message IS NULL")
        assert row is not None
        return {"waiting": int(str(row[0])), **counts}

    def _change(self, message: Message, assignments: str, *values: object) -> None:
        self._database.run(
            f"UPDATE message SET {assignments} WHERE counter = ?", *values, message.counter
        )
