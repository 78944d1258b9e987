"""Downlinks: acks that cost little, commands, counters that never come back, carriers."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import NOON
from tests.faults import Power, every_cut
from tests.receiving import IMEI, NEW, OLD, Server, a_desk, a_message, a_unit, rockblock
from trapnode.message import Answer, Outcome, Result, pack_answer
from trapnode.message.downlink import (
    Ack,
    Command,
    Reboot,
    SendPreview,
    SendStatus,
    Set,
    SetTime,
    Setting,
    read_commands,
)
from trapnode.message.sealing import open_downlink, seal
from trapnode.model import MessageKind
from trapnode.receive.database import Database
from trapnode.receive.downlinks import Downlinks
from trapnode.receive.sending import send_due

DAY = timedelta(days=1)


class Folder:
    """A server whose unit has its downlinks laid into a folder; the unit takes them."""

    def __init__(self, tmp_path: Path, **unit: Any) -> None:
        self.path = tmp_path / "down"
        self.unit = a_unit(**unit)
        self.server = Server(tmp_path, a_desk(self.unit, folder=str(self.path)))
        self.last = 0
        self.momsn = 0

    @property
    def downlinks(self) -> Downlinks:
        return Downlinks(self.server.database)

    def hear(self, payload: bytes) -> None:
        self.momsn += 1
        self.server.taken("rockblock", rockblock(payload, self.momsn))

    def send(self, after: timedelta = timedelta(0)) -> int:
        self.server.now += after
        return send_due(self.server.database, self.server.desk, self.server.now)

    def ask(self, command: Command) -> bool:
        return self.downlinks.ask(self.unit, command, self.server.now)

    def taken(self) -> list[tuple[Command, ...]]:
        """Take what lies there, as the unit does: in order, authentic, each once."""
        commands = []
        for path in sorted(self.path.glob("*.hex")):
            assert path.name == f"{IMEI}.{int(path.suffixes[0][1:]):010d}.hex"
            payload = bytes.fromhex(path.read_text("ascii"))
            assert len(payload) <= 50
            self.last, body = open_downlink(payload, NEW, self.last)
            commands.append(read_commands(body))
            path.unlink()
        return commands


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_nothing_is_sent_to_a_unit_that_nobody_heard(folder: Folder) -> None:
    assert folder.ask(SendStatus())
    assert folder.send() == 0
    assert folder.taken() == []


def test_what_arrived_is_acknowledged(folder: Folder) -> None:
    for counter in (1, 2, 4, 9):
        folder.hear(a_message(counter))
    assert folder.send() == 1
    ((ack,),) = folder.taken()
    assert isinstance(ack, Ack)
    assert ack.highest == 9
    assert [each for each in range(1, 10) if ack.arrived(each)] == [1, 2, 4, 9]


def test_a_bare_ack_costs_a_credit_so_it_goes_at_most_once_a_day(folder: Folder) -> None:
    folder.hear(a_message(1))
    assert folder.send() == 1
    folder.hear(a_message(2))
    assert folder.send() == 0
    assert folder.send(DAY - timedelta(seconds=1)) == 0
    assert folder.send(timedelta(seconds=1)) == 1
    assert [each[0].highest for each in folder.taken() if isinstance(each[0], Ack)] == [1, 2]
    assert folder.send(DAY) == 0  # There is nothing new to say.


def test_a_twin_says_that_an_ack_was_lost(folder: Folder) -> None:
    folder.hear(a_message(1))
    folder.send()
    folder.taken()
    folder.hear(a_message(1))
    assert folder.send(DAY) == 1


def test_an_ack_rides_along_with_a_command_for_nothing(folder: Folder) -> None:
    folder.hear(a_message(1))
    folder.send()
    folder.hear(a_message(2))
    folder.ask(SendPreview(7))
    folder.ask(Set(Setting.STATUS_HOUR, 3))
    assert folder.send() == 1
    folder.taken()
    assert folder.send() == 0


def test_commands_go_together_and_what_has_no_room_goes_next(folder: Folder) -> None:
    folder.hear(a_message(1))
    wanted = [SendPreview(each) for each in range(6)]
    for each in wanted:
        folder.ask(each)
    assert folder.send() == 1
    assert folder.send() == 1
    assert folder.send() == 0
    got = [each for body in folder.taken() for each in body if not isinstance(each, Ack)]
    assert got == wanted


def test_a_command_that_waits_already_is_not_asked_twice(folder: Folder) -> None:
    folder.hear(a_message(1))
    assert folder.ask(SendStatus())
    assert not folder.ask(SendStatus())
    folder.send()
    assert folder.ask(SendStatus())


def test_the_time_is_that_of_sending(folder: Folder) -> None:
    folder.hear(a_message(1))
    folder.ask(SetTime(NOON))
    folder.send(DAY)
    (commands,) = folder.taken()
    assert SetTime(NOON + DAY) in commands


def test_what_a_restored_image_told_is_not_acknowledged(folder: Folder) -> None:
    folder.hear(a_message(1))
    folder.hear(a_message(2))
    folder.hear(a_message(2, 99))
    folder.send()
    ((ack,),) = folder.taken()
    assert isinstance(ack, Ack)
    assert (ack.highest, ack.bitmap) == (1, 0)


def test_a_downlink_is_for_the_card_that_was_heard_last(folder: Folder) -> None:
    folder.hear(a_message(500, key=OLD))
    folder.hear(a_message(1, key=NEW))
    folder.send()
    ((ack,),) = folder.taken()
    assert ack == Ack(1, 0)


def test_an_answer_settles_its_downlink(folder: Folder) -> None:
    folder.hear(a_message(1))
    folder.ask(Reboot())
    folder.send()
    folder.taken()
    body = pack_answer(Answer(folder.last, (Outcome(6, Result.APPLIED),)))
    folder.hear(seal(MessageKind.ANSWER, 2, body, NEW))
    row = folder.server.database.row("SELECT state, answer FROM downlink")
    assert row == ("answered", 2)


def test_counters_only_rise_and_a_restored_backup_uses_none_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path, ack_hours=0.0)
    used: list[int] = []
    folder.hear(a_message(1))
    folder.send()
    folder.taken()
    used.append(folder.last)
    backup = (tmp_path / "backup.db", folder.server.database)
    with contextlib.closing(Database(backup[0])) as copy:
        backup[1]._connection.backup(copy._connection)
    for counter in range(2, 6):
        folder.hear(a_message(counter))
        folder.send(timedelta(hours=1))
        folder.taken()
        used.append(folder.last)
    assert used == sorted(set(used))
    restored = Database(backup[0])
    downlinks = Downlinks(restored)
    now = folder.server.now + timedelta(hours=1)
    downlinks.ask(folder.unit, SendStatus(), now)
    downlinks.freeze(folder.unit, now)
    downlink = downlinks.due(folder.unit, now)
    assert downlink is not None
    assert downlink.counter > max(used)
    open_downlink(downlink.payload, NEW, folder.last)
    restored.close()


def test_a_database_begun_anew_uses_no_counter_of_the_lost_one_again(tmp_path: Path) -> None:
    used = []
    for life in ("one", "two"):
        (tmp_path / life).mkdir()
        folder = Folder(tmp_path / life, ack_hours=0.0)
        folder.server.now += timedelta(days=30 * (life == "two"))
        for counter in (1, 2):
            folder.hear(a_message(counter))
            folder.send(timedelta(hours=1))
            folder.taken()
            used.append(folder.last)
    assert used == sorted(set(used))


def test_a_clock_that_goes_back_by_years_holds_no_downlink_back(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.path.write_text("a file, no folder", "ascii")
    folder.hear(a_message(1))
    assert folder.send(timedelta(days=3650)) == 0
    folder.path.unlink()
    assert folder.send(timedelta(days=-3650)) == 1
    folder.hear(a_message(2))
    assert folder.send(timedelta(hours=1)) == 1, "an ack in what was the future is no ack of today"


def test_a_clock_that_ran_far_ahead_does_not_cost_the_link(folder: Folder) -> None:
    folder.hear(a_message(1))
    folder.ask(SendStatus())
    folder.send(timedelta(days=3650))
    assert len(folder.taken()) == 1


def test_a_carrier_that_fails_is_asked_again_with_the_same_bytes(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.path.write_text("a file, no folder", "ascii")
    folder.hear(a_message(1))
    assert folder.send() == 0
    before = folder.server.database.row("SELECT counter, payload, reason FROM downlink")
    assert before is not None
    assert str(folder.path) in str(before[2])
    folder.path.unlink()
    assert folder.send() == 0
    assert folder.send(timedelta(minutes=5)) == 1
    after = folder.server.database.row("SELECT counter, payload FROM downlink")
    assert after == before[:2]


def test_a_power_cut_reuses_no_counter(card: Path) -> None:
    def work(state: Path, power: Power) -> None:
        database = Database(state / "db", power.connect)
        for downlink in run(database, state, power):
            power.told.append(downlink)

    def run(database: Database, state: Path, power: Power) -> Iterator[tuple[int, bytes]]:
        server_desk = a_desk(a_unit())
        downlinks = Downlinks(database)
        hear(database)
        unit = server_desk.units[0]
        for now in (NOON, NOON + DAY):
            downlinks.ask(unit, SendStatus(), now)
            downlinks.freeze(unit, now)
            downlink = downlinks.due(unit, now)
            if downlink is not None:
                downlinks.attempt(downlink, now)
                power.step()
                yield downlink.counter, downlink.payload
                downlinks.sent(downlink, "", now)

    def hear(database: Database) -> None:
        with database.transaction():
            database.run(
                "INSERT OR IGNORE INTO arrival (id, carrier, modem, number, payload, received_at,"
                " fate, unit) VALUES (1, '', '', 1, x'00', ?, 'opened', 'AL07')",
                NOON.isoformat(),
            )
            database.run(
                "INSERT OR IGNORE INTO message VALUES (1, 'AL07', 2, 1, 'status', x'00', 0)"
            )

    def check(state: Path, power: Power) -> None:
        told = list(power.told)
        life = Power()
        database = Database(state / "db", life.connect)
        told += run(database, state, life)
        by_counter: dict[int, set[bytes]] = {}
        for counter, payload in told:
            by_counter.setdefault(counter, set()).add(payload)
        assert all(len(payloads) == 1 for payloads in by_counter.values())
        life.end()

    assert every_cut(card, None, work, check, seeds=range(1)) > 15
