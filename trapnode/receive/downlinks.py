"""Downlinks: what is due to a unit, sealed under a counter that never comes back.

A downlink costs a credit on Iridium, so little is sent. Commands of people go at the next round,
all that fit into one. An acknowledgement rides along with them for nothing; alone it goes at most
once in the unit's `ack_hours` (24) or for MANY messages, and only if something arrived since. It is
made at the moment of sending, so it is never stale, and at most one waits on our side. Where all
that the carrier may still hold is acks, the new one takes their place there.

Like an uplink, a downlink is frozen first: its bytes and counter are on the disk before a carrier
hears of it, and a retry sends the same bytes. Its counter is above all before it, and at least the
number of ten minutes since EPOCH: a database restored from a backup, or begun anew, does not use
the counters of before, which are nonces, again. A wait that lies further ahead than any that is
given was written by a clock that ran ahead, and is over.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from trapnode.message.downlink import ACK_BITS, Ack, Command, pack_commands, read_commands
from trapnode.message.sealing import seal_downlink
from trapnode.receive.database import Database
from trapnode.receive.inbox import Fate
from trapnode.receive.joining import MOST_ACKS, Waiting, acks_of, join, only_acks
from trapnode.receive.units import Card, Unit
from trapnode.store.database import moment, text

__all__ = ["Downlink", "Downlinks", "State"]

log = logging.getLogger(__name__)

TICK = timedelta(minutes=10)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # No receiver ran this program earlier.
MOST_AHEAD = 500_000  # Of a clock that ran years ahead; a unit takes 2^20 above its last one.
MAX_ACK = 0xFFFFFF
RESTORED_HOURS = 6.0  # So soon a card restored from an image hears how far it had been.
MANY = 2 * ACK_BITS  # Messages that wait for an ack: more would outgrow what one downlink acks.
RETRY_FIRST = timedelta(minutes=5)
RETRY_LONGEST = timedelta(hours=6)


class State(StrEnum):
    """How far a downlink has come."""

    FROZEN = "frozen"
    ATTEMPTED = "attempted"  # The carrier may have it.
    SENT = "sent"  # The carrier's word.
    ANSWERED = "answered"  # The unit's.
    REFUSED = "refused"  # By the carrier, for good: a person decides.


@dataclass(frozen=True, slots=True)
class Downlink:
    """One frozen downlink."""

    id: int
    unit: str
    counter: int
    payload: bytes
    attempts: int
    replaces: bool  # What the carrier still holds for this unit may give way to it.


class Downlinks:
    """Commands that wait, and frozen downlinks, in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, unit: Unit, command: Command, now: datetime, since: str = "9") -> bool:
        """Let a command wait for the next downlink; say whether it does not wait already.

        Nor may it have been asked at all `since` then. Raise ValueError for one that does not fit
        the air, StoreError.
        """
        body = pack_commands([command])
        with self._database.transaction():
            waits = self._database.number(
                "SELECT count(*) FROM command"
                " WHERE unit = ? AND body = ? AND (downlink IS NULL OR asked_at >= ?)",
                *(unit.name, body, since),
            )
            if not waits:
                self._database.run(
                    "INSERT INTO command (unit, body, asked_at) VALUES (?, ?, ?)",
                    *(unit.name, body, text(now)),
                )
        return not waits

    def freeze(self, unit: Unit, now: datetime) -> None:
        """Freeze what is due to a unit, if something is and nothing frozen waits before it."""
        card = self._card(unit)
        if card is None or self._undone(unit):
            return
        waiting = self._waiting(unit)
        acks, acked = self._acks(unit, card)
        if not waiting and not (acks and self._ack_is_due(unit, now)):
            return
        with self._database.transaction():
            joined = join(waiting, acks, now)
            counter = self._next_counter(unit, card, now)
            told = acked if joined.acks else 0
            identity = self._insert(unit, card, counter, joined.body, told, now)
            for each in joined.taken:
                self._database.run("UPDATE command SET downlink = ? WHERE id = ?", identity, each)

    def due(self, unit: Unit, now: datetime) -> Downlink | None:
        """Give the unit's frozen downlink whose time has come."""
        row = self._database.row(
            "SELECT id, unit, counter, payload, attempts FROM downlink"
            " WHERE unit = ? AND state IN (?, ?) AND NOT (not_before > ? AND not_before <= ?)"
            " ORDER BY id LIMIT 1",
            *(unit.name, State.FROZEN, State.ATTEMPTED, text(now), text(now + RETRY_LONGEST)),
        )
        if row is None:
            return None
        identity, name, counter, payload, attempts = row
        assert isinstance(payload, bytes)
        numbers = (int(str(each)) for each in (identity, counter, attempts))
        identity, counter, attempts = numbers
        return Downlink(identity, str(name), counter, payload, attempts, self._replaces(unit))

    def attempt(self, downlink: Downlink, now: datetime) -> None:
        """Note an attempt before it is made, and when the next one may be."""
        wait = min(RETRY_FIRST * (1 << min(downlink.attempts, 10)), RETRY_LONGEST)
        self._change(
            downlink,
            "state = ?, attempts = attempts + 1, not_before = ?",
            *(State.ATTEMPTED, text(now + wait)),
        )

    def sent(self, downlink: Downlink, reference: str, now: datetime) -> None:
        """Note the carrier's word that it has it, and its own name for it."""
        self._change(
            downlink, "state = ?, sent_at = ?, reason = ?", State.SENT, text(now), reference
        )

    def failed(self, downlink: Downlink, reason: str, *, for_good: bool) -> None:
        """Note why a carrier did not take it."""
        state = State.REFUSED if for_good else State.ATTEMPTED
        self._change(downlink, "state = ?, reason = ?", state, reason)

    def _waiting(self, unit: Unit) -> list[Waiting]:
        rows = self._database.rows(
            "SELECT id, body FROM command WHERE unit = ? AND downlink IS NULL ORDER BY id LIMIT 20",
            unit.name,
        )
        return [
            Waiting(int(str(identity)), read_commands(body))
            for identity, body in rows
            if isinstance(body, bytes)
        ]

    def _card(self, unit: Unit) -> Card | None:
        """Give the card that is in the unit: of its last message, if it is believed."""
        generation = self._database.number(
            "SELECT generation FROM message WHERE unit = ? ORDER BY arrival DESC LIMIT 1",
            unit.name,
        )
        return unit.card(generation)

    def _undone(self, unit: Unit) -> int:
        return self._database.number(
            "SELECT count(*) FROM downlink WHERE unit = ? AND state IN (?, ?)",
            *(unit.name, State.FROZEN, State.ATTEMPTED),
        )

    def _acks(self, unit: Unit, card: Card) -> tuple[tuple[Ack, ...], int]:
        """Make acks if anything arrived since the last ones, and name the last arrival."""
        last = self._database.number(
            "SELECT max(id) FROM arrival WHERE unit = ? AND fate IN (?, ?, ?)",
            *(unit.name, Fate.OPENED, Fate.TWIN, Fate.RESTORED),
        )
        rows = self._database.rows(
            "SELECT counter FROM message WHERE unit = ? AND generation = ?"
            " AND counter IS NOT NULL AND NOT contested ORDER BY counter DESC LIMIT ?",
            *(unit.name, card.key.generation, (ACK_BITS + 1) * MOST_ACKS),
        )
        counters = [int(str(row[0])) for row in rows]
        if last <= self._acked(unit) or not counters or counters[0] > MAX_ACK:
            return (), last
        return acks_of(counters), last

    def _acked(self, unit: Unit) -> int:
        """Name the last arrival that an ack knew."""
        return self._database.number(
            "SELECT max(acked) FROM downlink WHERE unit = ? AND state != ?",
            *(unit.name, State.REFUSED),
        )

    def _ack_is_due(self, unit: Unit, now: datetime) -> bool:
        """Say whether an ack is worth a downlink of its own."""
        many = self._database.number(
            "SELECT count(*) FROM arrival WHERE unit = ? AND fate = ? AND id > ?",
            *(unit.name, Fate.OPENED, self._acked(unit)),
        )
        if many >= MANY:
            return True
        row = self._database.row(
            "SELECT max(made_at) FROM downlink WHERE unit = ? AND acked > 0", unit.name
        )
        if row is None or row[0] is None:
            return True
        refused = self._database.number(
            "SELECT count(*) FROM arrival WHERE unit = ? AND fate = ? AND id > ?",
            *(unit.name, Fate.RESTORED, self._acked(unit)),
        )
        hours = min(unit.ack_hours, RESTORED_HOURS) if refused else unit.ack_hours
        return not timedelta(0) <= now - moment(row[0]) < timedelta(hours=hours)

    def _next_counter(self, unit: Unit, card: Card, now: datetime) -> int:
        last = self._database.number(
            "SELECT max(counter) FROM downlink WHERE unit = ? AND generation = ?",
            *(unit.name, card.key.generation),
        )
        ticks = (now - EPOCH) // TICK
        return max(last + 1, min(ticks, last + MOST_AHEAD))

    def _insert(
        self, unit: Unit, card: Card, counter: int, body: bytes, acked: int, now: datetime
    ) -> int:
        self._database.run(
            "INSERT INTO downlink"
            " (unit, generation, counter, body, payload, acked, state, not_before, made_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(unit.name, card.key.generation, counter, body),
            *(seal_downlink(counter, body, card.key), acked, State.FROZEN, text(now), text(now)),
        )
        return self._database.number("SELECT last_insert_rowid()")

    def _replaces(self, unit: Unit) -> bool:
        """Say whether something was sent since the unit's last answer, all of it acks."""
        rows = self._database.rows(
            "SELECT body FROM downlink WHERE unit = ? AND state = ? AND id >"
            " (SELECT coalesce(max(id), 0) FROM downlink WHERE unit = ? AND state = ?)",
            *(unit.name, State.SENT, unit.name, State.ANSWERED),
        )
        held = [row[0] for row in rows if isinstance(row[0], bytes)]
        return bool(held) and all(map(only_acks, held))

    def _change(self, downlink: Downlink, assignments: str, *values: object) -> None:
        with self._database.transaction():
            self._database.run(
                f"UPDATE downlink SET {assignments} WHERE id = ?", *values, downlink.id
            )
