"""The outbox: reports that wait to be told, and the frozen messages that tell them.

A message's bytes and counter are on the card before its first attempt; a retry sends the same
bytes. Counters are nonces: each is reserved on the card before it is used, and never comes back.
"""

from collections.abc import Sequence
from datetime import datetime

from trapnode.model import Message, MessageKind, MessageState, Report
from trapnode.store.ceiling import Ceiling
from trapnode.store.database import Database, moment, text

__all__ = ["Outbox"]

COUNTER = "message"
MESSAGE = (
    "SELECT counter, kind, payload, priority, state, attempts, not_before, made_at FROM message"
)
UNDONE = "state IN ('queued', 'attempted')"


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
            "SELECT id, kind, body, priority, made_at, observation FROM report"
            " WHERE message IS NULL ORDER BY priority, id LIMIT 1000"
        )
        return [_report(row) for row in rows]

    def reserve_counter(self) -> int:
        """Take the next counter; it is durably spent before this returns."""
        assert self._ceiling is not None
        first = self._ceiling.number()
        with self._database.transaction():
            self._database.run("INSERT OR IGNORE INTO counter VALUES (?, ?)", COUNTER, first)
            row = self._database.row("SELECT next FROM counter WHERE name = ?", COUNTER)
            self._database.run("UPDATE counter SET next = next + 1 WHERE name = ?", COUNTER)
        assert row is not None
        counter = int(str(row[0]))
        self._ceiling.cover(counter)
        return counter

    def freeze(
        self, counter: int, payload: bytes, reports: Sequence[Report], now: datetime
    ) -> Message:
        """Make the message that tells these reports; from here its bytes never change."""
        message = Message(
            counter=counter,
            kind=reports[0].kind,
            payload=payload,
            priority=min(report.priority for report in reports),
            state=MessageState.QUEUED,
            attempts=0,
            not_before=now,
            made_at=now,
        )
        with self._database.transaction():
            self._database.run(
                "INSERT INTO message (counter, kind, payload, priority, state, not_before, made_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                counter,
                message.kind,
                payload,
                message.priority,
                message.state,
                text(now),
                text(now),
            )
            for report in reports:
                self._database.run("UPDATE report SET message = ? WHERE id = ?", counter, report.id)
        return message

    def undone(self) -> list[tuple[Message, int | None]]:
        """List messages that are not through, most valuable first, with the boot last tried in."""
        rows = self._database.rows(
            f"{MESSAGE.replace(' FROM', ', attempted_boot FROM')}"
            f" WHERE {UNDONE} ORDER BY priority, counter"
        )
        return [
            (_message(row[:-1]), None if row[-1] is None else int(str(row[-1]))) for row in rows
        ]

    def attempt(self, message: Message, boot: int, not_before: datetime) -> None:
        """Note an attempt before it is made; if power goes now, the next is not before then."""
        self._change(
            message,
            "state = ?, attempts = attempts + 1, attempted_boot = ?, not_before = ?",
            MessageState.ATTEMPTED,
            boot,
            text(not_before),
        )

    def accepted(self, message: Message, now: datetime) -> None:
        """Note the gateway's word that it has the message."""
        self._change(
            message, "state = ?, accepted_at = ?, reason = ''", MessageState.ACCEPTED, text(now)
        )

    def postpone(self, message: Message, not_before: datetime, reason: str) -> None:
        """Keep the message for later, with the same bytes."""
        self._change(message, "not_before = ?, reason = ?", text(not_before), reason)

    def park(self, message: Message, reason: str) -> None:
        """Set aside what the network refused for good; a person decides."""
        self._change(message, "state = ?, reason = ?", MessageState.PARKED, reason)

    def messages(self, last: int | None = None) -> list[Message]:
        """List frozen messages by counter; only the `last` so many."""
        order = "ORDER BY counter" if last is None else f"ORDER BY counter DESC LIMIT {int(last)}"
        rows = self._database.rows(f"{MESSAGE} {order}")
        return sorted(map(_message, rows), key=lambda each: each.counter)

    def reports_of(self, counter: int) -> list[Report]:
        """List the reports that a message tells, in the order of its bytes."""
        rows = self._database.rows(
            "SELECT id, kind, body, priority, made_at, observation FROM report"
            " WHERE message = ? ORDER BY priority, id",
            counter,
        )
        return [_report(row) for row in rows]

    def last_status(self) -> datetime | None:
        """Give the time of the last status report put in, told or not."""
        row = self._database.row(
            "SELECT made_at FROM report WHERE kind = ? ORDER BY id DESC LIMIT 1", self.status_kind
        )
        return moment(row[0]) if row else None

    def counts(self) -> dict[str, int]:
        """Count reports that wait, and messages by state."""
        counts = {state.value: 0 for state in MessageState}
        rows = self._database.rows("SELECT state, count(*) FROM message GROUP BY state")
        counts |= {str(state): int(str(number)) for state, number in rows}
        row = self._database.row("SELECT count(*) FROM report WHERE message IS NULL")
        assert row is not None
        return {"waiting": int(str(row[0])), **counts}

    def _change(self, message: Message, assignments: str, *values: object) -> None:
        with self._database.transaction():
            self._database.run(
                f"UPDATE message SET {assignments} WHERE counter = ?", *values, message.counter
            )


def _report(row: tuple[object, ...]) -> Report:
    identity, kind, body, priority, made_at, observation = row
    assert isinstance(body, bytes)
    return Report(
        int(str(identity)),
        MessageKind(str(kind)),
        body,
        int(str(priority)),
        moment(made_at),
        None if observation is None else int(str(observation)),
    )


def _message(row: tuple[object, ...]) -> Message:
    counter, kind, payload, priority, state, attempts, not_before, made_at = row
    assert isinstance(payload, bytes)
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
