"""Which sequences are one event."""

import pytest

from tests.fakes import NOON, a_sequence
from trapnode.model import ClockTrust
from trapnode.policy.events import event_of

HOUR = 3600.0
LATER = NOON.replace(hour=NOON.hour + 1)


def test_the_first_sequence_of_a_label_begins_an_event():
    assert event_of(a_sequence(7), None, HOUR) == 7


@pytest.mark.parametrize(("apart_s", "event"), [(0, 3), (3600, 3), (3601, 8), (-1, 8)])
def test_within_a_boot_time_since_boot_decides(apart_s, event):
    before, after = a_sequence(5, 5000.0), a_sequence(8, 5000.0 + apart_s)
    assert event_of(after, (3, before), HOUR) == event


def test_a_wall_clock_set_within_a_boot_does_not_part_an_event():
    before = a_sequence(5, 100.0, at=NOON)
    after = a_sequence(8, 160.0, at=NOON.replace(year=1970))
    assert event_of(after, (5, before), HOUR) == 5


@pytest.mark.parametrize(
    ("at", "event"), [(LATER, 5), (LATER.replace(second=1), 8), (NOON.replace(year=2016), 8)]
)
def test_across_boots_trusted_clocks_decide(at, event):
    after = a_sequence(8, 3.0, life=2, at=at)
    assert event_of(after, (5, a_sequence(5, 3.0)), HOUR) == event


@pytest.mark.parametrize("trusts", [("none", "rtc"), ("rtc", "none"), ("none", "none")])
def test_boots_whose_clocks_nobody_trusts_are_never_one_event(trusts):
    """A dead RTC starts every boot at the same moment: no leopard may vanish behind the last."""
    before, after = (
        a_sequence(each, 3.0, life=each, trust=ClockTrust(trust))
        for each, trust in zip((5, 8), trusts, strict=True)
    )
    assert event_of(after, (5, before), HOUR) == 8


def test_adopted_sequences_of_no_known_boot_stay_apart():
    before, after = (a_sequence(each, 0.0, 0, ClockTrust.NONE) for each in (5, 8))
    assert event_of(after, (5, before), HOUR) == 8
