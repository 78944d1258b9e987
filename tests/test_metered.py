"""How long camera, judge and modem are busy, and what low batteries and heat change for them."""

import itertools

import pytest

from tests.fakes import (
    BLANK,
    PLAN,
    NumberedCamera,
    OneJudge,
    ScriptedClassifier,
    ScriptedModem,
    boot,
    jpeg,
    sort_all,
    sorter_of,
    station_of,
    take,
    watch_pir,
)
from trapnode.cli.metered import MeteredCamera, MeteredJudges, metered
from trapnode.errors import LinkUnavailable
from trapnode.model import SequenceState, Shot
from trapnode.store.account import Account, write_account
from trapnode.store.busy import Busy, read_busy
from trapnode.store.disk import RealDisk
from trapnode.store.room import Room
from trapnode.store.stage import Restraint, write_restraint
from trapnode.words import Stage


def test_a_burst_counts_from_its_first_shot_to_its_last(store, run, clock):
    camera = MeteredCamera(
        NumberedCamera(clock), Busy(run, "camera", clock.monotonic), clock.monotonic
    )
    watch_pir(station_of(store, run, boot(store)), clock, [(60, 0.5), (120, 0.5)], camera)
    assert read_busy(run, "camera").seconds == 0.0  # Nothing is written while pictures wait.
    camera.tell()
    assert read_busy(run, "camera").seconds == pytest.approx(2 * (2 * 0.3 + 0.1), abs=0.05)
    camera.tell()
    assert read_busy(run, "camera").seconds == pytest.approx(1.4, abs=0.1)


def test_a_session_is_marked_while_it_lasts_and_a_failed_one_too(run, clock):
    seen = []

    class Modem(ScriptedModem):
        def send(self, payload):
            seen.append(read_busy(run, "modem").since_s)
            clock.step(40)
            return super().send(payload)

    busy = Busy(run, "modem", clock.monotonic)
    modem = metered(Modem([LinkUnavailable("no network")]), busy, "send", "fetch")
    with pytest.raises(LinkUnavailable):
        modem.send(b"one")
    modem.send(b"two")
    assert seen == [0.0, 40.0]
    assert read_busy(run, "modem").seconds == 80.0
    assert (modem.max_payload, modem.given) == (340, [b"one", b"two"])


def test_judging_is_counted(run, clock):
    class Slow(ScriptedClassifier):
        def classify(self, picture):
            clock.step(0.4)
            return super().classify(picture)

    judges = MeteredJudges(
        OneJudge(lambda: Slow(itertools.repeat(BLANK))), Busy(run, "judge", clock.monotonic)
    )
    assert (judges.load().name, judges.fault, judges.changed()) == ("script-1", "", False)
    judges.load().judge([jpeg(1), jpeg(2)])
    assert read_busy(run, "judge").seconds == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("stage", "frames"), [(Stage.FULL, 3), (Stage.FEWER, 2), (Stage.STATUS, 2), (Stage.OFF, 1)]
)
def test_a_low_battery_makes_short_bursts_and_never_none(store, run, clock, stage, frames):
    write_restraint(run, Restraint(stage))
    take(store, run, clock)
    assert len(store.sequences.next_unsorted().frames) == frames


def test_at_its_start_a_station_knows_the_stage_of_the_boot_before(store, run):
    room = Room(store, PLAN, run)
    write_account(RealDisk(), store.state, Account(stage=Stage.OFF))
    shot = Shot(jpeg(1), jpeg(1), None)
    assert room.plan_for(shot).frames == 1
    write_restraint(run, Restraint(Stage.FULL))
    assert room.plan_for(shot) == PLAN


def test_a_hot_processor_judges_later(store, run, clock):
    take(store, run, clock)
    write_restraint(run, Restraint(hot=True))
    sorter = sorter_of(store, run, lambda: ScriptedClassifier(itertools.repeat(BLANK)))
    sort_all(sorter, clock)
    assert store.sequences.next_unsorted().state is SequenceState.UNSORTED
    write_restraint(run, Restraint(hot=False))
    sort_all(sorter, clock)
    assert store.sequences.next_unsorted() is None
