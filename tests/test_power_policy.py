"""Stages, cold and heat, when a gated unit may switch off and when it wakes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapnode.policy.burst import BurstPlan
from trapnode.policy.power import (
    STAGES,
    Awake,
    is_hot,
    next_alarm,
    plan_in,
    stage_of,
    stays_awake,
    tells,
)
from trapnode.policy.report import (
    PRIORITY_OTHER,
    PRIORITY_PREVIEW,
    PRIORITY_STATUS,
    PRIORITY_TARGET,
)
from trapnode.words import Stage

LIMITS = {"low_mv": 7200, "empty_mv": 6000}
NOW = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)


def settled(share, mv=None, before=Stage.FULL):
    """Look until the stage stays."""
    for _ in STAGES:
        before = stage_of(before, share, mv, **LIMITS)
    return before


@pytest.mark.parametrize(
    ("share", "mv", "stage"),
    [
        (1.0, None, Stage.FULL),
        (0.26, 9000, Stage.FULL),
        (0.25, None, Stage.FEWER),
        (0.15, None, Stage.NO_PREVIEWS),
        (0.08, None, Stage.TARGETS),
        (0.04, None, Stage.STATUS),
        (0.015, None, Stage.OFF),
        (0.0, None, Stage.OFF),
        (1.0, 7200, Stage.FULL),  # Flat: it says nothing.
        (1.0, 7199, Stage.FEWER),
        (1.0, 6700, Stage.NO_PREVIEWS),
        (1.0, 6300, Stage.TARGETS),
        (1.0, 6000, Stage.OFF),
        (1.0, 0, Stage.OFF),
        (0.01, 9000, Stage.OFF),  # The worse of both.
    ],
)
def test_each_stage_begins_at_its_share(share, mv, stage):
    assert settled(share, mv) is stage


def test_a_voltage_that_sags_once_costs_one_stage_for_one_look():
    sagged = stage_of(Stage.FULL, 0.9, 5900, **LIMITS)
    assert sagged is Stage.FEWER
    assert stage_of(sagged, 0.9, 9000, **LIMITS) is Stage.FULL


@pytest.mark.parametrize("before", STAGES[1:])
def test_a_stage_ends_only_well_above_its_begin(before):
    enter = {"fewer": 0.25, "no_previews": 0.15, "targets": 0.08, "status": 0.04, "off": 0.015}
    share = enter[before.value]
    assert stage_of(before, share + 0.029, None, **LIMITS) is before
    assert stage_of(before, share + 0.031, None, **LIMITS) is STAGES[STAGES.index(before) - 1]


@given(st.lists(st.floats(0, 1), min_size=1), st.integers(0, 20_000))
def test_a_stage_moves_by_one_at_most(shares, mv):
    stage = Stage.FULL
    for share in shares:
        after = stage_of(stage, share, mv, **LIMITS)
        assert abs(STAGES.index(after) - STAGES.index(stage)) <= 1
        stage = after


def test_every_stage_takes_a_picture():
    plan = BurstPlan(3, 12, 0.3)
    assert plan_in(Stage.FULL, plan) == plan
    assert [plan_in(stage, plan).frames for stage in STAGES[1:]] == [2, 2, 2, 2, 1]
    assert [plan_in(stage, plan).frames_max for stage in STAGES[1:]] == [2, 2, 2, 2, 1]
    assert plan_in(Stage.FEWER, BurstPlan(1, 1, 0.3)).frames == 1


def told(stage, celsius=None):
    kinds = {
        "target": PRIORITY_TARGET,
        "status": PRIORITY_STATUS,
        "other": PRIORITY_OTHER,
        "preview": PRIORITY_PREVIEW,
    }
    return {name for name, priority in kinds.items() if tells(stage, priority, celsius)}


def test_each_stage_tells_less():
    everything = {"target", "status", "other", "preview"}
    assert [told(stage) for stage in STAGES] == [
        *(everything, everything, everything - {"preview"}),
        *({"target", "status"}, {"status"}, set()),
    ]


def test_in_the_cold_only_targets_and_the_status_go():
    assert told(Stage.FULL, -30.0) == {"target", "status", "other", "preview"}
    assert told(Stage.FULL, -30.1) == {"target", "status"}
    assert told(Stage.STATUS, -40.0) == {"status"}


def test_heat_has_a_hysteresis():
    assert [is_hot(False, each) for each in (None, 79.9, 80.0)] == [False, False, True]
    assert [is_hot(True, each) for each in (None, 74.9, 75.0)] == [False, False, True]


def awake(**changes):
    values = {
        "now_s": 100.0,
        "settled": True,
        "last_event_s": 80.0,
        "target": False,
        "unsorted": 0,
        "judging": True,
        "due": 0,
    }
    return Awake(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"settled": False}, "still starting"),
        ({"last_event_s": 86.0}, "lingers for 1 s"),
        ({"target": True}, "lingers for 40 s"),
        ({"unsorted": 2}, "2 unsorted"),
        ({"unsorted": 2, "judging": False}, ""),
        ({"due": 1}, "1 to send"),
        ({"busy": ("technician at the cable", "stick")}, "technician at the cable, stick"),
    ],
)
def test_a_gated_unit_stays_awake_only_for_a_reason(changes, why):
    assert stays_awake(awake(**changes), Stage.FULL, 15.0, 60.0) == why


def test_a_unit_whose_battery_is_gone_waits_for_nothing_but_people():
    gone = awake(last_event_s=100.0, target=True, unsorted=3, due=2)
    assert stays_awake(gone, Stage.OFF, 15.0, 60.0) == ""
    assert stays_awake(awake(busy=("stick",)), Stage.OFF, 15.0, 60.0) == "stick"


@pytest.mark.parametrize(
    ("now", "waiting", "wait"),
    [
        (NOW, 0, timedelta(hours=21, minutes=30, seconds=30)),
        (NOW, 1, timedelta(hours=4)),
        (NOW.replace(hour=1), 1, timedelta(hours=1, seconds=30) - timedelta(minutes=30)),
        (NOW.replace(hour=2, minute=0), 0, timedelta(minutes=1)),
        (NOW.replace(hour=2, minute=0, second=30), 0, timedelta(days=1)),
        (NOW.replace(year=1970), 0, timedelta(hours=21, minutes=30, seconds=30)),
        (NOW.replace(year=2038), 0, timedelta(hours=21, minutes=30, seconds=30)),
    ],
)
def test_the_alarm_is_for_the_status_or_for_what_waits(now, waiting, wait):
    assert next_alarm(now, 2, waiting) == wait
