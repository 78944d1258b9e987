"""Trigger, burst, whole frames on the card: nothing delays a picture, little loses one."""

import logging
import sqlite3
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import (
    BOOT,
    PLAN,
    After,
    NumberedCamera,
    boot,
    jpeg,
    number_of,
    station_of,
    watch_pir,
)
from tests.faults import FailingDisk, Power
from trapnode.errors import DeviceError, StoreError
from trapnode.model import SequenceState, Shot
from trapnode.policy.burst import BurstPlan
from trapnode.sim.clock import SteppedClock
from trapnode.sim.pir import ScriptedPir
from trapnode.sim.scene import ReplayCamera
from trapnode.station import Identity, Station
from trapnode.store.burst import Burst
from trapnode.store.doorbell import SORTER, Doorbell
from trapnode.store.store import open_store


def watch(store, run, clock, spans, camera=None, plan=PLAN):
    camera = camera or NumberedCamera(clock)
    watch_pir(station_of(store, run, boot(store), plan), clock, spans, camera)


def frames(store) -> list[int]:
    return [len(sequence.frames) for sequence in store.sequences.all()]


def test_each_trigger_makes_its_burst(store, run, clock):
    watch(store, run, clock, [(5.0, 0.1), (60.0, 0.1)])
    assert frames(store) == [3, 3]
    first, second = store.sequences.all()
    assert (second.trigger.at - first.trigger.at).total_seconds() == pytest.approx(55.0)
    assert first.trigger.monotonic_s == 5.0
    assert first.state is SequenceState.UNSORTED


def test_a_pin_high_at_boot_is_a_trigger_and_comes_before_the_repair(store, run, clock):
    orphan = store.archive.root / "AL07.20260101T000000Z.000001.1.jpg"
    orphan.write_bytes(jpeg(99))
    watch(store, run, clock, [(0.0, 0.5)])
    adopted, taken = store.sequences.all()  # Their numbers are those of their files.
    assert len(taken.frames) == 3
    assert adopted.frames[0].path == orphan.name


def test_a_burst_goes_on_while_the_animal_moves(store, run, clock):
    watch(store, run, clock, [(5.0, 2.0)])
    assert frames(store) == [8]


def test_an_animal_that_stays_is_taken_again_and_a_stuck_pir_ever_more_rarely(store, run, clock):
    watch(store, run, clock, [(5.0, 3600.0)])
    starts = [each.trigger.monotonic_s for each in store.sequences.all()]
    waits = [b - a for a, b in pairwise(starts)]
    assert waits[0] < 10
    assert all(b > a - 0.01 for a, b in pairwise(waits))
    assert max(waits) < 310
    assert len(starts) < 25


def test_the_second_animal_is_not_lost_to_a_card_that_stalls_at_the_end_of_a_burst(
    store, run, clock, monkeypatch
):
    stalls = iter([6.0])
    close = Burst.close

    def slow_close(burst: Burst) -> None:
        close(burst)
        clock.step(next(stalls, 0.0))

    monkeypatch.setattr(Burst, "close", slow_close)
    watch(store, run, clock, [(5.0, 0.1), (8.0, 0.1)])
    assert [each.trigger.monotonic_s for each in store.sequences.all()] == [5.0, 8.0]


def test_an_edge_from_while_the_camera_opened_is_a_trigger(store, run, clock):
    pir = ScriptedPir(clock.monotonic, [(1.0, 0.5)])
    clock.step(3.0)  # The camera opens; the animal comes and goes.
    station_of(store, run, boot(store)).run(
        pir, NumberedCamera(clock), clock, After(lambda: clock.monotonic() > 20), lambda fault: None
    )
    assert frames(store) == [3]
    pir.close()


def test_pictures_are_taken_between_two_steps_of_a_repair(store, run, clock, monkeypatch):
    for day in range(1, 6):
        folder = store.archive.root / f"2025/01/0{day}"
        folder.mkdir(parents=True)
        (folder / f"AL07.2025010{day}T000000Z.00000{day}.1.jpg").write_bytes(jpeg(day))
    pir = ScriptedPir(clock.monotonic, [(1.0, 0.1)])
    rows = store.database.rows

    def slow_rows(sql: str, *values: object) -> list[tuple[object, ...]]:
        clock.step(0.1)
        return rows(sql, *values)

    monkeypatch.setattr(store.database, "rows", slow_rows)
    station_of(store, run, boot(store)).run(
        pir, NumberedCamera(clock), clock, After(lambda: clock.monotonic() > 20), lambda fault: None
    )
    taken = [each for each in store.sequences.all() if len(each.frames) == 3]
    adopted = [each for each in store.sequences.all() if len(each.frames) == 1]
    assert any(each.id > taken[0].id for each in adopted), "taken before the repair was done"
    assert [each.trigger.monotonic_s for each in taken] == [1.0]
    assert len(list(store.sequences.all())) == 6
    assert all(each.state is SequenceState.UNSORTED for each in store.sequences.all())
    pir.close()


def test_frames_are_synced_in_two_seconds_when_the_camera_grows_slow(store, run, clock):
    camera = WatchfulCamera(clock, store, exposure_s=1.5)
    watch(store, run, clock, [(5.0, 0.1)], camera, BurstPlan(6, 6, 0.3))
    assert max(camera.unsynced) <= 1


def test_a_fluttering_pir_makes_bursts_no_closer_than_the_camera_delay(store, run, clock):
    watch(store, run, clock, [(5.0 + n / 10, 0.05) for n in range(100)])
    starts = [each.trigger.monotonic_s for each in store.sequences.all()]
    assert all(b - a >= 1.0 for a, b in pairwise(starts))
    assert len(starts) >= 5


class WatchfulCamera(NumberedCamera):
    """A camera that notes, before each frame, how many of the earlier ones are not durable."""

    def __init__(self, clock, store, exposure_s=0.1):
        super().__init__(clock, exposure_s)
        self.unsynced: list[int] = []
        self._store = store

    def shoot(self) -> Shot:
        ((rows,),) = self._store.database.rows("SELECT count(*) FROM frame")
        self.unsynced.append(self.taken - int(str(rows)))
        return super().shoot()


@pytest.mark.parametrize("interval_s", [0.0, 0.3, 1.0, 1.9, 2.0, 3.0, 10.0])
def test_the_first_frame_is_durable_at_once_and_the_others_in_two_seconds(
    store, run, clock, interval_s
):
    plan = BurstPlan(9, 9, interval_s)
    camera = WatchfulCamera(clock, store)
    watch(store, run, clock, [(5.0, 0.1)], camera, plan)
    assert camera.unsynced[:2] == [0, 0]
    assert max(camera.unsynced) * max(interval_s, 0.1) <= 2.0
    assert max(camera.unsynced) <= 4


def test_a_slow_camera_waits_no_longer_to_sync(store, run, clock):
    camera = WatchfulCamera(clock, store, exposure_s=1.5)
    watch(store, run, clock, [(5.0, 0.1)], camera, BurstPlan(6, 6, 0.3))
    assert max(camera.unsynced) <= 2


class FailingCamera(NumberedCamera):
    """A camera that fails at its frame number `fails`."""

    fails = 3

    def shoot(self) -> Shot:
        if self.taken + 1 == self.fails:
            raise DeviceError("the camera is gone")
        return super().shoot()


@pytest.mark.parametrize(("fails", "kept"), [(1, []), (2, [1]), (3, [2]), (7, [6])])
def test_a_camera_that_fails_in_a_burst_costs_only_the_frames_not_taken(
    store, run, clock, fails, kept
):
    camera = FailingCamera(clock)
    camera.fails = fails
    with pytest.raises(DeviceError, match="the camera is gone"):
        watch(store, run, clock, [(5.0, 5.0)], camera)
    assert frames(store) == kept
    assert all(each.state is SequenceState.UNSORTED for each in store.sequences.all())


def test_a_stop_between_bursts_takes_no_more(store, run, clock):
    pir = ScriptedPir(clock.monotonic, [(5.0, 0.1)])
    station_of(store, run, boot(store)).run(
        pir, NumberedCamera(clock), clock, After(lambda: True), lambda fault: None
    )
    assert frames(store) == []
    pir.close()


def test_a_stop_in_a_burst_ends_it_after_its_usual_frames(store, run, clock):
    pir, camera = ScriptedPir(clock.monotonic, [(5.0, 60.0)]), NumberedCamera(clock)
    station_of(store, run, boot(store)).run(
        pir, camera, clock, After(lambda: camera.taken >= 2), lambda fault: None
    )
    assert frames(store) == [3]
    pir.close()


class JumpingCamera(NumberedCamera):
    """A camera during whose frames somebody sets the wall clock."""

    def __init__(self, clock, jumps):
        super().__init__(clock)
        self._jumps = dict(jumps)

    def shoot(self) -> Shot:
        shot = super().shoot()
        if self.taken in self._jumps:
            self._clock.set_wall(self._jumps[self.taken])
        return shot


@pytest.mark.parametrize("year", [1970, 2016, 2038])
def test_a_clock_that_jumps_within_and_between_bursts_costs_no_frame(store, run, clock, year):
    there = datetime(year, 1, 19, 3, 14, 7, tzinfo=UTC)
    camera = JumpingCamera(clock, {2: there, 3: there, 4: there, 6: there, 8: there})
    watch(store, run, clock, [(5.0 + 60 * n, 0.1) for n in range(4)], camera)
    assert frames(store) == [3, 3, 3, 3]
    files = sorted(store.archive.root.rglob("*[0-9].jpg"))
    assert {number_of(path.read_bytes()) for path in files} == set(range(1, 13))
    assert store.repair().adopted == 0


def test_a_clock_set_to_the_same_second_again_and_again_costs_no_frame(store, run):
    there = datetime(2016, 1, 1, tzinfo=UTC)
    for _ in range(5):
        clock = SteppedClock(there)
        watch(store, run, clock, [(0.0, 0.1)])
    assert frames(store) == [3] * 5
    assert len({each.trigger.at for each in store.sequences.all()}) == 1


def test_a_card_that_refuses_repair_still_takes_frames_and_says_so(card, run, clock):
    class Refusing(FailingDisk):
        def rename(self, path: Path, target: Path) -> None:
            if target.parent.name == "quarantine":
                raise OSError(5, "Input/output error")
            super().rename(path, target)

    power = Power(make_disk=Refusing)
    store = power.open(card)
    (store.archive.root / "torn.part").write_bytes(b"torn")
    said: list[str] = []
    pir = ScriptedPir(clock.monotonic, [(5.0, 0.1)])
    station_of(store, run, boot(store)).run(
        pir, NumberedCamera(clock), clock, After(lambda: clock.monotonic() > 20), said.append
    )
    assert frames(store) == [3]
    assert "not repaired" in said[-1]
    pir.close()
    power.end()


def test_the_watchdog_hears_from_a_long_burst(store, run, clock):
    heard: list[float] = []
    pir = ScriptedPir(clock.monotonic, [(5.0, 900.0)])
    station_of(store, run, boot(store), BurstPlan(3, 60, 10.0)).run(
        pir,
        NumberedCamera(clock),
        clock,
        After(lambda: clock.monotonic() > 620),
        lambda fault: heard.append(clock.monotonic()),
    )
    assert frames(store)[0] == 60
    assert max(b - a for a, b in pairwise(heard)) <= 11
    pir.close()


def test_the_sorter_is_rung_after_the_repair_and_each_burst(store, run, clock):
    bell = Doorbell(run, SORTER)
    watch(store, run, clock, [(5.0, 0.1)])
    assert bell.answered()
    bell.close()


def test_a_missing_run_folder_costs_no_picture(store, tmp_path, clock, caplog):
    caplog.set_level(logging.INFO)
    station = Station(Identity("AL07", 600, boot(store)), PLAN, 1.0, store, tmp_path / "none")
    watch_pir(station, clock, [(5.0, 0.1)], NumberedCamera(clock))
    assert frames(store) == [3]
    assert "sequence 1: 3 frames" in caplog.text


def test_the_replayed_camera_is_a_camera(store, run, clock, tmp_path):
    pictures = [tmp_path / f"{number}.jpg" for number in range(3)]
    for number, path in enumerate(pictures):
        path.write_bytes(jpeg(number, (1280, 720)))
    camera = ReplayCamera(iter(pictures).__next__, clock.now, clock.step)
    watch(store, run, clock, [(5.0, 0.1)], camera)
    (sequence,) = store.sequences.all()
    assert sequence.boot == BOOT.id
    assert [number_of(store.archive.pixels(frame)) for frame in sequence.frames] == [0, 1, 2]


class LockingCamera(NumberedCamera):
    """Takes the database away from the station with one shot, and gives it back with another."""

    def __init__(self, clock, path: Path, takes: int, gives: int) -> None:
        super().__init__(clock)
        self._other = sqlite3.connect(path, isolation_level=None)
        self._turns = {takes: "BEGIN IMMEDIATE", gives: "ROLLBACK"}
        self._shots = 0

    def shoot(self) -> Shot:
        self._shots += 1
        if turn := self._turns.get(self._shots):
            self._other.execute(turn)
        return super().shoot()

    def close(self) -> None:
        self._other.close()


class Impatient(sqlite3.Connection):
    """Waits a millisecond for others, whatever it is told."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        told = sql.startswith("PRAGMA busy_timeout")
        return super().execute("PRAGMA busy_timeout=1" if told else sql, *values)


def impatient(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, factory=Impatient)
    connection.execute("PRAGMA journal_mode=WAL")
    return connection


def test_rows_that_cannot_be_written_cost_no_frame(state, run, clock, caplog):
    store = open_store(state, connect=impatient)
    camera = LockingCamera(clock, store.database.path, takes=1, gives=3)
    watch(store, run, clock, [(5.0, 0.1)], camera)
    assert frames(store) == [3]
    assert "without rows" in caplog.text
    camera.close()
    store.close()


def test_a_database_that_stays_away_leaves_whole_files_for_the_next_start(state, run, clock):
    store = open_store(state, connect=impatient)
    camera = LockingCamera(clock, store.database.path, takes=1, gives=99)
    with pytest.raises(StoreError):
        watch(store, run, clock, [(5.0, 0.1)], camera)
    assert len(list(store.archive.root.rglob("*.1.jpg"))) == 1
    assert len([p for p in store.archive.root.rglob("*.jpg") if "preview" not in p.name]) == 3
    camera.close()
    assert store.repair().adopted == 3
    assert frames(store) == [3]
    store.close()


def test_the_first_shot_comes_before_the_card_is_asked_for_anything(state, run, clock):
    asked: list[str] = []
    store = open_store(state)

    class Watching(NumberedCamera):
        def shoot(self) -> Shot:
            asked.append("shot")
            return super().shoot()

    rows = store.database.rows
    store.database.rows = lambda *query: asked.append("card") or rows(*query)  # type: ignore[method-assign]
    life = boot(store)
    asked.clear()
    watch_pir(station_of(store, run, life), clock, [(0.0, 0.1)], Watching(clock))
    assert asked[0] == "shot"
    store.close()
