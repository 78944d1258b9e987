"""A card restored from an image: what its worn counters told is refused, and told anew."""

import shutil
from datetime import timedelta

import pytest

from tests.fakes import (
    KEY,
    NOON,
    ScriptedModem,
    an_observation,
    boot,
    commands_of,
    counter_of,
    uplinker_of,
)
from tests.fakes import downlink as sealed
from tests.faults import Power, every_cut
from tests.test_receive_downlinks import Folder
from tests.test_uplinker import send_all
from trapnode.message import pack_observation
from trapnode.message.downlink import Ack
from trapnode.model import MessageKind
from trapnode.receive.units import Card
from trapnode.sim.clock import SteppedClock
from trapnode.store.ceiling import BLOCK
from trapnode.store.store import DATABASE, open_store

HOURS = timedelta(hours=7)


class Desk(Folder):
    """A desk that hears the card and answers it."""

    def __init__(self, path):
        super().__init__(path, cards=(Card(KEY, False),))

    def acks(self):
        """Give what it sends down by now, as bytes."""
        self.send(HOURS)
        paths = sorted(self.path.glob("*.hex"))
        found = [bytes.fromhex(path.read_text("ascii")) for path in paths]
        for path in paths:
            path.unlink()
        return found

    def knows(self, life):
        """Give the leopards of a life that it has."""
        at = f"{NOON + timedelta(days=life):%Y-%m-%d}%"
        sql = (
            "SELECT id FROM observation WHERE label = 'leopard' AND observed_at LIKE ? ORDER BY id"
        )
        return [number for (number,) in self.server.database.rows(sql, at)]


class Life:
    """One life of a card, between two images."""

    def __init__(self, state, run, number):
        self.number = number
        self.store, self.clock = open_store(state), SteppedClock()
        life = boot(self.store, f"kernel {number}")
        self.uplinker = uplinker_of(self.store, run, life)
        self.commands = commands_of(self.store, run, life)
        self.counters = []

    def see(self, *numbers):
        at = NOON + timedelta(days=self.number)
        for each in numbers:
            seen = pack_observation(an_observation(each, "leopard", observed_at=at))
            self._tell(MessageKind.OBSERVATIONS, seen, 0)

    def talk(self, desk):
        """Send what is due, one message each, and obey what comes down."""
        self._tell(MessageKind.STATUS, bytes(36), 2)
        modem = ScriptedModem()
        send_all(self.uplinker, modem, self.clock)
        for payload in modem.accepted:
            self.counters.append(counter_of(payload))
            desk.hear(payload)
        for payload in desk.acks():
            self.commands.obey(payload, self.clock)
        self.clock.step(HOURS.total_seconds())

    def _tell(self, kind, body, priority):
        with self.store.database.transaction():
            self.store.outbox.tell(kind, body, priority, self.clock.now())


@pytest.mark.parametrize(
    ("before", "after"), [(20, 1), (20, 6), (3, 6), (2, 2)], ids=["far", "on", "past", "even"]
)
def test_every_leopard_of_both_lives_is_told(tmp_path, run, before, after):
    """`before` messages went after the image was made, `after` since it came back."""
    desk, state, image = Desk(tmp_path), tmp_path / "state", tmp_path / "image"
    first = Life(state, run, 1)
    first.see(1, 2)
    first.talk(desk)
    first.store.close()
    shutil.copytree(state, image)
    first = Life(state, run, 1)
    for number in range(before):
        first.see(3 + number)
        first.talk(desk)
    first.store.close()
    shutil.rmtree(state)
    image.rename(state)
    second = Life(state, run, 2)
    for number in range(after):
        second.see(3 + number)
    for _ in range(12):
        second.talk(desk)
    second.store.close()
    assert desk.knows(1) == list(range(1, 3 + before))
    assert desk.knows(2) == list(range(3, 3 + after))


def test_an_ack_of_what_a_lost_database_forgot_changes_nothing(state, run, clock):
    life = Life(state, run, 1)
    life.see(1, 2, 3)
    send_all(life.uplinker, ScriptedModem(), clock)
    life.store.close()
    (state / DATABASE).write_bytes(b"garbage" * 999)
    again = Life(state, run, 2)
    coming = again.store.outbox.next_counter()
    again.see(1)
    again.commands.obey(sealed(1, Ack(3, 7)), clock)
    assert again.store.outbox.next_counter() == coming
    assert len(again.store.outbox.waiting()) == 1
    again.store.close()


def test_a_replayed_ack_of_an_earlier_life_only_raises_the_counter(state, run, clock):
    life = Life(state, run, 2)
    life.see(1, 2)
    send_all(life.uplinker, ScriptedModem(), clock)
    for counter, highest in ((1, 40), (2, 30), (3, 40 + BLOCK)):
        before = life.store.outbox.next_counter()
        life.commands.obey(sealed(counter, Ack(highest, (1 << 64) - 1)), clock)
        assert life.store.outbox.next_counter() >= max(before, 41 + BLOCK)
        assert {report.observation for report in life.store.outbox.waiting()} == {None}
        assert len(life.store.outbox.waiting()) == 2, "none of them counts as arrived"
    life.store.close()


def test_a_cut_anywhere_uses_no_counter_of_before_once_it_was_heard(card, run):
    ack = sealed(1, Ack(500, 0))

    def counters(store, run):
        life = boot(store, "kernel")
        modem = ScriptedModem()
        with store.database.transaction():
            store.outbox.tell(MessageKind.STATUS, bytes(36), 2, NOON)
        send_all(uplinker_of(store, run, life), modem, SteppedClock())
        return [counter_of(payload) for payload in modem.given]

    def work(state, power):
        store = power.open(state)
        counters(store, run)
        commands_of(store, run, boot(store, "kernel")).obey(ack, SteppedClock())
        power.told.append("heard")

    def check(state, cut):
        if not cut.told:
            return
        (state / DATABASE).write_bytes(b"garbage" * 999)
        store = Power().open(state)
        assert min(counters(store, run)) > 500
        store.close()

    assert every_cut(card, None, work, check, seeds=range(1)) > 20
