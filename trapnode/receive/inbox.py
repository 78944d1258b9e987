"""What arrived, raw: each webhook once, on the disk before anybody looks into it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from trapnode.errors import StoreError
from trapnode.receive.database import Database
from trapnode.receive.deliveries import Delivery
from trapnode.store.database import text

__all__ = ["MAX_UNKNOWN", "Arrival", "Fate", "Inbox"]

MAX_UNKNOWN = 100_000  # Of modems that are nobody's: 40 MB; then no more of them are taken.
PAGE = 500
ARRIVAL = "SELECT id, modem, payload, fate, reason FROM arrival"


class Fate(StrEnum):
    """What became of an arrival."""

    WAITING = "waiting"  # Not opened yet, or nothing of ours opens it: a key may come later.
    UNKNOWN = "unknown"  # Its modem is no unit's: the unit may be written down later.
    OPENED = "opened"
    TWIN = "twin"  # Its message had arrived before.
    RESTORED = "restored"  # Refused: its counter had told something else.
    REVOKED = "revoked"  # Refused: of a card that is not believed any more.


@dataclass(frozen=True, slots=True)
class Arrival:
    """One row."""

    id: int
    modem: str
    payload: bytes
    fate: Fate
    reason: str


class Inbox:
    """The arrivals in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, delivery: Delivery, unit: str | None, now: datetime) -> int | None:
        """Put a delivery in; give its id, None if it was there. Durable when it returns.

        Raise StoreError; also where there are too many of unknown modems.
        """
        with self._database.transaction():
            if unit is None and self._full():
                raise StoreError(
                    f"{MAX_UNKNOWN} messages of unknown modems wait: no more of them are taken"
                )
            taken = self._database.run(
                "INSERT OR IGNORE INTO arrival"
                " (carrier, modem, number, payload, network_at, received_at, fate, unit)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                delivery.carrier,
                delivery.modem,
                delivery.number,
                delivery.payload,
                text(delivery.network_at) if delivery.network_at else None,
                text(now),
                Fate.UNKNOWN if unit is None else Fate.WAITING,
                unit,
            )
            return self._database.number("SELECT last_insert_rowid()") if taken else None

    def unopened(self) -> Iterator[Arrival]:
        """Give what is not opened, in the order in which it came."""
        last = 0
        while rows := self._database.rows(
            f"{ARRIVAL} WHERE fate IN (?, ?) AND id > ? ORDER BY id LIMIT ?",
            *(Fate.WAITING, Fate.UNKNOWN, last, PAGE),
        ):
            for row in rows:
                arrival = _arrival(row)
                last = arrival.id
                yield arrival

    def one(self, identity: int) -> Arrival:
        """Give one arrival."""
        row = self._database.row(f"{ARRIVAL} WHERE id = ?", identity)
        assert row is not None
        return _arrival(row)

    def settle(self, arrival: Arrival, fate: Fate, unit: str | None, reason: str = "") -> None:
        """Note what became of an arrival; inside a transaction."""
        self._database.run(
            "UPDATE arrival SET fate = ?, unit = ?, reason = ? WHERE id = ?",
            *(fate, unit, reason, arrival.id),
        )

    def _full(self) -> bool:
        sql = "SELECT count(*) FROM arrival WHERE fate = ?"
        return self._database.number(sql, Fate.UNKNOWN) >= MAX_UNKNOWN


def _arrival(row: tuple[object, ...]) -> Arrival:
    identity, modem, payload, fate, reason = row
    assert isinstance(payload, bytes)
    return Arrival(int(str(identity)), str(modem), payload, Fate(str(fate)), str(reason))
