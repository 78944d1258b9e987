"""The receiving end of a season: webhooks late, doubled and out of order; acks; strangers."""

import heapq
import random
import sqlite3
from pathlib import Path

from tests.soak.link import World
from trapnode.message.downlink import Command, SendPreview, SendStatus, Set, Setting
from trapnode.message.sealing import CardKey
from trapnode.receive.database import Database, connect
from trapnode.receive.deliveries import Carrier, Delivery
from trapnode.receive.downlinks import Downlinks
from trapnode.receive.inbox import Fate, Inbox
from trapnode.receive.opening import Opening
from trapnode.receive.units import Card, Desk, Unit

ACK_HOURS = 6.0
SETTINGS = (
    (Setting.STATUS_HOUR, 0, 23),
    (Setting.BATCH_S, 0, 43_200),
    (Setting.CREDITS_DAY, 20, 400),
    (Setting.MOST_AN_HOUR, 100, 10_000),
    (Setting.BURST_FRAMES, -3, 99),  # Some out of range.
)


def in_ram(path: Path) -> sqlite3.Connection:
    """Open the desk's file without a sync: no power goes here."""
    connection = connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    return connection


class SeasonDesk:
    """Receives over carriers that do as carriers do."""

    def __init__(self, folder: Path, world: World, modem: str, dice: random.Random) -> None:
        self._world, self._dice, self._modem = world, dice, modem
        self.database = Database(folder / "receive.db", in_ram)
        self._inbox, self._opening = Inbox(self.database), Opening(self.database)
        self._downlinks = Downlinks(self.database)
        self._on_the_way: list[tuple[float, int, Delivery]] = []
        self._heard: list[bytes] = []
        self.keys: list[CardKey] = []
        self.forged = self.webhooks = 0
        self.downlinks_go = True
        self._carrier = Carrier.TTS if len(modem) == 16 else Carrier.ROCKBLOCK

    def hand_over(self, number: int, payload: bytes) -> None:
        """Take what the network got: it comes to the desk later, perhaps twice."""
        self._heard.append(payload)
        for _ in range(1 + (self._dice.random() < 0.1)):
            late_s = self._dice.choice((1.0, 5.0, 60.0, 3600.0 if self._dice.random() < 0.1 else 2))
            self._later(late_s, number, payload)

    def look(self, queue) -> None:  # type: ignore[no-untyped-def]
        """Take what has come by now, and send what is due to the network's `queue`."""
        while self._on_the_way and self._on_the_way[0][0] <= self._world.now_s:
            self._take(heapq.heappop(self._on_the_way)[2])
        if not self.downlinks_go:
            return
        unit, now = self.unit, self._world.now()
        self._downlinks.freeze(unit, now)
        due = self._downlinks.due(unit, now)
        if due is None:
            return
        self._downlinks.attempt(due, now)
        queue(due.payload)  # The carrier has it,
        if self._dice.random() < 0.1:
            self._downlinks.failed(due, "its answer was lost", for_good=False)  # and goes twice.
        else:
            self._downlinks.sent(due, "", now)

    def command(self, sequences: int) -> None:
        """Ask the unit for something, as people do."""
        setting, least, most = self._dice.choice(SETTINGS)
        asked: tuple[Command, ...] = (
            SendStatus(),
            Set(setting, self._dice.randint(least, most)),
            SendPreview(self._dice.randint(1, max(1, sequences)), 0, 0),
        )
        self._downlinks.ask(self.unit, self._dice.choice(asked), self._world.now())

    def forge(self) -> None:
        """Send what nobody sealed: noise, other bits in something heard, something heard again."""
        dice = self._dice
        payload = dice.choice(self._heard) if self._heard else b""
        match dice.randrange(3):
            case 0:
                payload = dice.randbytes(dice.randint(1, 60))
            case 1 if payload:
                bit = dice.randrange(8 * len(payload))
                flipped = bytearray(payload)
                flipped[bit // 8] ^= 1 << bit % 8
                payload = bytes(flipped)
        if payload:
            self.forged += 1
            self._later(1.0, dice.randrange(65_536), payload)

    @property
    def unit(self) -> Unit:
        """Give the unit as the desk knows it, its newest card first."""
        cards = tuple(Card(each, False) for each in reversed(self.keys))
        return Unit("SOAK", self._modem, "folder", "", ACK_HOURS, cards)

    def is_quiet(self) -> bool:
        """Say whether nothing is on its way to the desk."""
        return not self._on_the_way

    def fates(self) -> dict[str, int]:
        """Count arrivals by what became of them."""
        rows = self.database.rows("SELECT fate, count(*) FROM arrival GROUP BY fate")
        return {str(Fate(str(fate))): int(str(count)) for fate, count in rows}

    def _later(self, late_s: float, number: int, payload: bytes) -> None:
        self.webhooks += 1
        at_s = self._world.now_s + late_s
        heapq.heappush(self._on_the_way, (at_s, self.webhooks, self._delivery(number, payload)))

    def _delivery(self, number: int, payload: bytes) -> Delivery:
        return Delivery(self._carrier, self._modem, payload, number, self._world.now())

    def _take(self, delivery: Delivery) -> None:
        unit, now = self.unit, self._world.now()
        identity = self._inbox.take(delivery, unit.name, now)
        if identity is not None:
            self._opening.open(self._inbox.one(identity), Desk((unit,)), now)
