"""A gated unit switches itself off: an edge, or a power cut, at every single step of it.

Every operation on a file in RAM, every wire and register, systemd's look and each tenth of a
second of the halt is a step. Whatever the step at which the PIR rises, the station of this life
takes the edge, or the board wakes the unit for it.
"""

import os
import shutil
from collections import deque
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fakes import BOOT, NOON
from tests.faults import FailingDisk, Power, PowerCut
from trapnode.devices.board import LatchBoard, Pi5Board, WittyBoard
from trapnode.gate import AGAIN_S, ORDERED_S, Gate, Gating
from trapnode.model import ClockTrust, WakeReason
from trapnode.policy.power import Awake
from trapnode.sim.board import Machine, SimLatch, SimWakealarm, SimWitty
from trapnode.sim.clock import SteppedClock
from trapnode.store import consent
from trapnode.store.account import read_account
from trapnode.store.energy import Cells, Energy
from trapnode.store.watched import WatchedPir
from trapnode.words import Stage

LINGER_S = 2.0
GATING = Gating(linger_s=LINGER_S, linger_target_s=60.0, status_hour=2, radio=False)
HALT_S = 1.0  # From systemd's last look to TXD low: `poweroff -ff` (assumed).
LONG_S, SHORT_S = 3.0, 0.05  # Pulses of a PIR: as wiring.md asks, and as it forbids.
BOARDS = ("latch", "wittypi4", "pi5")
MOST_STEPS = 400


class Pin:
    """A PIR's output that is high for a while after each rise."""

    def __init__(self, clock, machine):
        self._clock, self._machine = clock, machine
        self._until_s = -1.0
        self._edges = deque()
        self._readable, self._writable = os.pipe()

    def rise(self, pulse_s):
        self._until_s = self._clock.monotonic() + pulse_s
        self._edges.append(self._clock.monotonic())
        self._machine.rise()

    def look(self):
        """Fall once the pulse is over."""
        self._machine.pir = self._clock.monotonic() < self._until_s

    @property
    def active(self):
        self.look()
        return self._machine.pir

    def edges(self):
        return [self._edges.popleft() for _ in range(len(self._edges))]

    def fileno(self):
        return self._readable

    def close(self):
        os.close(self._readable)
        os.close(self._writable)


class Card(NamedTuple):
    """All that the account needs of a store."""

    state: Path
    disk: FailingDisk


class Life:
    """One life of a gated unit, from its first event to the cut."""

    def __init__(
        self, folder, kind, *, edge=None, cut=None, pulse_s=LONG_S, lazy=False, state=None
    ):
        self.edge, self.cut, self.pulse_s, self.lazy = edge, cut, pulse_s, lazy
        self.run, self.state = folder / "run", state or folder / "state"
        self.run.mkdir(parents=True)
        self.state.mkdir(exist_ok=True)
        self.clock, self.steps, self.captured, self.log = SteppedClock(), 0, [], []
        self.machine = Machine(self.step)
        self.pin = Pin(self.clock, self.machine)
        self.alarm = SimWakealarm(self.machine)
        self.witty = SimWitty(self.machine, NOON)
        self.kind, self.halting, self.in_station = kind, False, False
        self.card = Card(self.state, Power().disk)
        self.pir = WatchedPir(self.pin, self.run, self.clock, woke=True)

    def board(self):
        def order():
            consent.order_power_off(self.run)

        def wait(seconds):
            self.clock.step(seconds)
            self.pin.look()

        if self.kind == "latch":
            return LatchBoard(SimLatch(self.machine), self.alarm, wait, lambda: None)
        if self.kind == "pi5":
            return Pi5Board(self.alarm, order)
        return WittyBoard(self.witty, self.witty, order, self.clock.now, wait)

    def step(self, what):
        self.steps += 1
        self.log.append(what)
        if self.steps == self.cut:
            raise PowerCut(what)
        self.pin.look()
        if self.steps == self.edge:
            self.pin.rise(self.pulse_s)
            if self.kind == "wittypi4" and not self.machine.powered:
                self.witty.click()
            late = self.halting or what in ("done rises", "cut")  # For a picture to be saved.
            if not (self.lazy or self.in_station or late):
                self.station()

    def station(self):
        self.in_station = True
        self.captured += self.pir.edges()
        if self.pir.active:
            self.captured.append(self.clock.monotonic())
        self.in_station = False

    def systemd(self):
        """Power the machine off as trapnode-poweroff.service does: one look, then the halt."""
        self.step("systemd looks")
        if not (self.run / consent.CONSENT).exists():
            (self.run / consent.ORDER).unlink(missing_ok=True)
            return
        self.halting = True
        for _ in range(round(HALT_S * 10)):
            self.step("halting")
            self.clock.step(0.1)
            self.witty.pass_s(0.1)
        self.pin.look()
        if self.kind == "pi5":
            self.machine.cut()
            self.machine.wake(WakeReason.PIR) if self.machine.pir else None
            return
        self.witty.halted()
        while self.machine.powered:
            self.step("cut delay")
            self.clock.step(0.1)
            self.pin.look()
            self.witty.pass_s(0.1)
            if self.machine.woken_by is WakeReason.PIR and self.halting:
                return

    def live(self):
        """Live until the power goes; give the gate."""
        energy = Energy(Cells(gated=True), self.card, self.run, BOOT)
        gate = Gate(self.board(), self.run, GATING)
        gate.begin(self.clock.now(), 0)
        for turn in range(MOST_STEPS):
            now_s = self.clock.monotonic()
            if not self.lazy or turn % 7 == 0:
                self.station()
            energy.look(self.clock.now(), now_s, ClockTrust.RTC, None, None)
            awake = Awake(now_s, True, max(self.captured, default=0.0), False, 0, True, 0)
            wait_s = gate.look(
                awake, Stage.FULL, self.clock.now(), 0, lambda at, s=now_s: energy.end(s, at)
            )
            if not self.machine.powered or self.halting:
                return gate
            self.clock.step(wait_s)
            if (self.run / consent.ORDER).exists():
                self.systemd()
            if not self.machine.powered or self.halting:
                return gate
        raise AssertionError(f"still awake: {gate.awake_because}")

    def end(self):
        self.pir.close()
        self.pin.close()


@pytest.fixture
def live(tmp_path, monkeypatch):
    """Live a life in a fresh folder, every file in RAM a step; ended after the test."""
    lives = []
    for name in ("replace", "_remove"):
        real = getattr(consent, name)

        def stepping(*arguments, real=real, name=name):
            lives[-1].step(f"before {name} {arguments[0].name}")
            real(*arguments)
            lives[-1].step(f"after {name} {arguments[0].name}")

        monkeypatch.setattr(consent, name, stepping)

    def live(kind, **how):
        folder = tmp_path / f"{len(lives)}"
        life = Life.__new__(Life)
        lives.append(life)
        life.steps, life.log, life.cut, life.edge = 0, [], None, None
        life.__init__(folder, kind, **how)
        return life

    yield live
    for life in lives:
        life.cut = life.edge = None
    for life in lives:
        life.end()
        shutil.rmtree(life.run.parent, ignore_errors=True)


@pytest.mark.parametrize("kind", BOARDS)
def test_a_unit_lingers_and_then_switches_off_with_its_alarm_set(live, kind):
    life = live(kind)
    life.live()
    assert not life.machine.powered
    assert LINGER_S <= life.clock.monotonic() < LINGER_S + 5.0
    if kind == "wittypi4":
        assert [life.witty.registers[each] for each in (30, 29, 28, 27)] == [0x23, 0x02, 0x00, 0x30]
    else:
        assert timedelta(hours=21) < life.alarm.set_for < timedelta(hours=22)
    assert read_account(life.state).used_mwh > 0


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("kind", BOARDS)
def test_an_edge_at_any_step_is_taken_or_wakes_the_unit(live, kind, lazy):
    steps = 0
    for edge in range(1, MOST_STEPS):
        life = live(kind, edge=edge, lazy=lazy)
        before = life.clock.monotonic()
        life.live()
        if life.steps < edge:
            break
        steps += 1
        taken = [moment for moment in life.captured if moment > before]
        woken = life.machine.powered and life.machine.woken_by is WakeReason.PIR
        assert taken or woken or edge_was_at_boot(life), (edge, life.log[edge - 1])
    assert steps >= 15


def edge_was_at_boot(life):
    """An edge in the moment of the boot is the boot's own."""
    return len(life.captured) >= 2


@pytest.mark.parametrize("kind", ["wittypi4", "pi5"])
def test_the_twin_bites_a_pulse_shorter_than_the_halt_is_lost(live, kind):
    lost = []
    for edge in range(1, 60):
        life = live(kind, edge=edge, pulse_s=SHORT_S)
        life.live()
        if life.steps >= edge and not life.machine.powered and len(life.captured) == 1:
            lost.append(life.log[edge - 1])
    assert set(lost) <= {"halting", "cut delay", "cut", "systemd looks"}
    assert lost


def test_a_latch_loses_not_even_a_short_pulse_that_the_station_can_see(live):
    """The station lives to the very cut: only what rises with the done pin is the latch's."""
    for edge in range(1, 40):
        life = live("latch", edge=edge, pulse_s=SHORT_S)
        life.live()
        if life.steps < edge or life.log[edge - 1] in ("cut", "done rises"):
            continue
        assert len(life.captured) >= 2, life.log[edge - 1]


@pytest.mark.parametrize("kind", BOARDS)
def test_a_power_cut_at_any_step_leaves_a_unit_that_begins_anew(live, tmp_path, kind):
    steps = 0
    for cut in range(1, MOST_STEPS):
        life = live(kind, cut=cut)
        try:
            life.live()
            break
        except PowerCut:
            steps += 1
        assert read_account(life.state).used_mwh >= 0
        again = live(kind, state=life.state)  # What was in RAM is gone.
        again.live()
        assert not again.machine.powered
    assert steps >= 15


@pytest.mark.parametrize("kind", BOARDS)
def test_the_alarm_is_set_before_anything_can_brown_out(live, kind):
    life = live(kind)
    Gate(life.board(), life.run, GATING).begin(NOON, 0)
    assert life.alarm.set_for or life.witty.registers[30]


@pytest.mark.parametrize("year", [1970, 2026, 2038])
def test_an_alarm_is_set_anew_when_somebody_sets_the_clock(live, year):
    """It was set by the hours of 1970; with the RTC at today it would come next month, or never."""
    life, board = live("latch"), Dead()
    gate = Gate(board, life.run, GATING)
    gate.begin(life.clock.now(), 0)
    awake = Awake(0.0, True, 0.0, False, 0, True, 0, busy=("a technician",))
    for second in range(20):
        if second == 10:
            life.clock.set_wall(NOON.replace(year=year, hour=23))
        now = life.clock.now()
        gate.look(replace(awake, now_s=life.clock.monotonic()), Stage.FULL, now, 0, lambda at: None)
        life.clock.step(1.0)
    assert [round(wait.total_seconds() / 3600) for wait in board.alarms] == [22, 3]


class Dead:
    """A board that does nothing, or says why it cannot."""

    def __init__(self, error=None):
        self.offs, self.alarms, self._error = 0, [], error

    def set_alarm(self, wait):
        self.alarms.append(wait)
        if self._error:
            raise self._error

    def off(self):
        self.offs += 1
        if self._error:
            raise self._error


def run_on(gate, life, seconds):
    end_s = life.clock.monotonic() + seconds
    while life.clock.monotonic() < end_s:
        life.station()
        awake = Awake(life.clock.monotonic(), True, 0.0, False, 0, True, 0)
        life.clock.step(gate.look(awake, Stage.FULL, life.clock.now(), 0, lambda at: None))


def test_a_board_that_holds_the_power_is_a_fault_and_is_asked_again_in_a_minute(live):
    life, board = live("latch"), Dead()
    gate = Gate(board, life.run, GATING)
    run_on(gate, life, LINGER_S + ORDERED_S + 5)
    assert board.offs == 1
    assert gate.fault == "power: switched off in vain, the board holds the power"
    assert consent.asked(life.run) is None
    run_on(gate, life, AGAIN_S)
    assert board.offs == 2


def test_a_board_that_fails_is_named_and_the_unit_goes_on(live):
    from trapnode.errors import DeviceError

    life, board = live("latch"), Dead(DeviceError("no device at 0x8"))
    gate = Gate(board, life.run, GATING)
    gate.begin(NOON, 0)
    assert gate.fault == "power: no alarm: no device at 0x8"
    run_on(gate, life, 20)
    assert gate.fault == "power: cannot switch off: no device at 0x8"
    assert consent.asked(life.run) is None


def test_an_old_consent_is_none_to_a_new_ask(live):
    life = live("latch")
    consent.consent(life.run, 1)
    gate = Gate(life.board(), life.run, GATING)  # Of the keeper that systemd started anew.
    assert not consent.consented(life.run, 1)
    life.pir.edges()
    life.live()
    assert not life.machine.powered
    assert gate.fault == ""


def test_who_holds_the_unit_keeps_it_awake_until_then(live):
    life = live("latch")
    consent.hold(life.run, "technician", 100.0)
    assert consent.holders(life.run, 99.9) == ["technician"]
    assert consent.holders(life.run, 100.0) == []
    (life.run / "broken.awake").write_text("{}")
    assert consent.holders(life.run, 0.0) == ["technician"]


def test_the_radio_is_asked_once_all_is_sorted_and_its_word_is_waited_for(live):
    life = live("latch")
    gate = Gate(life.board(), life.run, Gating(15.0, 60.0, 2, radio=True))
    consent.note_rest(life.run, 5.0)  # From before the event was sorted.
    run_on(gate, life, 30)
    assert (life.machine.powered, gate.awake_because) == (True, "the radio is at work")
    consent.note_rest(life.run, life.clock.monotonic())
    run_on(gate, life, 1)
    assert not life.machine.powered


def test_a_hung_uplinker_does_not_eat_the_battery(live):
    life = live("latch")
    gate = Gate(life.board(), life.run, Gating(15.0, 60.0, 2, radio=True))
    run_on(gate, life, 500)
    assert not life.machine.powered
