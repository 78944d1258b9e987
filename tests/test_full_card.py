"""A station on a card that fills up: shorter bursts, then none, and it says so; then it resumes."""

import errno
import os
from pathlib import Path

import pytest

from tests.fakes import After, NumberedCamera, boot, station_of
from tests.faults import FailingDisk, Power
from tests.invariants import check_card
from trapnode.model import SequenceState, Shot
from trapnode.sim.pir import ScriptedPir
from trapnode.store.store import Store, open_store

MIB = 1 << 20
SHOT = 100_000
RESERVE = 256 * MIB
BURST = 12 * SHOT * 5 // 4


class LargeCamera(NumberedCamera):
    """A camera whose shots are SHOT bytes."""

    def shoot(self) -> Shot:
        shot = super().shoot()
        filling = b"\xfe" * (SHOT - len(shot.frame) - len(shot.preview))
        frame = shot.frame[:-2] + filling + shot.frame[-2:]
        return Shot(frame, shot.preview, shot.captured_at)


def watch(store, run, clock, spans, camera=None) -> list[str]:
    """Watch a PIR; give what the station said of itself, each thing once."""
    pir = ScriptedPir(clock.monotonic, spans)
    end_s = max(start + span for start, span in spans) + 20.0
    said: list[str] = []
    station_of(store, run, boot(store)).run(
        pir,
        camera or LargeCamera(clock),
        clock,
        After(lambda: clock.monotonic() > end_s),
        lambda fault: said.append(fault) if said[-1:] != [fault] else None,
    )
    pir.close()
    return said


def frames(store) -> list[int]:
    return [len(sequence.frames) for sequence in store.sequences.all()]


@pytest.fixture
def space(monkeypatch):
    """Free bytes of a card of 4 GiB, as a test says; what frames use is not taken off."""
    free = [4 << 30]
    monkeypatch.setattr(Store, "card_space", lambda _: (free[0], 4 << 30))
    return free


@pytest.mark.parametrize(
    ("room", "taken", "said"),
    [
        (BURST, [3], [""]),
        (BURST - 1, [1], ["", "card full: bursts of one frame"]),
        (SHOT * 5 // 4, [1], ["", "card full: bursts of one frame"]),
        (SHOT * 5 // 4 - 1, [], ["", "card full: 1 triggers without a picture"]),
    ],
)
def test_bursts_shrink_and_then_capture_stops_and_says_so(
    store, run, clock, space, room, taken, said
):
    space[0] = RESERVE + room
    assert watch(store, run, clock, [(5.0, 0.1)]) == said
    assert frames(store) == taken


def test_triggers_without_a_picture_are_counted_and_capture_resumes_with_room(
    store, run, clock, space
):
    space[0] = RESERVE
    camera = LargeCamera(clock)
    shoot = camera.shoot

    def after_a_visit() -> Shot:
        if camera.taken == 2:
            space[0] = 4 << 30
        return shoot()

    camera.shoot = after_a_visit  # type: ignore[method-assign]
    said = watch(store, run, clock, [(5.0, 0.1), (60.0, 0.1), (120.0, 0.1)], camera)
    texts = [f"card full: {n} triggers without a picture" for n in (1, 2)]
    assert said == ["", *texts, ""]
    assert frames(store) == [3]


def test_room_is_made_before_a_burst_by_what_is_worth_least(store, run, clock, space):
    watch(store, run, clock, [(5.0, 0.1), (60.0, 0.1)])
    space[0] = RESERVE + BURST - 1
    clock.step(60)
    watch(store, run, clock, [(clock.monotonic() + 5.0, 0.1)])
    states = store.database.rows("SELECT sequence, state FROM frame WHERE number = 1")
    assert states[0] == (1, "evicted")
    assert states[1] == (2, "whole")


class FullDisk(FailingDisk):
    """A card that tears write number `full` and has room again after `lasts` more tries."""

    full, lasts = 1, 1

    def write(self, path: Path, data: bytes) -> None:
        if path.name.endswith(".jpg.part"):
            self.full -= 1
            if -self.lasts < self.full <= 0:
                super().write(path, data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
        super().write(path, data)


@pytest.mark.parametrize("full", range(1, 13))
def test_a_card_that_fills_up_anywhere_in_two_bursts_ends_one_early_and_goes_on(
    card, run, clock, full
):
    power = Power(make_disk=FullDisk)
    power.disk.full = full  # type: ignore[attr-defined]
    store = power.open(card)
    said = watch(store, run, clock, [(5.0, 0.1), (60.0, 0.1), (120.0, 0.1)], NumberedCamera(clock))
    check_card(store)
    taken, kept = (full - 1) // 2 % 3, [3, 3, 3]
    kept[(full - 1) // 6] = taken
    assert frames(store) == [each for each in kept if each]
    assert any("ended early" in each for each in said)
    assert said[-1] == "", "the next burst was whole"
    assert not list(store.archive.root.rglob("*.part"))
    assert all(each.state is SequenceState.UNSORTED for each in store.sequences.all())
    power.end()


def test_a_stall_of_200_ms_in_every_operation_costs_no_frame_and_no_trigger(card, run, clock):
    class Slow(FailingDisk):
        def write(self, path: Path, data: bytes) -> None:
            clock.step(0.2)
            super().write(path, data)

        def sync(self, path: Path) -> None:
            clock.step(0.2)
            super().sync(path)

        def sync_folder(self, folder: Path) -> None:
            clock.step(0.2)
            super().sync_folder(folder)

    power = Power(make_disk=Slow)
    store = power.open(card)
    assert watch(store, run, clock, [(5.0, 0.1), (30.0, 0.1)], NumberedCamera(clock)) == [""]
    assert frames(store) == [3, 3]
    starts = [each.trigger.monotonic_s for each in store.sequences.all()]
    assert starts == [5.0, 30.0]
    power.end()


def test_a_card_without_names_for_more_files_has_no_room(state, monkeypatch):
    store = open_store(state)
    assert store.card_space()[0] > 0
    real = os.statvfs(state)
    values = list(real)
    values[5], values[7] = 1000, 100  # f_files, f_favail
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(values))
    assert store.card_space()[0] == 0
    values[5] = values[7] = 0  # A file system that counts no inodes.
    assert store.card_space()[0] > 0
    store.close()
