"""Opening: twins, order, restored images, revoked cards, keys that come later, power cuts."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from tests.fakes import NOON
from tests.faults import Power, every_cut
from tests.receiving import (
    DEV_EUI,
    FORGED,
    IMEI,
    LORA,
    NEW,
    OLD,
    Server,
    a_desk,
    a_message,
    a_unit,
    rockblock,
    tts,
)
from trapnode.errors import StoreError
from trapnode.message.sealing import seal, seal_card_failed
from trapnode.model import MessageKind
from trapnode.receive.database import Database
from trapnode.receive.deliveries import Carrier, Delivery
from trapnode.receive.inbox import Fate, Inbox
from trapnode.receive.opening import Opening
from trapnode.receive.units import Card, Desk

FAILED = bytes.fromhex("65a1b2c30100020001")


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def alarms(server: Server) -> list[str]:
    return [str(row[0]) for row in server.database.rows("SELECT told FROM alarm ORDER BY id")]


def test_the_same_message_in_another_session_is_a_twin(server: Server) -> None:
    for momsn in (1, 2, 3):
        server.taken("rockblock", rockblock(a_message(5), momsn))
    assert server.fates() == ["opened", "twin", "twin"]
    assert server.observed() == [5]


def test_an_observation_told_again_in_other_company_is_told_once(server: Server) -> None:
    server.taken("rockblock", rockblock(a_message(5, 41, 42), 1))
    server.taken("rockblock", rockblock(a_message(6, 42, 43), 2))
    assert server.fates() == ["opened", "opened"]
    assert server.observed() == [41, 42, 43]


def test_the_same_ids_of_another_card_are_other_observations(server: Server) -> None:
    server.taken("rockblock", rockblock(a_message(5, 41, key=OLD), 1))
    server.taken("rockblock", rockblock(a_message(5, 41, key=NEW), 2))
    assert server.fates() == ["opened", "opened"]
    assert server.observed() == [41, 41]


@settings(max_examples=25)
@given(
    order=some.permutations([*range(1, 9), *range(1, 9), 70, 65_600, 65_700, 131_000]),
)
def test_any_order_and_any_twins_come_to_the_same(
    order: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    database = Database(tmp_path_factory.mktemp("order") / "db")
    inbox, opening, desk = Inbox(database), Opening(database), a_desk()
    for number, counter in enumerate(sorted(order, key=lambda each: each // 60_000)):
        delivery = Delivery(Carrier.ROCKBLOCK, IMEI, a_message(counter), number, None)
        arrival = inbox.take(delivery, "AL07", NOON)
        assert arrival is not None
        opening.open(inbox.one(arrival), desk, NOON)
    rows = database.rows("SELECT counter FROM message ORDER BY counter")
    assert [row[0] for row in rows] == sorted(set(order))
    database.close()


def test_a_restored_image_is_refused_and_alarmed(server: Server) -> None:
    server.taken("rockblock", rockblock(a_message(5, 41), 1))
    server.taken("rockblock", rockblock(a_message(5, 99), 2))
    assert server.fates() == ["opened", "restored"]
    assert server.observed() == [41]
    (told,) = alarms(server)
    assert "card 2 told two things under counter 5" in told


def test_a_revoked_card_is_refused_and_told(tmp_path: Path) -> None:
    unit = a_unit(cards=(Card(NEW, False), Card(OLD, True)))
    server = Server(tmp_path, a_desk(unit))
    server.taken("rockblock", rockblock(a_message(5, key=OLD), 1))
    server.taken("rockblock", rockblock(a_message(5, key=NEW), 2))
    assert server.fates() == ["revoked", "opened"]
    assert alarms(server) == ["revoked card 1 is on the air"]


def test_an_unknown_modem_is_kept_until_somebody_writes_it_down(tmp_path: Path) -> None:
    server = Server(tmp_path, Desk())
    server.taken("rockblock", rockblock(a_message(5), 1))
    assert server.fates() == ["unknown"]
    server.desk = a_desk()
    assert Opening(server.database).open_all(server.desk, NOON) == 1
    assert server.fates() == ["opened"]
    assert server.observed() == [5]


def test_a_key_that_comes_later_opens_what_waits(tmp_path: Path) -> None:
    server = Server(tmp_path, a_desk(a_unit(cards=(Card(OLD, False),))))
    for counter in (1, 2):
        server.taken("rockblock", rockblock(a_message(counter, key=NEW), counter))
    assert server.fates() == ["waiting", "waiting"]
    assert Opening(server.database).open_all(server.desk, NOON) == 0
    server.desk = a_desk()
    assert Opening(server.database).open_all(server.desk, NOON) == 2
    assert server.observed() == [1, 2]


def test_two_processes_that_open_the_same_arrival_agree(tmp_path: Path) -> None:
    server = Server(tmp_path, Desk())
    server.taken("rockblock", rockblock(a_message(1)))
    (arrival,) = Inbox(server.database).unopened()
    assert Opening(server.database).open(arrival, a_desk(), NOON) is Fate.OPENED
    assert Opening(server.database).open(arrival, a_desk(), NOON) is Fate.OPENED
    assert server.fates() == ["opened"]


def test_what_stays_shut_is_not_written_again_at_every_start(tmp_path: Path) -> None:
    server = Server(tmp_path, Desk())
    server.taken("rockblock", rockblock(a_message(1)))
    before = server.database.path.with_name("receive.db-wal").read_bytes()
    assert Opening(server.database).open_all(Desk(), NOON) == 0
    assert server.database.path.with_name("receive.db-wal").read_bytes() == before


def test_a_message_of_a_later_version_waits(server: Server) -> None:
    later = seal(MessageKind.STATUS, 5, b"a longer status of a newer trapnode", NEW)
    server.taken("rockblock", rockblock(later))
    assert server.fates() == ["waiting"]
    row = server.database.row("SELECT reason FROM arrival")
    assert row is not None
    assert str(row[0]).startswith("card 2: status of 35 bytes")


def test_forged_and_damaged_messages_tell_nothing(server: Server) -> None:
    good = a_message(5)
    forged = [a_message(5, key=FORGED), a_message(5, key=LORA)]
    flipped = [
        good[:at] + bytes([good[at] ^ 1 << bit]) + good[at + 1 :]
        for at, bit in itertools.product(range(len(good)), (0, 7))
    ]
    cut = [good[:end] for end in range(1, len(good))]
    for number, each in enumerate([*forged, *flipped, *cut], 1):
        server.taken("rockblock", rockblock(each, number))
    assert set(server.fates()) == {"waiting"}
    assert server.observed() == []


def test_the_word_that_the_card_failed_has_no_counter_and_its_own_twins(server: Server) -> None:
    first = seal_card_failed(FAILED, b"\x00\x05abcdef", NEW)
    second = seal_card_failed(FAILED, b"\x00\x05fedcba", NEW)
    server.taken("rockblock", rockblock(a_message(5), 1))
    for number, each in enumerate([first, second, first], 2):
        server.taken("rockblock", rockblock(each, number))
    assert server.fates() == ["opened", "opened", "opened", "twin"]


def test_a_key_opens_only_what_came_by_its_units_modem(server: Server) -> None:
    server.taken("tts", tts(a_message(5, key=NEW)))
    assert server.fates() == ["waiting"]
    assert DEV_EUI != IMEI


def test_strangers_cannot_fill_the_disk(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trapnode.receive.inbox.MAX_UNKNOWN", 3)
    answers = [
        server.post("rockblock", rockblock(b"1", each, modem="300234010753399")).status_code
        for each in range(5)
    ]
    assert answers == [200, 200, 200, 503, 503]
    server.taken("rockblock", rockblock(a_message(5)))
    assert server.observed() == [5]


def webhooks() -> Iterator[Delivery]:
    for number, payload in enumerate([a_message(1), a_message(2), a_message(1), a_message(2, 9)]):
        yield Delivery(Carrier.ROCKBLOCK, IMEI, payload, number, None)


def test_a_power_cut_loses_nothing_that_was_answered(card: Path) -> None:
    def work(folder: Path, power: Power) -> None:
        database = Database(folder / "db", power.connect)
        inbox, opening = Inbox(database), Opening(database)
        for delivery in webhooks():
            arrival = inbox.take(delivery, "AL07", NOON)
            power.told.append(delivery.payload)  # The carrier has its 200.
            assert arrival is not None
            opening.open(inbox.one(arrival), a_desk(), NOON)

    def check(folder: Path, power: Power) -> None:
        database = Database(folder / "db")
        inbox = Inbox(database)
        kept = [row[0] for row in database.rows("SELECT payload FROM arrival ORDER BY id")]
        assert kept[: len(power.told)] == power.told
        for delivery in webhooks():  # Whoever had no 200 sends again, and so may others.
            inbox.take(delivery, "AL07", NOON + timedelta(hours=1))
        Opening(database).open_all(a_desk(), NOON)
        fates = [row[0] for row in database.rows("SELECT fate FROM arrival ORDER BY id")]
        assert fates == [Fate.OPENED, Fate.OPENED, Fate.TWIN, Fate.RESTORED]
        assert database.number("SELECT count(*) FROM message") == 2
        assert database.number("SELECT count(*) FROM alarm") == 1
        assert database.number("SELECT count(*) FROM observation") == 2
        database.close()

    assert every_cut(card, None, work, check, seeds=range(1)) > 20


def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    database = Database(tmp_path / "db")
    with database.transaction():
        database.run("PRAGMA user_version=99")
    database.close()
    with pytest.raises(StoreError, match="schema 99, but this trapnode knows up to 1"):
        Database(tmp_path / "db")


def test_others_may_read_while_it_writes(server: Server) -> None:
    reader = Database(server.database.path)
    with server.database.transaction():
        server.database.run("INSERT INTO alarm (at, unit, told) VALUES ('', 'AL07', '')")
        assert reader.number("SELECT count(*) FROM alarm") == 0
    assert reader.number("SELECT count(*) FROM alarm") == 1
    reader.close()
