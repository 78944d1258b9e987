"""What may go from a full card, in which order, and how much must."""

import pytest

from trapnode.model import TAXA
from trapnode.policy.burst import BurstPlan
from trapnode.policy.retention import (
    MIB,
    ORDER,
    Allowance,
    CardLimits,
    Value,
    limits_of,
    missing,
    plan_within,
    value_of,
)

PLAN = BurstPlan(frames=3, frames_max=12, interval_s=0.3)


@pytest.mark.parametrize(
    ("label", "target", "audit", "value"),
    [
        ("blank", False, False, Value.BLANK),
        ("blank", False, True, Value.AUDIT),
        ("deer", False, False, Value.ANIMAL),
        ("tiger", False, False, Value.ANIMAL),
        ("leopard", False, False, Value.ANIMAL),  # A unit that watches for something else.
        ("lynx", False, False, Value.ANIMAL),  # A label of a newer model.
        ("person", False, False, Value.PERSON),
        ("vehicle", False, False, Value.PERSON),
        ("unknown", False, False, Value.UNSORTED),
        ("unclassified", False, False, Value.UNSORTED),
        (None, False, False, Value.UNSORTED),
        ("leopard", True, False, Value.TARGET),
        ("deer", True, False, Value.TARGET),
    ],
)
def test_what_a_sequence_is_worth(label, target, audit, value):
    assert value_of(label, target, audit) is value


def test_the_order_in_which_things_go_ends_before_the_targets():
    assert [value.name for value in ORDER] == ["BLANK", "AUDIT", "ANIMAL", "PERSON", "UNSORTED"]


@pytest.mark.parametrize("label", [*TAXA, None, "lynx"])
def test_a_target_never_yields_whatever_it_is_called(label):
    assert value_of(label, True, False) not in ORDER


@pytest.mark.parametrize(
    ("total", "reserve", "ahead"),
    [
        (32_000 * MIB, 256 * MIB, 512 * MIB),
        (4_096 * MIB, 256 * MIB, 512 * MIB),
        (1_024 * MIB, 128 * MIB, 128 * MIB),
        (MIB, MIB // 8, MIB // 8),
    ],
)
def test_a_small_card_keeps_a_share_of_itself(total, reserve, ahead):
    limits = limits_of(total, Allowance(256, 512, 0.1))
    assert limits == CardLimits(reserve, ahead, total // 10)


@pytest.mark.parametrize(
    ("free", "wanted", "need"),
    [
        (40, None, 0),
        (30, None, 0),
        (29, None, 1),
        (0, None, 30),
        (15, 5, 0),
        (14, 5, 1),
        (0, 0, 10),
    ],
)
def test_how_much_must_be_freed(free, wanted, need):
    assert missing(free, CardLimits(reserve=10, ahead=20, audit=0), wanted) == need


@pytest.mark.parametrize(
    ("room", "frames"), [(1_500, 12), (1_499, 1), (125, 1), (124, None), (0, None)]
)
def test_bursts_shrink_to_one_frame_and_then_capture_stops(room, frames):
    plan = plan_within(PLAN, room, shot_bytes=100)
    assert (plan and plan.frames_max) == frames
    assert plan is None or plan.interval_s == PLAN.interval_s
