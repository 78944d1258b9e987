"""The demo's desk without a server: what the gateway got is opened, and an ack goes back."""

import json
from pathlib import Path

import pytest

from tests.fakes import NOON
from tests.receiving import NEW, a_message
from trapnode.cli.office import Office
from trapnode.cli.papers import ORIGIN
from trapnode.cli.reckoning import reckon_desk
from trapnode.message.downlink import Ack, read_commands
from trapnode.message.sealing import open_downlink
from trapnode.receive.database import Database
from trapnode.sim.modem import IMEI
from trapnode.sim.rui3 import DEV_EUI
from trapnode.sim.world import World
from trapnode.store.store import Store


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.create(tmp_path / "world", ORIGIN, 60.0, "demo-boot")


def deliver(world: World, *counters: int, end: str = "\n") -> None:
    with world.gateway.open("a", encoding="ascii") as lines:
        for counter in counters:
            told = {"at": NOON.isoformat(), "imei": IMEI, "momsn": counter}
            lines.write(json.dumps(told | {"hex": a_message(counter).hex()}) + end)


def test_without_a_server_the_same_is_done_in_this_process(tmp_path: Path, world: World) -> None:
    office = Office(tmp_path, world, NEW)
    office.carry()
    deliver(world, 1, 2)
    deliver(world, 3, end="")  # The gateway still writes this line.
    office.carry()
    office.carry()
    database = Database(office.database)
    assert database.rows("SELECT id FROM observation ORDER BY id") == [(1,), (2,)]
    database.close()
    (downlink,) = world.mailbox.iterdir()
    _, body = open_downlink(bytes.fromhex(downlink.read_text("ascii")), NEW, 0)
    assert read_commands(body) == (Ack(2, 1),)


def test_over_lorawan_the_carrier_is_the_things_stack(tmp_path: Path) -> None:
    world = World.create(tmp_path / "world", ORIGIN, 60.0, "demo-boot", radio="lorawan")
    told = {"at": NOON.isoformat(), "dev_eui": DEV_EUI, "port": 2, "hex": a_message(1).hex()}
    world.gateway.write_text(json.dumps(told) + "\n", "ascii")
    office = Office(tmp_path, world, NEW)
    office.carry()
    database = Database(office.database)
    assert database.rows("SELECT carrier, fate FROM arrival") == [("tts", "opened")]
    database.close()


def test_the_reckoning_with_the_desk_bites(tmp_path: Path, world: World, store: Store) -> None:
    office = Office(tmp_path, world, NEW)
    deliver(world, 1)
    office.carry()
    said, wrong = reckon_desk(store, office.database)
    assert wrong == ["the desk has observation 1 as leopard, the store as None"]
    assert "disagree" in said
