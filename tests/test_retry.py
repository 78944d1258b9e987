"""When a message is tried again."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import NOON
from trapnode.model import ClockTrust
from trapnode.policy.retry import HOLD_LONGEST, RETRY_FIRST, RETRY_LONGEST, may_try, next_attempt


def test_waits_double_up_to_two_hours():
    waits = [(next_attempt(n, NOON) - NOON) // timedelta(minutes=1) for n in range(1, 10)]
    assert waits == [1, 2, 4, 8, 16, 32, 64, 120, 120]


@given(st.integers(), st.one_of(st.none(), st.floats(0, 1e12)))
def test_a_wait_is_never_shorter_than_a_minute_nor_longer_than_a_day(attempts, asked_s):
    wait = next_attempt(attempts, NOON, asked_s) - NOON
    assert RETRY_FIRST <= wait <= HOLD_LONGEST


def test_the_networks_word_wins_where_it_is_longer():
    assert next_attempt(1, NOON, 600) == NOON + timedelta(minutes=10)
    assert next_attempt(9, NOON, 600) == NOON + RETRY_LONGEST


@pytest.mark.parametrize(
    ("until", "may"),
    [(NOON, True), (NOON - HOLD_LONGEST, True), (NOON + timedelta(seconds=1), False)],
)
def test_a_message_waits_until_its_time(until, may):
    assert may_try(until, NOON, ClockTrust.RTC, 0.0) is may


@pytest.mark.parametrize("year", [1970, 2016])
def test_a_clock_that_went_back_holds_no_message(year: int):
    assert may_try(NOON, datetime(year, 1, 1, tzinfo=NOON.tzinfo), ClockTrust.RTC, 0.0)


def test_a_clock_that_nobody_trusts_allows_one_attempt_a_boot_and_one_after_the_longest_wait():
    longest_s = RETRY_LONGEST.total_seconds()
    assert may_try(NOON + HOLD_LONGEST, NOON, ClockTrust.NONE, None)
    assert not may_try(NOON - HOLD_LONGEST, NOON, ClockTrust.NONE, 0.0)
    assert not may_try(NOON - HOLD_LONGEST, NOON, ClockTrust.NONE, longest_s - 1)
    assert may_try(NOON - HOLD_LONGEST, NOON, ClockTrust.NONE, longest_s)
