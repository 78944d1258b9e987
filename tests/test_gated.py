"""A gated unit as its processes live it: who woke it, what keeps it awake, when it lets go."""

import contextlib
import itertools
import json
from datetime import timedelta
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from tests.fakes import (
    BLANK,
    LEOPARD,
    NOON,
    After,
    NumberedCamera,
    ScriptedClassifier,
    boot,
    sort_all,
    sorter_of,
    station_of,
    take,
)
from tests.test_processes import config, end, start, watch
from trapnode.cli import power as module
from trapnode.cli.metered import MeteredCamera
from trapnode.cli.process import Process
from trapnode.config import parse
from trapnode.devices.pins import is_high
from trapnode.devices.power import LinuxPower
from trapnode.errors import DeviceError
from trapnode.gate import Gate, Gating
from trapnode.keeper import Keeper, Keeping
from trapnode.loop import Stop
from trapnode.model import CardCause, ClockTrust, WakeReason
from trapnode.sim.battery import SimBattery, SimThermometer
from trapnode.sim.clock import SteppedClock
from trapnode.sim.pir import ScriptedPir
from trapnode.sim.world import World
from trapnode.store import consent, ram
from trapnode.store.account import Account, read_account, write_account
from trapnode.store.busy import Busy, read_busy
from trapnode.store.disk import RealDisk
from trapnode.store.energy import Cells
from trapnode.store.remarks import visit
from trapnode.store.watched import WatchedPir
from trapnode.words import StickState

GATED = Cells(gated=True)


class Board:
    def __init__(self):
        self.alarms, self.offs = [], 0

    def set_alarm(self, wait):
        self.alarms.append(wait)

    def off(self):
        self.offs += 1


@pytest.fixture
def unit(store, run, clock):
    """A keeper with a gate, and a station whose PIR sees nothing."""

    class Unit:
        board = Board()
        gate = Gate(board, run, Gating(15.0, 60.0, 2, radio=False))
        pir = WatchedPir(ScriptedPir(clock.monotonic, []), run, clock)
        keeper = Keeper(
            Keeping("AL07", boot(store), (), 2, "", cells=GATED),
            *(store, run, SimBattery(clock.monotonic), SimThermometer(-20.0), gate),
        )

        def off_within(self, seconds):
            """Say after how many seconds the unit let go, None: it did not."""
            began_s = clock.monotonic()
            while clock.monotonic() - began_s < seconds:
                self.pir.edges()
                wait_s = self.keeper.look(clock, ClockTrust.RTC)
                if self.board.offs:
                    return clock.monotonic() - began_s
                clock.step(wait_s)
            return None

    yield Unit()
    Unit.pir.close()


def judged(store, run, clock, script):
    take(store, run, clock)
    sort_all(sorter_of(store, run, lambda: ScriptedClassifier(itertools.repeat(script))), clock)


def test_a_unit_that_nothing_happened_to_switches_off_soon(unit, store):
    assert unit.off_within(60) < 16.5
    assert unit.board.alarms == [timedelta(hours=4)]  # Its own status report waits.
    account = read_account(store.state)
    assert account.ended
    assert account.alarm_at.startswith("2026-11-22T08:30")


def test_a_blank_is_lingered_after_and_a_leopard_longer(unit, store, run, clock):
    judged(store, run, clock, BLANK)
    assert unit.off_within(60) is not None
    unit.board.offs = 0
    judged(store, run, clock, LEOPARD)
    lingers = unit.off_within(120)
    assert 35.0 < lingers < 62.0  # `take` lets 20 s pass after the trigger.


def test_what_is_not_sorted_keeps_the_unit_awake_unless_nobody_can_sort(unit, store, run, clock):
    take(store, run, clock)
    assert unit.off_within(60) is None
    assert unit.gate.awake_because == "1 unsorted"
    ram.write_set(run, "none")
    assert unit.off_within(60) is not None


def test_people_sticks_and_pictures_in_ram_keep_the_unit_awake(unit, store, run, clock):
    clock.step(100)
    visit(run, clock.monotonic())
    assert unit.off_within(30) is None
    assert unit.gate.awake_because == "a technician is here"
    clock.step(600)
    ram.write_stick(run, StickState.COPYING, "copying", Path("/mnt"))
    assert unit.off_within(30) is None
    assert unit.gate.awake_because == "a stick is written"
    ram.write_stick(run, StickState.DONE, "done", Path("/mnt"))
    consent.hold(run, "update", clock.monotonic() + 10)
    assert unit.off_within(5) is None
    assert unit.gate.awake_because == "update"
    assert unit.off_within(60) is not None


def test_pictures_that_only_ram_has_keep_the_unit_awake(unit, store, run, clock):
    take(store, run, clock)
    ram.write_set(run, "none")
    ram.fail_card(run, ram.Failure(CardCause.IO_ERROR, "gone", clock.monotonic()))
    assert unit.off_within(60) is None
    assert unit.gate.awake_because == "pictures are in RAM only"


def test_a_console_that_never_starts_keeps_no_unit_awake(store, run, clock):
    gate = Gate(Board(), run, Gating(15.0, 60.0, 2, radio=False))
    keeping = Keeping("AL07", boot(store), ("station", "sorter", "console"), 2, "", cells=GATED)
    twins = SimBattery(clock.monotonic), SimThermometer(-20.0)
    keeper = Keeper(keeping, store, run, *twins, gate)
    keeper.look(clock, ClockTrust.RTC)
    assert gate.awake_because == "still starting"
    for process in ("station", "sorter"):
        ram.beat(run, process, clock.monotonic())
    keeper.look(clock, ClockTrust.RTC)
    assert gate.awake_because == "lingers for 15 s"


def test_a_station_that_hangs_for_good_gets_its_power_cut(unit, store, run, clock):
    unit.pir.edges = lambda: []  # It never answers.
    ram.beat(run, "station", clock.monotonic())
    assert unit.off_within(280) is None
    assert consent.asked(run) is not None
    assert unit.off_within(60) is not None


def test_a_station_whose_camera_never_opens_eats_no_battery(unit):
    """It ends before its first sign of life, again and again, and consents to nothing."""
    unit.pir.edges = lambda: []
    assert unit.off_within(280) is None
    assert unit.off_within(60) is not None


def test_without_a_board_a_station_that_hangs_reboots_the_unit_but_not_twice_an_hour(
    store, run, clock
):
    keeping = Keeping("AL07", boot(store), (), 2, "")
    keeper = Keeper(keeping, store, run, SimBattery(clock.monotonic), SimThermometer())
    ram.beat(run, "station", clock.monotonic())
    clock.step(3_599)
    keeper.look(clock, ClockTrust.RTC)
    assert not (run / "reboot").exists()
    clock.step(1)
    keeper.look(clock, ClockTrust.RTC)
    assert (run / "reboot").exists()


def test_the_snapshot_says_why_the_unit_is_awake(unit, run, clock):
    for _ in range(2):
        unit.keeper.look(clock, ClockTrust.RTC)
    assert ram.read_snapshot(run)["awake_because"] == "lingers for 15 s"


def test_a_boot_that_was_the_trigger_is_the_first_edge(run, clock):
    pir = WatchedPir(ScriptedPir(clock.monotonic, [(5, 1)]), run, clock, woke=True)
    clock.step(4)
    assert pir.edges() == [0.0]
    assert pir.edges() == []
    clock.step(1)
    assert (pir.edges(), pir.next_s(), pir.active) == ([5.0], None, True)
    pir.close()


def test_a_boots_burst_is_owed_until_the_station_asks_for_the_next_edge(store, run, clock):
    """A camera that fails at once ends the station; the next one makes the burst of the boot."""

    class Failing(NumberedCamera):
        def shoot(self):
            raise DeviceError("camera gave no frame")

    consent.note_wake(run, WakeReason.PIR, owed=True)

    def live(camera):
        pir = WatchedPir(ScriptedPir(clock.monotonic, []), run, clock, woke=consent.is_owed(run))
        with contextlib.closing(pir), contextlib.suppress(DeviceError):
            stop = After(lambda: clock.monotonic() > 60)
            station_of(store, run, boot(store)).run(pir, camera, clock, stop, lambda fault: None)

    live(Failing(clock))
    assert consent.is_owed(run)
    live(NumberedCamera(clock))
    assert not consent.is_owed(run)
    live(NumberedCamera(clock))
    assert len(list(store.sequences.all())) == 1


def test_motion_without_an_edge_is_no_consent_either(run, clock):
    pir = WatchedPir(ScriptedPir(clock.monotonic, [(0, 9)]), run, clock)
    consent.ask(run, 1)
    assert pir.edges() == []
    assert not consent.consented(run, 1)
    clock.step(9)
    pir.edges()
    assert consent.consented(run, 1)
    pir.close()
    assert not consent.consented(run, 1)  # Nobody watches any more.


def test_the_first_frame_comes_before_all_else_and_is_not_lost(run, clock):
    eye = NumberedCamera(clock)
    camera = MeteredCamera(eye, Busy(run, "camera", clock.monotonic), clock.monotonic)
    camera.prime()
    assert eye.taken == 1
    first, second = camera.shoot(), camera.shoot()
    assert (eye.taken, first.captured_at < second.captured_at) == (2, True)
    camera.tell()
    assert read_busy(run, "camera").seconds == pytest.approx(0.2)


def a_process(run, text, world=None):
    clock = SteppedClock()
    parsed = parse(f'[paths]\nstate = "{run}"\nrun = "{run}"\n{text}')
    return Process(parsed, "", world, clock, clock.trust, run, Stop(), lambda fault: None, [], {})


@pytest.fixture
def pins(monkeypatch):
    factory = MockFactory()
    monkeypatch.setattr(Device, "pin_factory", factory)
    yield factory
    factory.reset()


LATCH = (
    '[power]\nprofile = "gated"\nboard = "latch"\nwake_alarm_pin = 23\nwake_technician_pin = 24\n'
)


@pytest.mark.parametrize(
    ("high", "reason", "trigger"),
    [
        ((), WakeReason.PIR, True),
        ((23,), WakeReason.ALARM, False),
        ((24,), WakeReason.TECHNICIAN, False),
        ((23, 24), WakeReason.ALARM, False),
    ],
)
def test_a_latch_tells_by_its_wires_who_set_it(run, pins, high, reason, trigger):
    class Driven(type(pins.pin(23))):
        def _set_pull(self, value):
            level = self.state
            super()._set_pull(value)
            self._change_state(level)

    for number in (23, 24):
        pins.pin(number).__class__ = Driven
    for number in high:
        pins.pin(number).drive_high()
    own = a_process(run, LATCH)
    assert module.woken(own) is trigger
    assert consent.read_wake(run) is reason
    assert module.woken(own) is trigger, "a camera that failed: nobody made the burst yet"
    consent.settle(run)
    assert module.woken(own) is False  # A station that was started anew.


def test_a_latch_that_cannot_be_read_makes_the_boot_a_trigger(run, pins, monkeypatch):
    def broken(number):
        raise DeviceError(f"GPIO{number} cannot be read")

    monkeypatch.setattr("trapnode.devices.pins.is_high", broken)
    assert module.woken(a_process(run, LATCH)) is True
    assert consent.read_wake(run) is WakeReason.POWER_ON


def test_a_pin_that_does_not_exist_is_a_device_error(pins):
    with pytest.raises(DeviceError, match="GPIO99 cannot be read"):
        is_high(99)


@pytest.mark.parametrize(
    ("late", "reason"),
    [
        (timedelta(), WakeReason.ALARM),
        (timedelta(seconds=-2), WakeReason.ALARM),
        (timedelta(minutes=2), WakeReason.ALARM),
        (timedelta(minutes=9), WakeReason.PIR),
        (timedelta(minutes=-2), WakeReason.PIR),  # No alarm comes early: an animal just before it.
    ],
)
def test_a_pi_5_was_woken_by_its_alarm_if_it_woke_then(run, late, reason):
    alarm = Account(alarm_at=(NOON - late).isoformat())
    write_account(RealDisk(), run, alarm)
    own = a_process(run, '[power]\nprofile = "gated"\nboard = "pi5"\n')
    assert module.woken(own) is (reason is WakeReason.PIR)
    assert consent.read_wake(run) is reason


@pytest.mark.parametrize("text", ["", LATCH])
@pytest.mark.parametrize(
    ("account", "ordered"),
    [
        (Account(boot=3), False),
        (Account(boot=3, ended=True), True),
        (Account(), True),  # The reboot at the end of an installation.
    ],
)
def test_a_reset_is_the_watchdogs_unless_the_life_before_ended_by_our_will(
    run, pins, monkeypatch, tmp_path, text, account, ordered
):
    (tmp_path / "rsts").write_bytes((0x20).to_bytes(4, "big"))
    machine = LinuxPower(tmp_path / "none", tmp_path / "rsts")
    monkeypatch.setattr("trapnode.devices.power.LinuxPower", lambda: machine)
    write_account(RealDisk(), run, account)
    assert module.woken(a_process(run, text)) is (bool(text) and ordered)
    assert (consent.read_wake(run) is WakeReason.WATCHDOG) is not ordered


def test_an_always_on_unit_has_no_gate_and_no_boot_is_a_trigger(run):
    own = a_process(run, "")
    assert module.woken(own) is False
    assert module.gate_of(own, own.config, None) is None
    assert consent.read_wake(run) in (WakeReason.POWER_ON, WakeReason.WATCHDOG)
    module.await_wake(own)
    assert own.clock.monotonic() == 0.0


def test_the_keeper_waits_a_moment_for_the_stations_word_and_not_for_ever(run):
    own = a_process(run, LATCH)
    module.await_wake(own)
    assert own.clock.monotonic() == pytest.approx(module.WAKE_KNOWN_S, abs=0.2)
    consent.note_wake(run, WakeReason.PIR)
    before = own.clock.monotonic()
    module.await_wake(own)
    assert own.clock.monotonic() == before


def test_the_real_processes_of_a_gated_world_let_go_of_the_power(tmp_path):
    world = World.create(tmp_path / "world", NOON, 20.0, "boot")
    gated = '[power]\nprofile = "gated"\nboard = "latch"\nlinger_s = 5\n'
    written = config(world, gated)
    written.write_text(written.read_text() + '\n[sorter]\nmodel = "none"\n')
    text = written.read_text().replace("[modem]\n", '[modem]\nkind = "none"\n')
    written.write_text(text)
    names = ("station", "sorter", "uplinker", "console", "keeper")
    processes = [start(name, world, written) for name in names]
    for _ in watch(processes[-1]):
        told = world.folder / "power.json"
        if told.exists() and "off_s" in json.loads(told.read_text() or "{}"):
            break
    for process in processes:
        assert end(process)["code"] == 0
    assert json.loads(told.read_text())["alarm_s"] > 0
    assert read_account(tmp_path / "store").ended
