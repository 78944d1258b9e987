"""A clock that nobody trusts: the budget's day is over some time, but never soon."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import NOON, ScriptedModem, boot, uplinker_of
from tests.test_uplinker import labels, send_all, tell
from trapnode.model import ClockTrust
from trapnode.policy.budget import BOOTS_A_DAY, DAY_S, Budget, UnsureDay
from trapnode.store.radio import MOST_DAYS, Session

TIGHT = Budget(10, 400)
NONE, NETWORK = ClockTrust.NONE, ClockTrust.NETWORK

# A look at the day: whether the unit booted before it, seconds after the last look or the boot, and
# the days that a trusted clock has gone on or back, or nobody knows.
LOOKS = st.tuples(st.booleans(), st.floats(0, 2 * DAY_S), st.one_of(st.none(), st.integers(-1, 2)))


@given(st.lists(LOOKS, max_size=300))
def test_a_day_is_over_after_a_hundred_boots_or_a_day_awake_or_a_later_date(looks):
    day, life, now_s, date = UnsureDay(boot=1), 1, 0.0, 700_000
    began_life, began_s, known = 1, 0.0, 0
    for booted, passed_s, later in looks:
        life, now_s = (life + 1, passed_s) if booted else (life, now_s + passed_s)
        date += later or 0
        told = 0 if later is None else date
        after = day.at(life, now_s, told)
        awake_s = now_s - (began_s if life == began_life else 0.0)
        over = life - began_life >= BOOTS_A_DAY or awake_s > DAY_S + 1 or told > known > 0
        surely_not = life - began_life < BOOTS_A_DAY and awake_s < DAY_S and not told > known > 0
        assert after.number - day.number in (0, 1)
        assert after.number > day.number or not over
        assert after.number == day.number or not surely_not
        if after.number > day.number:
            began_life, began_s = life, now_s
        day, known = after, told or known


def life(store, run, number, trust=NONE):
    """The next boot's uplinker, at whatever hour the clock begins with."""
    return uplinker_of(store, run, boot(store, f"kernel {number}", trust), budget=TIGHT)


@pytest.mark.parametrize("year", [1970, 2016, 2099])
def test_a_clock_that_begins_each_boot_anew_silences_nobody_for_ever(store, run, clock, year):
    """No RTC and no network time: persons wait for the next day, targets and status never."""
    told = []
    for number in range(2 * BOOTS_A_DAY + 5):
        clock.set_wall(datetime(year, 1, 1, tzinfo=UTC))
        uplinker, modem = life(store, run, number), ScriptedModem()
        tell(store, "person", first=10_000 + number)
        if number % 10 == 0:
            tell(store, "leopard", first=number + 1)
        send_all(uplinker, modem, clock)
        went = [label for each in labels(modem.accepted) for label in each]
        told.append(went.count("person"))
        assert went.count("leopard") == (number % 10 == 0)
    days = [sum(told[at : at + BOOTS_A_DAY]) for at in range(0, len(told), BOOTS_A_DAY)]
    assert len(days) == 3
    assert min(days) > 0
    sent = store.database.rows("SELECT day, credits FROM radio_day ORDER BY day")
    assert [day for day, _ in sent] == ["1970-01-01", "1970-01-02", "1970-01-03"]


def test_a_long_life_without_a_trusted_clock_has_days(store, run, clock):
    uplinker, modem = life(store, run, 1), ScriptedModem()
    for number in range(30):
        clock.set_wall(NOON)  # As if somebody set it back again and again.
        tell(store, "person", first=number + 1)
        send_all(uplinker, modem, clock)
        clock.step(3600)
    assert len(modem.accepted) == 10 + 10, "the credits of two days: the second began after 24 h"


def test_network_time_ends_the_day_of_a_clock_that_is_wrong_again_after_each_boot(
    store, run, clock
):
    went = []
    for number in range(4):
        clock.set_wall(NOON)
        uplinker, modem = life(store, run, 2 * number), ScriptedModem()
        tell(store, *["person"] * 12, first=100 * number + 1)
        for _ in range(12):
            uplinker.send_next(modem, clock)
        went.append(len(modem.accepted))
        clock.set_wall(NOON + timedelta(days=number))
        life(store, run, 2 * number + 1, NETWORK).send_next(ScriptedModem(), clock)
    assert all(went), went


def test_days_of_either_clock_do_not_push_out_the_others(store):
    radio = store.radio
    with store.database.transaction():
        radio.count(Session(50, 7, 1.0), UnsureDay(3).moment)
        for day in range(MOST_DAYS + 5):
            radio.count(Session(1, 1, 1.0), NOON + timedelta(days=day))
        assert radio.spent(UnsureDay(3).moment).day == 7
        for day in range(4, MOST_DAYS + 9):
            radio.count(Session(1, 1, 1.0), UnsureDay(day).moment)
    assert radio.spent(NOON + timedelta(days=MOST_DAYS + 4)).day == 1
    assert store.database.row("SELECT count(*) FROM radio_day") == (2 * MOST_DAYS,)


def test_a_unit_with_a_trusted_clock_writes_nothing_more(store, clock):
    commits = store.database.commits
    for _ in range(3):
        now = clock.now()
        assert store.radio.turn(boot(store), now, clock.monotonic(), ClockTrust.RTC) == now
        clock.step(DAY_S)
    assert store.database.commits == commits + 1, "the boot's own row"
