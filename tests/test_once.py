"""`trapnode uplinker --once`: what a person beside the unit sees of one round."""

import random
import select
import threading
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
from modem_bench import Order
from wires import Cable

from tests.fakes import NOON, an_observation
from trapnode.cli import main
from trapnode.message import pack_observation
from trapnode.model import ClockTrust, MessageKind, MessageState
from trapnode.sim.air import Air
from trapnode.sim.gateway import Faults, Gateway, Plan
from trapnode.sim.modem import IMEI, SbdTwin
from trapnode.sim.pty import serve
from trapnode.sim.rui3 import Rui3Twin
from trapnode.sim.world import World
from trapnode.store.ram import beat
from trapnode.store.store import open_store

START = datetime(2026, 11, 22, 3, tzinfo=UTC)


class Unit:
    """A unit's configuration and card, and a modem's twin in the same world."""

    def __init__(self, folder) -> None:
        self.world = World.create(folder / "world", START, 60.0, "b")
        self.state, self.config = folder / "store", folder / "config.toml"
        self.gateway = Gateway(random.Random(1))
        self.twin = SbdTwin(self.gateway, rng=random.Random(1))
        self.port(self.world.modem)

    def port(self, port, more="") -> None:
        self.config.write_text(
            f'[modem]\nport = "{port}"\n{more}'
            f'[paths]\nstate = "{self.state}"\nrun = "{self.world.folder}"\n'
        )

    def once(self) -> int:
        return main(
            ["uplinker", "--once", "--config", str(self.config), "--twins", str(self.world.folder)]
        )

    def tell(self, *labels) -> None:
        with closing(open_store(self.state)) as store, store.database.transaction():
            for number, label in enumerate(labels, 1):
                body = pack_observation(an_observation(number, label))
                store.outbox.tell(MessageKind.OBSERVATIONS, body, label != "leopard", NOON)

    def messages(self):
        with closing(open_store(self.state)) as store:
            return [(each.state, each.payload) for each in store.outbox.messages()]

    @property
    def received(self) -> list[bytes]:
        return [each.payload for each in self.gateway.received]


@contextmanager
def served(unit):
    order = Order()
    place = unit.twin, unit.world.clock(), unit.world.modem, order
    thread = threading.Thread(target=serve, args=place)
    thread.start()
    while not unit.world.modem.exists():
        select.select([], [], [], 0.001)
    yield
    order.give()
    thread.join(5)
    order.close()


@pytest.fixture
def unit(tmp_path):
    unit = Unit(tmp_path)
    with served(unit):
        yield unit


def test_a_fresh_unit_tells_its_status_report(unit, capsys):
    assert unit.once() == 0
    asked, *said = capsys.readouterr().out.splitlines()
    assert asked == f"asking the modem on {unit.world.modem} ..."
    assert said[0].startswith(f"Iridium modem {IMEI}, signal 4 of 5, network time 2026-11-22 00:")
    assert said[1] == "status report: put in"
    assert said[2].startswith(f"message 1, status, {len(unit.received[0])} bytes: delivered, ")
    assert said[3].startswith("waits: 0 messages")
    assert unit.messages() == [(MessageState.ACCEPTED, unit.received[0])]
    assert unit.once() == 0
    assert "nothing was due" in capsys.readouterr().out
    assert len(unit.gateway.received) == 1


def test_a_round_shows_the_networks_time_and_sets_no_clock(unit, monkeypatch, caplog):
    monkeypatch.setattr("trapnode.sim.clock.FastClock.trust", lambda _: ClockTrust.NONE)
    assert unit.once() == 0
    assert "clock" not in caplog.text
    assert "time" not in caplog.text


def test_the_most_valuable_goes_first_and_a_downlink_comes_along(unit, capsys):
    unit.tell("boar", "deer", "leopard")
    unit.twin.queue_downlink(b"hello")
    assert unit.once() == 0
    said = capsys.readouterr().out.splitlines()
    assert ["observations" in line for line in said[2:] if line.startswith("message")] == [
        True,
        False,
    ]
    assert "downlink of 5 bytes; 0 more wait" in said


def test_a_keeper_at_work_makes_its_own_status_report(unit, capsys):
    beat(unit.world.folder, "keeper", unit.world.clock().monotonic())
    assert unit.once() == 0
    assert "nothing was due" in capsys.readouterr().out
    assert unit.received == []


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (Plan(32, arrives=False), "MO status 32: no network service"),
        (Plan(16, arrives=False), "MO status 16: modem locked"),
        (Plan(14, arrives=False), "MO status 14: gateway: invalid segment size"),
    ],
)
def test_what_did_not_go_is_one_clear_line_and_stays(unit, capsys, plan, says):
    unit.gateway.plans.extend([plan] * 2)
    assert unit.once() == 1
    out, error = capsys.readouterr()
    assert error.splitlines()[-1].startswith(f"trapnode uplinker: {says}")
    assert says in out
    assert len(unit.messages()) == 1


def test_a_person_who_asks_again_need_not_wait(unit):
    unit.gateway.plans.append(Plan(36, arrives=False))
    assert unit.once() == 1
    assert unit.once() == 0
    assert len(unit.received) == 1


def test_a_modem_that_is_not_there_is_one_clear_line(unit, capsys):
    unit.port(unit.state.parent / "nothing")
    assert unit.once() == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("trapnode uplinker: modem on ")
    assert "nothing" in error


def test_a_modem_that_says_nothing_is_one_clear_line(unit, capsys):
    unit.twin.set(False)  # Its sleep line is low.
    assert unit.once() == 1
    assert capsys.readouterr().err.strip().endswith("no answer to AT")


def test_a_wrong_configuration_is_told_to_the_person(unit, capsys):
    unit.port(unit.world.modem, "speed = 9600\n")
    assert unit.once() == 78
    assert "unknown field `speed`" in capsys.readouterr().err


def test_a_unit_without_a_modem_has_nothing_to_do(unit, capsys):
    unit.port(unit.world.modem, 'kind = "none"\n')
    assert unit.once() == 0
    assert "nothing is told" in capsys.readouterr().out


LORAWAN = """\
kind = "lorawan"
region = "CN470"
dev_eui = "ac1f09fffe000001"
app_eui = "0000000000000001"
app_key = "00112233445566778899aabbccddeeff"
confirmed = true
"""


@pytest.fixture
def lorawan(tmp_path):
    unit = Unit(tmp_path)
    unit.twin = Rui3Twin(Air(random.Random(1)))
    with served(unit):
        unit.port(unit.world.modem, LORAWAN)
        yield unit


def test_a_round_over_lorawan(lorawan, capsys):
    lorawan.tell("leopard")
    assert lorawan.once() == 0 or lorawan.once() == 0
    asked, about, *said = capsys.readouterr().out.splitlines()
    assert "modem on" in asked
    assert about == "LoRaWAN module AC1F09FFFE000001, CN470, not joined yet, DR1 carries 23 bytes"
    assert said[1].startswith("message 1, observations, ")
    assert "delivered" in said[1]
    assert len(lorawan.twin.air.received) == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"drop": 0.004},
        {"dup": 0.004},
        {"flip": 0.004},
        {"drop": 0.001, "dup": 0.001, "flip": 0.001, "hangup_after": 300},
        {"hangup_after": 700},
        {"hangup_after": 900},
    ],
)
def test_over_a_bad_cable_everything_arrives_and_nothing_is_called_delivered_that_did_not(
    unit, tmp_path, fault
):
    unit.tell("leopard", "boar")
    unit.port(tmp_path / "cable")
    unit.gateway.faults = Faults(fails=0.1, loses_reply=0.1, browns_out=0.1)
    with Cable(tmp_path / "cable", unit.world.modem, seed=5, **fault) as cable:
        for _ in range(12):
            code = unit.once()
            states = [state for state, _ in unit.messages()]
            for state, payload in unit.messages():
                assert state is not MessageState.ACCEPTED or payload in unit.received
            if code == 0 and states == [MessageState.ACCEPTED] * 2:
                break
        else:
            pytest.fail(f"not all delivered: {states}")
    assert cable.hurt or cable.hangups
