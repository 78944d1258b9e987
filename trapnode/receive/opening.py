"""Opening what arrived: cards tried, twins dropped, restored images and revoked cards refused.

What a receiver does is in `trapnode.message`'s docstring; this module does it. All counters of a
card are remembered, so a message may come as late as it likes.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from trapnode.errors import ProtocolError
from trapnode.message import Answer, Fragment, ObservationRecord, Told, read_body
from trapnode.message.sealing import Opened, open_uplink
from trapnode.model import MessageKind
from trapnode.receive.database import Database
from trapnode.receive.inbox import Arrival, Fate, Inbox
from trapnode.receive.units import Card, Desk, Unit
from trapnode.store.database import text

__all__ = ["Opening"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """An authentic message: of which unit and card, and what it tells."""

    unit: Unit
    card: Card
    opened: Opened
    told: Told

    @property
    def generation(self) -> int:
        return self.card.key.generation

    @property
    def counter(self) -> int | None:
        """Its counter; None if it has none."""
        return None if self.opened.kind is MessageKind.CARD_FAILED else self.opened.counter


class Opening:
    """Opens arrivals with what the desk knows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._inbox = Inbox(database)

    def open_all(self, desk: Desk, now: datetime) -> int:
        """Try all that is not opened yet; give how many were. Raise StoreError."""
        fates = [self.open(arrival, desk, now) for arrival in self._inbox.unopened()]
        return fates.count(Fate.OPENED)

    def open(self, arrival: Arrival, desk: Desk, now: datetime) -> Fate:
        """Open one arrival, durably as one with all that it tells; raise StoreError."""
        unit = desk.of_modem(arrival.modem)
        found = "modem of no unit" if unit is None else self._find(arrival, unit)
        if isinstance(found, str):
            fate = Fate.UNKNOWN if unit is None else Fate.WAITING
            if (fate, found) == (arrival.fate, arrival.reason):
                return fate  # As before: not a word, not a write.
        with self._database.transaction():
            if (now_is := self._inbox.one(arrival.id).fate) not in (Fate.WAITING, Fate.UNKNOWN):
                return now_is  # Another process was faster.
            if isinstance(found, str):
                self._inbox.settle(arrival, fate, unit.name if unit else None, found)
            else:
                fate = self._judge(arrival, found, now)
        self._say(arrival, found, fate)
        return fate

    def _find(self, arrival: Arrival, unit: Unit) -> _Found | str:
        """Find the card that sealed a message, newest first; else say why there is none."""
        reason = "the unit has no card with a key"
        for card in unit.cards:
            generation = card.key.generation
            try:
                opened = open_uplink(arrival.payload, card.key, self._highest(unit, generation))
            except ProtocolError as error:
                reason = str(error)
                continue
            try:
                return _Found(unit, card, opened, read_body(opened.kind, opened.body))
            except ProtocolError as error:  # Authentic: a newer trapnode's.
                return f"card {generation}: {error}"
        return reason

    def _highest(self, unit: Unit, generation: int) -> int:
        sql = "SELECT max(counter) FROM message WHERE unit = ? AND generation = ?"
        return self._database.number(sql, unit.name, generation)

    def _judge(self, arrival: Arrival, found: _Found, now: datetime) -> Fate:
        """Take or refuse an authentic message; inside a transaction."""
        name, generation = found.unit.name, found.generation
        if found.card.revoked:
            return self._refuse(
                arrival, found, Fate.REVOKED, f"revoked card {generation} is on the air", now
            )
        before = self._before(arrival, found)
        if before == arrival.payload:
            self._inbox.settle(arrival, Fate.TWIN, name)
            return Fate.TWIN
        if before is not None:
            told = (
                f"card {generation} told two things under counter {found.counter}: it was restored"
                " from an image, its seal is worn out: give the unit a new card"
            )
            self._database.run(
                "UPDATE message SET contested = 1"
                " WHERE unit = ? AND generation = ? AND counter = ?",
                *(name, generation, found.counter),
            )
            return self._refuse(arrival, found, Fate.RESTORED, told, now)
        self._inbox.settle(arrival, Fate.OPENED, name)
        self._keep(arrival, found)
        return Fate.OPENED

    def _before(self, arrival: Arrival, found: _Found) -> object:
        """Give the bytes that came under the same counter before; of what has none, the same."""
        row = self._database.row(
            "SELECT payload FROM message JOIN arrival ON arrival.id = message.arrival"
            " WHERE message.unit = ? AND generation = ?"
            " AND (counter = ? OR (counter IS NULL AND ? IS NULL AND payload = ?))",
            *(found.unit.name, found.generation, found.counter, found.counter, arrival.payload),
        )
        return row[0] if row else None

    def _refuse(
        self, arrival: Arrival, found: _Found, fate: Fate, told: str, now: datetime
    ) -> Fate:
        self._inbox.settle(arrival, fate, found.unit.name, told)
        self._database.run(
            "INSERT OR IGNORE INTO alarm (at, unit, arrival, told) VALUES (?, ?, ?, ?)",
            *(text(now), found.unit.name, arrival.id, told),
        )
        return fate

    def _keep(self, arrival: Arrival, found: _Found) -> None:
        self._database.run(
            "INSERT INTO message (arrival, unit, generation, counter, kind, body)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            *(arrival.id, found.unit.name, found.generation),
            *(found.counter, found.opened.kind, found.opened.body),
        )
        self._keep_observations(arrival, found, found.told.observations)
        if found.told.fragment is not None:
            self._keep_fragment(arrival, found, found.told.fragment)
        if found.told.answer is not None:
            self._keep_answer(arrival, found, found.told.answer)

    def _keep_observations(
        self, arrival: Arrival, found: _Found, observations: Iterable[ObservationRecord]
    ) -> None:
        """Keep each observation once: it may be told again, in other company."""
        for each in observations:
            self._database.run(
                "INSERT OR IGNORE INTO observation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(found.unit.name, found.generation, each.observation, text(each.observed_at)),
                *(each.label, each.probability, each.frames, each.count, int(each.target)),
                *(int(each.clock_trusted), arrival.id),
            )

    def _keep_fragment(self, arrival: Arrival, found: _Found, fragment: Fragment) -> None:
        self._database.run(
            "INSERT OR IGNORE INTO fragment VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(found.unit.name, found.generation, fragment.sequence, fragment.total),
            *(fragment.offset, fragment.data, arrival.id),
        )

    def _keep_answer(self, arrival: Arrival, found: _Found, answer: Answer) -> None:
        self._database.run(
            "UPDATE downlink SET answer = ?, state = 'answered'"
            " WHERE unit = ? AND generation = ? AND counter = ?",
            *(arrival.id, found.unit.name, found.generation, answer.downlink),
        )

    def _say(self, arrival: Arrival, found: _Found | str, fate: Fate) -> None:
        if isinstance(found, str):
            log.warning("%s %d: not opened: %s", arrival.modem, arrival.id, found)
            return
        name = found.unit.name
        if fate in (Fate.REVOKED, Fate.RESTORED):
            log.warning("%s: ALARM: message %d refused: %s", name, arrival.id, fate)
            return
        labels = ", ".join(each.label for each in found.told.observations)
        log.info("%s %s: %s %s %s", name, found.counter, fate, found.opened.kind, labels)
