"""The clock that drifts, is lost, jumps both ways, and is set: what the unit makes of it."""

import logging
import struct
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import NOON, ScriptedModem, boot, uplinker_of
from tests.technician import Cable, unit_at
from trapnode.devices import clock as module
from trapnode.devices.clock import RTC_SET_TIME, set_rtc, set_time
from trapnode.errors import DeviceError, LinkUnavailable
from trapnode.keeper import Keeper, Keeping
from trapnode.model import ClockTrust, MessageKind
from trapnode.policy.drift import FAULT_S, Correction, Drift, drift_of, time_wanted
from trapnode.sim.battery import SimBattery, SimThermometer
from trapnode.sim.clock import SteppedClock
from trapnode.store import ram
from trapnode.store.account import read_account
from trapnode.store.corrections import LATEST, corrections
from trapnode.store.energy import Cells, Energy
from trapnode.store.visit import UplinkVisit
from trapnode.words import Stage

DAY = timedelta(days=1)


def set_every(span, ppm, times, start=NOON):
    """Give the corrections of a clock that loses `ppm` and is set now and then."""
    slow = span * ppm / 1e6
    moments = [start + span * each for each in range(times)]
    return [Correction(at - slow, at) for at in moments]


@pytest.mark.parametrize("ppm", [-40.0, -3.5, 2.0, 20.0, 120.0])
@pytest.mark.parametrize("span", [DAY, 7 * DAY, 60 * DAY])
def test_a_drift_is_found_from_two_corrections_on(ppm, span):
    found = drift_of(set_every(span, ppm, 4), NOON + 3 * span)
    assert found.ppm == pytest.approx(ppm, abs=0.1)
    assert found.error_s == 0.0
    later = drift_of(set_every(span, ppm, 4), NOON + 3 * span + 30 * DAY)
    assert later.error_s == pytest.approx(30 * 86_400 * abs(ppm) / 1e6, rel=0.01)


def test_a_clock_that_nobody_set_has_no_drift_and_one_that_was_set_once_a_crystals():
    assert drift_of([], NOON) == Drift(None, None)
    assert Drift(None, None).fault() == ""
    once = drift_of([Correction(NOON.replace(year=1970), NOON)], NOON + 10 * DAY)
    assert once.ppm is None
    assert once.error_s == pytest.approx(17.28)


def test_a_lost_clock_and_a_short_span_are_no_drift():
    lost = Correction(NOON.replace(year=1970), NOON + 31 * DAY)
    soon = Correction(NOON + 31 * DAY, NOON + 31 * DAY + timedelta(hours=1))
    steady = set_every(7 * DAY, 4.0, 4)
    assert drift_of([*steady, lost, soon], NOON + 32 * DAY).ppm == pytest.approx(4.0, abs=0.1)


def test_one_wrong_network_time_moves_the_median_little():
    told = set_every(7 * DAY, 4.0, 6)
    told[3] = Correction(told[3].before, told[3].after + timedelta(seconds=90))
    assert drift_of(told, NOON).ppm == pytest.approx(4.0, abs=0.1)


def test_a_clock_that_may_be_a_minute_wrong_is_a_fault():
    told = set_every(7 * DAY, 20.0, 3)
    last = told[-1].after
    assert drift_of(told, last + timedelta(seconds=(FAULT_S - 1) / 20e-6)).fault() == ""
    found = drift_of(told, last + timedelta(seconds=(FAULT_S + 1) / 20e-6))
    assert found.fault() == "clock: may be wrong by 61 s, nobody has set it for long"


@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(1970, 1, 1), datetime(2105, 1, 1)),
            st.datetimes(datetime(1970, 1, 1), datetime(2105, 1, 1)),
        ),
        max_size=8,
    )
)
def test_no_history_of_a_mad_clock_is_too_mad(told):
    history = [Correction(a.replace(tzinfo=UTC), b.replace(tzinfo=UTC)) for a, b in told]
    found = drift_of(history, NOON)
    assert found.error_s is None or found.error_s >= 0
    assert found.as_snapshot().keys() == {"clock_drift_ppm", "clock_error_s"}


@pytest.mark.parametrize("trust", [ClockTrust.RTC, ClockTrust.NETWORK])
def test_a_trusted_clock_is_compared_with_the_networks_once_a_week_and_its_drift_found(
    store, run, clock, trust
):
    """An RTC that loses 12 ppm: it is trusted all the time, and half a minute wrong in a month."""
    modem, life = ScriptedModem(), boot(store)
    uplinker = uplinker_of(store, run, life, trust=lambda: trust)
    asked = []

    def network_time():
        asked.append(clock.now())
        return true_now()

    def true_now():
        return NOON + timedelta(seconds=clock.monotonic())

    modem.network_time = network_time
    uplinker._commands._set_clock = clock.set_wall
    for _ in range(31 * 4):
        with store.database.transaction():
            store.outbox.tell(MessageKind.STATUS, bytes(36), 2, clock.now())
        uplinker.send_next(modem, clock)
        clock.step(21_600)
        clock.set_wall(clock.now() - timedelta(seconds=21_600 * 12e-6))
    assert len(asked) == 5
    assert abs(clock.now() - true_now()) < timedelta(seconds=8)
    assert drift_of(corrections(store.database), clock.now()).ppm == pytest.approx(12.0, abs=0.1)


def test_a_network_that_tells_no_time_costs_no_message(store, run, clock):
    modem = ScriptedModem()
    modem.network_time = lambda: (_ for _ in ()).throw(LinkUnavailable("no network service"))
    with store.database.transaction():
        store.outbox.tell(MessageKind.STATUS, bytes(36), 2, clock.now())
    uplinker_of(store, run, boot(store)).send_next(modem, clock)
    assert len(modem.accepted) == 1
    assert corrections(store.database) == []


@pytest.mark.parametrize("jump", [-20 * 365 * DAY, -DAY, timedelta(), DAY, 12 * 365 * DAY])
def test_the_time_is_asked_for_while_nobody_trusts_the_clock_and_weekly_after(jump):
    told = [Correction(NOON, NOON)]
    assert time_wanted(False, told, NOON)
    assert time_wanted(True, [], NOON + jump)
    assert time_wanted(True, told, NOON + jump) is (abs(jump) >= 7 * DAY)


def test_corrections_are_rows_and_the_latest_count(store):
    life = boot(store)
    with store.database.transaction():
        for each in set_every(DAY, 8.0, LATEST + 5):
            store.downlinks.note_clock(life.id, 1.0, each.before, each.after, "command")
    found = corrections(store.database)
    assert len(found) == LATEST
    assert found[-1].after == NOON + (LATEST + 4) * DAY
    assert drift_of(found, NOON).ppm == pytest.approx(8.0, abs=0.1)


def test_the_snapshot_tells_of_the_drift(store, run, clock):
    life = boot(store)
    with store.database.transaction():
        for each in set_every(7 * DAY, 30.0, 3, NOON - 60 * DAY):
            store.downlinks.note_clock(life.id, 1.0, each.before, each.after, "iridium")
    keeping = Keeping("AL07", life, (), 2, "")
    Keeper(keeping, store, run, SimBattery(clock.monotonic), SimThermometer()).look(
        clock, ClockTrust.RTC
    )
    told = ram.read_snapshot(run)
    assert (told["clock_drift_ppm"], told["clock_error_s"]) == (30.0, 119.2)
    assert told["faults"] == ["clock: may be wrong by 119 s, nobody has set it for long"]


@pytest.mark.parametrize("jump", [-20 * 365 * DAY, -DAY, -timedelta(hours=1), DAY, 12 * 365 * DAY])
def test_a_jump_of_the_wall_clock_costs_no_energy_and_no_stage(store, run, jump):
    clock = SteppedClock()
    energy = Energy(Cells(gated=True), store, run, boot(store))
    for _ in range(30):
        health = energy.look(clock.now(), clock.monotonic(), ClockTrust.RTC, None, 20.0)
        clock.step(10)
    clock.set_wall(NOON + jump)
    for _ in range(30):
        health = energy.look(clock.now(), clock.monotonic(), ClockTrust.RTC, None, 20.0)
        clock.step(10)
    assert health.used_mwh == pytest.approx(590 * 600 / 3600)
    assert health.stage is Stage.FULL


def test_weeks_without_a_clock_are_charged_but_make_no_day(store, run):
    lost = NOON.replace(year=1970)
    for life in range(20):
        energy = Energy(Cells(gated=True), store, run, boot(store, f"{life}"))
        energy.look(lost, 4.0, ClockTrust.NONE, None, 20.0)
        energy.look(lost, 34.0, ClockTrust.NONE, None, 20.0)
        energy.end(34.0)
    account = read_account(store.state)
    assert account.days == ()
    assert account.used_mwh == pytest.approx(20 * (4 * 790 + 30 * 600) / 3600)


class Kernel:
    """What the kernel was told."""

    def __init__(self, path):
        path.parent.mkdir()
        path.touch()
        self.path, self.told = path, []

    def __call__(self, descriptor, request, data):
        self.told.append((request, struct.unpack("9i", data)[:6]))


@pytest.mark.parametrize(
    ("at", "fields"),
    [
        (NOON, (0, 30, 4, 22, 10, 126)),
        (datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC), (8, 14, 3, 19, 0, 138)),
        (NOON.astimezone(module.UTC), (0, 30, 4, 22, 10, 126)),
    ],
)
def test_the_rtc_is_set_as_the_kernel_wants_it(tmp_path, at, fields):
    kernel = Kernel(tmp_path / "dev" / "rtc0")
    set_rtc(at, kernel.path, kernel)
    assert kernel.told == [(RTC_SET_TIME, fields)]


def test_setting_the_clock_sets_the_rtc_too(tmp_path, monkeypatch):
    kernel, told = Kernel(tmp_path / "dev" / "rtc0"), []
    monkeypatch.setattr(module.set_rtc, "__defaults__", (kernel.path, kernel))
    set_time(NOON, lambda *said: told.append(said), tmp_path)
    assert told == [(module.time.CLOCK_REALTIME, NOON.timestamp())]
    assert kernel.told[0][1] == (0, 30, 4, 22, 10, 126)


@pytest.mark.parametrize("rtc", [True, False])
def test_a_technicians_clock_set_reaches_the_rtc_or_he_hears_that_it_did_not(
    tmp_path, monkeypatch, rtc
):
    kernel, told = Kernel(tmp_path / "dev" / "rtc0"), []
    path = kernel.path if rtc else tmp_path / "dev" / "rtc9"
    monkeypatch.setattr(module, "set_rtc", lambda at, _device: set_rtc(at, path, kernel))
    unit, uplinker = unit_at(tmp_path), UplinkVisit(tmp_path)

    def set_clock(at):
        return set_time(at, lambda *said: told.append(said), tmp_path)

    cable = Cable(unit, lambda: uplinker.answer(None, set_clock, unit.clock.monotonic()))
    answer = cable.ask("clock set 2026-11-22 14:30")
    assert answer[0].startswith("set, UTC: 2026-11-22 04:30:00")
    assert (answer[-1], len(told)) == ("OK", 1)
    assert all(len(line) <= 80 for line in answer)
    assert kernel.told == ([(RTC_SET_TIME, (0, 30, 4, 22, 10, 126))] if rtc else [])
    assert ("the RTC is not set" in " ".join(answer)) is not rtc


def test_without_an_rtc_the_clock_is_set_all_the_same(tmp_path, caplog):
    told = []
    with caplog.at_level(logging.WARNING):
        set_time(NOON, lambda *said: told.append(said), tmp_path)
    assert told
    assert "the RTC is not set" in caplog.text
    with pytest.raises(DeviceError, match="the RTC is not set"):
        set_rtc(NOON, tmp_path / "rtc9")
