"""What is told, how soon, and how valuable it is."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes import NOON, an_observation
from trapnode.model import MessageKind, Report
from trapnode.policy.power import next_alarm
from trapnode.policy.report import Watch, is_due, own_hour, priority, reportable, status_due

WATCH = Watch(("leopard",), ("person",), 600.0)


def waiting(*priorities: int, at: datetime = NOON) -> list[Report]:
    return [
        Report(number, MessageKind.OBSERVATIONS, b"x", each, at)
        for number, each in enumerate(priorities)
    ]


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("leopard", True),
        ("person", True),
        ("deer", True),
        ("vehicle", True),
        ("blank", False),
        ("unknown", False),
        ("unclassified", False),
    ],
)
def test_what_was_there_is_told_and_what_was_not_is_counted(label, told):
    assert reportable(an_observation(1, label)) is told


def test_the_later_sequences_of_an_event_are_not_told():
    assert not reportable(an_observation(9, "leopard", event=8))


def test_targets_go_first_then_what_is_told_at_once_then_the_rest():
    labels = ("leopard", "person", "deer")
    assert [priority(an_observation(1, label), WATCH) for label in labels] == [0, 1, 3]


def test_nothing_waiting_is_never_due():
    assert not is_due([], NOON, 3, 600)


@pytest.mark.parametrize("urgent", [0, 1, 2])
def test_urgent_reports_go_at_once(urgent):
    assert is_due(waiting(urgent), NOON, 3, 600)


def test_the_rest_waits_for_a_full_message_or_its_time():
    assert not is_due(waiting(3, 3), NOON, 3, 600)
    assert is_due(waiting(3, 3, 3), NOON, 3, 600)
    assert not is_due(waiting(3), NOON + timedelta(seconds=599), 3, 600)
    assert is_due(waiting(3), NOON + timedelta(seconds=600), 3, 600)


@pytest.mark.parametrize("years", [1, 10, 56])
def test_a_clock_that_went_back_holds_no_report(years):
    assert is_due(waiting(3), NOON.replace(year=NOON.year - years), 3, 600)


DAY = timedelta(days=1)
TWO = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        (NOON, None, True),
        (TWO, TWO - DAY, True),
        (TWO - timedelta(seconds=1), TWO - DAY, False),
        (TWO + timedelta(hours=1), TWO, False),
        (TWO + DAY, TWO + timedelta(hours=1), True),
        (TWO, TWO + timedelta(days=3650), True),
    ],
    ids=["never", "its hour", "before it", "told today", "next day", "clock went back"],
)
def test_a_status_report_is_due_once_after_its_hour(now, last, due):
    assert status_due(now, last, 2) is due


def test_a_unit_reports_at_its_own_moment_of_the_hour():
    at = own_hour(2, "AL07")
    moment = TWO + timedelta(hours=at - 2)
    assert TWO <= moment < TWO + timedelta(hours=1)
    assert not status_due(moment - timedelta(seconds=1), TWO - DAY, at)
    assert status_due(moment, TWO - DAY, at)
    assert moment + timedelta(seconds=30) == TWO + next_alarm(TWO, at, 0)
    assert own_hour(23, "AL07") == at + 21


@pytest.mark.parametrize("code", ["AL{:03}", "AL{}", "NE{:02}", "{:04}A"])
def test_the_units_of_a_park_do_not_report_together(code):
    seconds = [round(own_hour(0, code.format(number)) * 3600) for number in range(500)]
    minutes = Counter(second // 60 for second in seconds)
    assert max(minutes.values()) <= 20, "8 on average"
    assert max(Counter(seconds).values()) <= 4
