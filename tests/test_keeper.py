"""What a technician sees, and what is told once a day."""

import shutil
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes import NOON, After, boot, take
from trapnode.errors import StoreError
from trapnode.keeper import STALE_S, Keeper, Keeping
from trapnode.message import Faults, read_body
from trapnode.model import CardState, ClockTrust, MessageKind, WakeReason
from trapnode.sim.battery import SimBattery, SimThermometer
from trapnode.sim.clock import SteppedClock
from trapnode.store import health, ram
from trapnode.store.database import text
from trapnode.store.doorbell import UPLINKER, Doorbell
from trapnode.store.entries import begin_boot
from trapnode.store.store import open_store
from trapnode.store.tally import tally
from trapnode.words import Stage

PROCESSES = ("station", "sorter", "uplinker", "console")


class NoGauge:
    fault = "battery gauge: not found"

    def millivolts(self) -> None:
        return None


@pytest.fixture
def make(store, run, clock):
    def keeper(processes=(), config_fault="", battery=None, celsius=-31.4, rate=1.0) -> Keeper:
        keeping = Keeping("AL07", boot(store), processes, 2, config_fault, rate)
        gauge = battery or SimBattery(clock.monotonic)
        return Keeper(keeping, store, run, gauge, SimThermometer(celsius))

    return keeper


def faults_after(keeper, run, clock):
    keeper.look(clock, ClockTrust.RTC)
    snapshot = ram.read_snapshot(run)
    assert snapshot is not None
    return snapshot["faults"]


def status_of(store):
    (report,) = store.outbox.waiting()
    return read_body(MessageKind.STATUS, report.body).status


def test_the_snapshot_tells_the_unit(make, store, run, clock):
    take(store, run, clock)
    make().look(clock, ClockTrust.RTC)
    snapshot = ram.read_snapshot(run)
    assert snapshot is not None
    assert (snapshot["unit"], snapshot["sequences"], snapshot["unsorted"]) == ("AL07", 1, 1)
    assert snapshot["temperature_c"] == -31.4
    assert snapshot["battery_mv"] == 10_800
    assert snapshot["clock_trust"] == "rtc"
    assert snapshot["faults"] == []


def test_a_unit_tells_its_status_at_once_and_then_once_a_day(make, store, run, clock):
    bell = Doorbell(run, UPLINKER)
    keeper = make()
    keeper.look(clock, ClockTrust.RTC)
    assert bell.answered()
    told = {store.outbox.last_status()}
    for _ in range(6 * 48):
        clock.step(600)
        keeper.look(clock, ClockTrust.RTC)
        told.add(store.outbox.last_status())
    assert len(told) == 3
    assert len(store.outbox.waiting()) == 1
    bell.close()


def test_every_days_status_stays_for_the_dump_though_only_the_latest_waits(make, store, clock):
    keeper = make()
    for _ in range(3):
        keeper.look(clock, ClockTrust.RTC)
        clock.step(86_400)
    assert [each.at for each in health.statuses(store.database)] == [
        NOON + timedelta(days=day) for day in range(3)
    ]


def test_of_the_health_of_years_the_newest_stays(store, monkeypatch):
    monkeypatch.setattr("trapnode.store.health.MOST", 3)
    for day in range(5):
        with store.database.transaction():
            health.note(store.database, NOON + timedelta(days=day), b"body")
    kept = store.database.rows("SELECT at FROM health ORDER BY id")
    assert [at for (at,) in kept] == [text(NOON + timedelta(days=day)) for day in (2, 3, 4)]


def test_the_status_report_says_what_the_snapshot_says(make, store, clock):
    make().look(clock, ClockTrust.NETWORK)
    status = status_of(store)
    assert status is not None
    assert (status.at, status.battery_mv, status.temperature_c) == (NOON, 10_800, -31)
    assert (status.boots, status.clock_trust) == (1, ClockTrust.NETWORK)
    assert status.faults == Faults(0)


def test_brown_outs_and_resets_go_up_to_the_snapshot_and_the_message(make, store, run, clock):
    for life, reason in enumerate((WakeReason.PIR, WakeReason.PIR, WakeReason.WATCHDOG)):
        lived = begin_boot(store.database, f"{life}", clock.now(), reason, ClockTrust.RTC)
        keeping = Keeping("AL07", lived, (), 2, "")
        gauge = SimBattery(clock.monotonic)
        keeper = Keeper(keeping, store, run, gauge, SimThermometer(-31.4))
        keeper.look(clock, ClockTrust.RTC)
        clock.step(3600)
        keeper.look(clock, ClockTrust.RTC)
        clock.step(86_400)
    snapshot = ram.read_snapshot(run)
    assert snapshot is not None
    assert (snapshot["power_lost"], snapshot["watchdog_resets"]) == (1, 1)
    status = status_of(store)
    assert status is not None
    assert (status.power_lost, status.watchdog_resets) == (1, 1)
    assert (status.wake_reason, status.stage) == (WakeReason.WATCHDOG, Stage.FULL)


def test_a_unit_without_gauges_says_so_and_goes_on(make, store, run, clock):
    make(battery=NoGauge(), celsius=None).look(clock, ClockTrust.RTC)
    snapshot = ram.read_snapshot(run)
    assert snapshot is not None
    assert snapshot["faults"] == ["battery gauge: not found"]
    status = status_of(store)
    assert status is not None
    assert (status.battery_mv, status.temperature_c) == (None, None)


def test_processes_that_are_missing_silent_or_faulty_are_named(make, store, run, clock):
    keeper = make(processes=PROCESSES)
    keeper.look(clock, ClockTrust.RTC)
    ram.beat(run, "station", clock.monotonic())
    clock.step(STALE_S["station"] + 1)
    ram.beat(run, "sorter", clock.monotonic(), "no classifier")
    ram.beat(run, "console", clock.monotonic())
    keeper.look(clock, ClockTrust.RTC)
    snapshot = ram.read_snapshot(run)
    assert snapshot is not None
    assert snapshot["faults"] == [
        "station: silent for 61 s",
        "sorter: no classifier",
        "uplinker: never started",
    ]
    status = status_of(store)
    assert status is not None
    assert status.faults == Faults.STATION | Faults.SORTER | Faults.UPLINKER


@pytest.mark.parametrize(("process", "limit_s"), STALE_S.items())
@pytest.mark.parametrize("rate", [1.0, 60.0])
def test_a_process_may_be_silent_for_as_long_as_its_longest_work(
    make, run, clock, process, limit_s, rate
):
    keeper = make(processes=(process,), rate=rate)
    ram.beat(run, process, clock.monotonic())
    clock.step(limit_s * rate)
    assert faults_after(keeper, run, clock) == []
    clock.step(1)
    assert faults_after(keeper, run, clock) == [f"{process}: silent for {limit_s * rate + 1:.0f} s"]


def test_those_that_start_with_the_keeper_are_no_fault(make, store, run, clock):
    keeper = make(processes=PROCESSES)
    clock.step(7_000)  # The keeper's own life counts, not the boot's.
    for process in PROCESSES:
        assert faults_after(keeper, run, clock) == []
        assert store.outbox.waiting() == []
        ram.beat(run, process, clock.monotonic())
        clock.step(10)
    assert faults_after(keeper, run, clock) == []
    status = status_of(store)
    assert status is not None
    assert status.faults == Faults(0)


def test_one_that_never_starts_holds_the_status_report_up_for_a_minute(make, store, run, clock):
    keeper = make(processes=("station",))
    assert faults_after(keeper, run, clock) == []
    clock.step(59)
    assert faults_after(keeper, run, clock) == []
    assert store.outbox.waiting() == []
    clock.step(1)
    assert faults_after(keeper, run, clock) == ["station: never started"]
    status = status_of(store)
    assert status is not None
    assert status.faults == Faults.STATION


def test_messages_in_vain_parked_messages_and_lost_frames_are_faults(
    make, store, run, clock, monkeypatch
):
    found = replace(tally(store), stuck=3, stuck_reason="no network", parked=1, lost_frames=2)
    monkeypatch.setattr("trapnode.keeper.tally", lambda _: found)
    assert faults_after(make(), run, clock) == [
        "radio: 3 messages tried in vain, last: no network",
        "radio: 1 message parked",
        "card: 2 frames lost",
    ]
    status = status_of(store)
    assert status is not None
    assert status.faults == Faults.UPLINKER | Faults.CARD


def test_the_card_is_counted_only_after_a_change(make, store, run, clock, monkeypatch):
    counted = []

    def counting(store):
        counted.append(tally(store))
        return counted[-1]

    monkeypatch.setattr("trapnode.keeper.tally", counting)
    keeper = make()
    for _ in range(5):  # The first round's own report makes the second count.
        keeper.look(clock, ClockTrust.RTC)
        clock.step(10)
    assert [each.waiting for each in counted] == [0, 1]
    other = open_store(store.state)
    take(other, run, clock)
    other.close()
    for _ in range(3):
        keeper.look(clock, ClockTrust.RTC)
    assert [each.sequences for each in counted] == [0, 0, 1]


def test_clock_card_and_configuration_faults_are_told(make, store, run, clock, monkeypatch):
    monkeypatch.setattr(type(store), "card_space", lambda _: (30 << 20, 4 << 30))
    make(config_fault="broken; running on built-in defaults").look(clock, ClockTrust.NONE)
    status = status_of(store)
    assert status is not None
    assert status.faults == Faults.CONFIG | Faults.CARD | Faults.CLOCK
    snapshot = ram.read_snapshot(run)
    assert snapshot is not None
    faults = snapshot["faults"]
    assert isinstance(faults, list)
    assert faults[0] == "configuration: broken; running on built-in defaults"
    assert faults[1] == "card: full, 30 MiB free, and nothing more may go"
    assert faults[2] == "clock: not set, it says 2026-11-22 04:30Z"


def test_the_status_report_tells_of_the_card(make, store, run, clock, monkeypatch):
    take(store, run, clock, bursts=2)
    store.eviction.free(1)
    for process, syncs in (("station", 9), ("sorter", 4)):
        ram.beat(run, process, clock.monotonic(), "", syncs)
    monkeypatch.setattr("trapnode.store.upkeep.written_bytes", lambda _: 10 << 20)
    clock.step(7_200 - clock.monotonic())
    make().look(clock, ClockTrust.RTC)
    status = status_of(store)
    assert status is not None
    assert (status.card, status.evicted, status.evicted_audit) == (CardState.OK, 1, 0)
    assert (status.written_mib, status.syncs) == (120, 7)
    snapshot = ram.read_snapshot(run)
    assert snapshot is not None
    assert (snapshot["card_state"], snapshot["syncs_per_event"]) == ("ok", 7)


def test_a_card_that_drops_writes_is_in_the_report_of_the_same_day(
    make, store, run, clock, monkeypatch
):
    monkeypatch.setattr("trapnode.store.upkeep.probe", lambda *_: "card: failing")
    make().look(clock, ClockTrust.RTC)
    status = status_of(store)
    assert status is not None
    assert (status.card, status.faults) == (CardState.FAILING, Faults.CARD)


def test_a_card_that_is_gone_ends_the_keeper(make, store, state, clock):
    shutil.rmtree(state)
    with pytest.raises(StoreError):
        make().look(clock, ClockTrust.RTC)
    with pytest.raises(StoreError, match="state"):
        store.card_space()


def test_the_loop_looks_until_told_to_stop(make, run, clock):
    looks: list[str] = []
    keeper = make()
    keeper.run(clock, lambda: ClockTrust.RTC, After(lambda: len(looks) >= 3), looks.append)
    assert len(looks) == 3
    assert clock.monotonic() == 30.0


def test_a_full_run_folder_stops_no_status_report(store, tmp_path, clock):
    keeping = Keeping("AL07", boot(store), (), 2, "")
    keeper = Keeper(
        keeping, store, tmp_path / "none", SimBattery(clock.monotonic), SimThermometer()
    )
    keeper.look(clock, ClockTrust.RTC)
    assert len(store.outbox.waiting()) == 1


@pytest.mark.parametrize("year", [1970, 2016, 2038, 2105])
def test_a_mad_clock_stops_no_status_report(make, store, year):
    clock = SteppedClock(NOON.replace(year=year))
    make().look(clock, ClockTrust.NONE)
    status = status_of(store)
    assert status is not None
    assert status.at.year == year
