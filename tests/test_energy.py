"""The energy model, the account on the card, and what the keeper makes of both."""

import errno
import itertools
import json
import os
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes import NOON, boot
from tests.faults import every_cut
from trapnode.errors import CardFailed, CardFull
from trapnode.model import ClockTrust, WakeReason
from trapnode.policy.energy import (
    Day,
    Powers,
    Spent,
    cold_factor,
    day_mwh,
    days_left,
    event_mwh,
    expected_day_mwh,
    usable_mwh,
)
from trapnode.store.account import DAYS_KEPT, FILE, Account, read_account, write_account
from trapnode.store.busy import Busy, read_busy
from trapnode.store.cells import ask_cells, cells_answered
from trapnode.store.disk import RealDisk
from trapnode.store.energy import SAVE_S, Cells, Energy
from trapnode.store.entries import begin_boot
from trapnode.store.stage import Restraint, read_restraint
from trapnode.words import Stage

GATED = Cells(gated=True, linger_s=15.0)
TUNED = Powers(boot=411.0, idle=600.0)  # 1.438 J in 3.5 s.


def test_seconds_become_energy_by_state():
    spent = Spent(off=3600, boot=9, awake=120, camera=6, judge=4, modem=36, light=0.9)
    by_state = spent.by_state(Powers())
    assert {state: round(mwh, 3) for state, mwh in by_state.items()} == {
        **{"off": 0.5, "boot": 1.975, "idle": 20.0},
        **{"camera": 0.833, "judge": 1.0, "modem": 19.0, "light": 1.25},
    }
    assert spent.mwh(Powers()) == pytest.approx(sum(by_state.values()))


def test_the_model_agrees_with_the_figures_it_was_made_from():
    """Idle stock 14,604 mWh a day; an event 4.0 mWh, its frames lit for 50 ms each."""
    stock, tuned = replace(Powers(), light=1000.0), replace(TUNED, light=1000.0)
    idle = day_mwh(stock, gated=False, linger_s=0, boot_s=0)
    twice = 30 * (4 + 4 + 1) * 600 / 3600  # There idling counts twice while an event lasts.
    assert idle == pytest.approx(14_604 - twice, rel=1e-3)
    capture = event_mwh(replace(tuned, boot=0.0), gated=True, linger_s=0, boot_s=0)
    assert capture == pytest.approx(4.03 + 3 * 1100 / 3600, abs=0.01)
    gated = day_mwh(tuned, gated=True, linger_s=15, boot_s=3.5)
    assert gated == pytest.approx(228 + 30 * (3 * 1100 + 15 * 600) / 3600, rel=0.01)


@pytest.mark.parametrize(
    ("linger_s", "events", "stock", "tuned", "pi5", "gated"),
    [  # The tables of the model that the design was made with, mWh a day.
        (15.0, 5, 14_503, 9_103, 554, 135),
        (15.0, 30, 14_604, 9_204, 806, 331),
        (15.0, 100, 14_886, 9_486, 1_512, 880),
        (60.0, 5, 14_503, 9_103, 591, 172),
        (60.0, 30, 14_604, 9_204, 1_031, 556),
        (60.0, 100, 14_886, 9_486, 2_262, 1_630),
    ],
)
def test_every_row_of_the_design_s_model_comes_out(linger_s, events, stock, tuned, pi5, gated):
    def day(powers, boot_s=0.0, is_gated=True):
        powers = replace(powers, light=1000.0)  # It lit each frame for 50 ms.
        return day_mwh(powers, gated=is_gated, linger_s=linger_s, boot_s=boot_s, events=events)

    twice = events * (4 + 4 + 1) / 3600  # There idling counts twice while an event lasts.
    assert day(Powers(), is_gated=False) + twice * 600 == pytest.approx(stock, abs=1)
    tuned_twice = twice * 375 + events * (600 - 375) / 3600  # And storing costs as on a stock one.
    assert day(Powers(idle=375.0), is_gated=False) + tuned_twice == pytest.approx(tuned, abs=1)
    assert day(Powers(off=17.5), 9_500 / 790) == pytest.approx(pi5, abs=1)
    assert day(TUNED, 1_438 / 411) == pytest.approx(gated, abs=1)


@pytest.mark.parametrize(
    ("celsius", "share"),
    [(40, 1.0), (20, 1.0), (-5, 0.8), (-30, 0.6), (-40, 0.52), (-90, 0.4), (None, 0.6)],
)
def test_cold_cells_yield_less(celsius, share):
    assert cold_factor(celsius) == pytest.approx(share)
    assert usable_mwh(63.0, celsius) == pytest.approx(63_000 * 0.85 * share)


def test_a_longer_linger_shows_in_the_forecast_at_once():
    days = [Day(f"2026-11-{n:02}", 300.0, 30, 15.0) for n in range(1, 10)]
    as_before = expected_day_mwh(days, Powers(), gated=True, linger_s=15.0, boot_s=3.5)
    longer = expected_day_mwh(days, Powers(), gated=True, linger_s=75.0, boot_s=3.5)
    assert (as_before, longer) == (pytest.approx(300.0), pytest.approx(300.0 + 30 * 10.0))
    always = expected_day_mwh(days, Powers(), gated=False, linger_s=75.0, boot_s=3.5)
    assert always == pytest.approx(300.0)


def test_without_a_counted_day_the_forecast_is_the_models():
    kept = {"gated": True, "linger_s": 15.0, "boot_s": 3.5}
    assert expected_day_mwh([], Powers(), **kept) == day_mwh(Powers(), **kept)
    assert days_left(3_000.0, 300.0) == 10.0
    assert days_left(-1.0, 300.0) == 0.0
    assert days_left(1.0, 0.0) is None


@pytest.fixture
def look(store, run, clock):
    """Look as the keeper does, at the fixture's clock; an energy of our own or a new one."""

    def look(energy=None, mv=None, celsius=-20.0, trust=ClockTrust.RTC, life=None, cells=GATED):
        energy = energy or Energy(cells, store, run, life or boot(store))
        return energy, energy.look(clock.now(), clock.monotonic(), trust, mv, celsius)

    return look


def test_a_boot_is_charged_once_and_then_what_passes(look, clock, run):
    clock.step(12)
    energy, health = look()
    assert health.this_boot["boot"] == pytest.approx(12 * 790 / 3600)
    clock.step(60)
    Busy(run, "camera", clock.monotonic).add(6.0)
    with Busy(run, "modem", clock.monotonic).during():
        clock.step(30)
        _, health = look(energy)
    assert health.this_boot["idle"] == pytest.approx(90 * 600 / 3600)
    assert health.this_boot["camera"] == pytest.approx(6 * 500 / 3600)
    assert health.this_boot["modem"] == pytest.approx(30 * 1900 / 3600)
    assert health.used_mwh == pytest.approx(sum(health.this_boot.values()))


def test_a_keeper_that_begins_anew_charges_nothing_twice(look, clock, store):
    clock.step(12)
    energy, _ = look()
    clock.step(60)
    _, before = look(energy)
    energy.save(clock.monotonic())
    clock.step(10)
    _, after = look()  # As after a crash.
    assert after.used_mwh - before.used_mwh == pytest.approx(10 * 600 / 3600)
    assert after.this_boot["boot"] == before.this_boot["boot"]


def test_the_next_boot_charges_the_time_switched_off_and_the_lives_nobody_counted(
    store, run, clock
):
    clock.step(12)
    first = Energy(GATED, store, run, boot(store, "one"))
    first.look(clock.now(), clock.monotonic(), ClockTrust.RTC, None, None)
    first.save(clock.monotonic())
    used = read_account(store.state).used_mwh
    for each in ("two", "three", "four"):
        life = boot(store, each)
    later = NOON + timedelta(days=1, seconds=12)
    fourth = Energy(GATED, store, run, life)
    health = fourth.look(later, 12.0, ClockTrust.RTC, None, None)
    off_s = 86_400 + 12 - 12 - 12
    lost = 2 * event_mwh(Powers(), gated=True, linger_s=15, boot_s=12)
    assert health.used_mwh == pytest.approx(
        used + off_s * 0.5 / 3600 + 12 * 790 / 3600 + lost, rel=1e-3
    )
    assert read_account(store.state).days[-1].wakes == 1
    assert fourth.account.days[-1].wakes == 3


@pytest.mark.parametrize("years", [-56, 12])
def test_a_clock_that_nobody_trusts_charges_no_time_off(store, run, clock, years):
    first = Energy(GATED, store, run, boot(store, "one"))
    first.look(clock.now(), 0.0, ClockTrust.RTC, None, None)
    first.save(0.0)
    mad = NOON.replace(year=NOON.year + years)
    for trust in (ClockTrust.NONE, ClockTrust.RTC):  # A trusted one may be wrong, too.
        second = Energy(GATED, store, run, boot(store, "two"))
        assert second.look(mad, 0.0, trust, None, None).used_mwh == pytest.approx(0.0, abs=1e-6)


def test_the_card_is_written_hourly_and_when_the_stage_changes(look, clock, store):
    energy, _ = look()
    writes = []
    for _ in range(int(SAVE_S / 10) + 2):
        before = read_account(store.state)
        look(energy)
        writes.append(read_account(store.state) != before)
        clock.step(10)
    assert sum(writes) == 1
    _, health = look(energy, mv=6_100)
    assert health.stage is Stage.FEWER
    assert read_account(store.state).stage is Stage.FEWER


def test_the_others_hear_of_the_stage_the_cold_and_the_heat(look, run):
    assert read_restraint(run) == Restraint()
    energy, _ = look(mv=6_050, celsius=-31.0)
    assert read_restraint(run) == Restraint(Stage.FEWER, -31.0, False)
    _, health = look(energy, mv=6_050, celsius=81.0)
    assert read_restraint(run) == Restraint(Stage.NO_PREVIEWS, -31.0, True)
    assert [text for _, text in health.faults()] == [
        "battery: stage no_previews, 63% of its energy left".replace(
            "63%", f"{health.left_share:.0%}"
        ),
        "heat: judging waits for the processor to cool",
    ]


MAINS = Cells()


@pytest.mark.parametrize("cells", [MAINS, replace(MAINS, battery_wh=0.0)])
def test_a_unit_on_mains_or_sun_falls_silent_by_its_voltage_only(look, clock, cells):
    """What comes in is not counted: the account alone would say that it is empty on day four."""
    energy, health = look(cells=cells, mv=9_000)
    for _ in range(30 * 24):
        clock.step(3600)
        _, health = look(energy, mv=9_000)
        assert health.stage is Stage.FULL
    assert health.used_mwh == pytest.approx(30 * 24 * 600, rel=0.01)
    assert (health.days_left is None) is (cells.battery_wh == 0)
    assert health.faults() == []
    _, health = look(energy, mv=6_900)
    assert health.stage is Stage.FEWER


def test_a_gated_unit_without_a_count_of_its_cells_goes_by_the_voltage(look, clock):
    energy, health = look(cells=replace(GATED, battery_wh=0.0), mv=6_900)
    assert [text for _, text in health.faults()] == ["battery: stage fewer"]
    assert health.as_snapshot()["battery_left_share"] is None
    _, health = look(energy, mv=9_000)
    assert health.stage is Stage.FULL


def test_new_cells_in_a_unit_that_is_up_for_a_month_gave_nothing_before(look, clock):
    clock.step(30 * 86_400)
    energy, health = look(cells=MAINS)
    assert health.used_mwh == pytest.approx(60 * 790 / 3600)
    clock.step(3600)
    _, health = look(energy)
    assert health.used_mwh == pytest.approx(60 * 790 / 3600 + 600)


def test_a_keeper_that_comes_late_charges_a_boot_and_then_idling(look, store, run, clock):
    look()
    clock.step(600)
    energy = Energy(GATED, store, run, boot(store, "two"))
    before = energy.account.used_mwh
    health = energy.look(clock.now(), 600.0, ClockTrust.NONE, None, None)
    assert health.used_mwh - before == pytest.approx((60 * 790 + 540 * 600) / 3600)


def test_brown_outs_and_the_watchdog_are_counted_apart(store, run, clock):
    """Two power cuts, an end by our own will, a watchdog's reset, and one after lives uncounted."""
    lives = iter(range(99))

    def live(reason, ended=False):
        life = begin_boot(store.database, f"{next(lives)}", clock.now(), reason, ClockTrust.NONE)
        energy = Energy(GATED, store, run, life)
        health = energy.look(clock.now(), 4.0, ClockTrust.NONE, None, None)
        (energy.end if ended else energy.save)(4.0)
        return health.cuts, health.resets

    assert live(WakeReason.PIR) == (0, 0)
    assert live(WakeReason.PIR) == (1, 0)
    assert live(WakeReason.POWER_ON, ended=True) == (2, 0)
    assert live(WakeReason.ALARM) == (2, 0)
    assert live(WakeReason.WATCHDOG) == (2, 1)
    boot(store, "cut before it was counted")
    assert live(WakeReason.WATCHDOG, ended=True) == (3, 2)
    assert live(WakeReason.PIR) == (3, 2)


def test_a_keeper_that_was_stopped_and_began_anew_ends_no_boot(store, run, clock):
    """As an update does: the power cut that comes after it is one."""
    life = boot(store)
    first = Energy(MAINS, store, run, life)
    first.look(clock.now(), 10.0, ClockTrust.RTC, None, None)
    first.end(20.0)
    assert read_account(store.state).ended
    Energy(MAINS, store, run, life).look(clock.now(), 30.0, ClockTrust.RTC, None, None)
    assert not read_account(store.state).ended
    later = Energy(MAINS, store, run, boot(store, "two"))
    assert later.look(clock.now(), 10.0, ClockTrust.RTC, None, None).cuts == 1


def test_a_unit_that_never_lives_an_hour_is_counted_all_the_same(store, run, clock):
    for life in range(4):
        energy = Energy(MAINS, store, run, boot(store, f"{life}"))
        health = energy.look(clock.now(), 20.0, ClockTrust.NONE, None, None)
    assert health.cuts == 3


def test_the_stage_outlives_the_power(look, store, run, clock):
    look(mv=6_050)
    life = boot(store, "two")
    assert Energy(GATED, store, run, life).account.stage is Stage.FEWER


def test_fresh_cells_begin_a_new_account_once(look, store, run, clock):
    clock.step(12)
    energy, worn = look(mv=6_050)
    clock.step(86_400)
    _, worn = look(energy, mv=6_050)
    ask_cells(run, 7)
    _, fresh = look(energy)
    assert (fresh.used_mwh, fresh.stage, cells_answered(run)) == (0.0, Stage.FULL, 7)
    assert fresh.days_left > worn.days_left
    assert read_account(store.state).used_mwh == 0.0
    assert read_account(store.state).days == energy.account.days != ()
    clock.step(60)
    _, later = look(energy)
    assert later.used_mwh == pytest.approx(60 * 600 / 3600), "counted from then on"
    _, after_a_crash = look()
    assert after_a_crash.used_mwh == pytest.approx(later.used_mwh, abs=1e-6)


def test_what_a_keeper_died_of_the_next_one_does(look, store, run):
    look(mv=6_050)
    ask_cells(run, 7)
    look()
    assert read_account(store.state).stage is Stage.FULL
    assert cells_answered(run) == 7


def test_a_power_cut_leaves_the_old_account_or_the_new_one(tmp_path):
    old, new = Account(used_mwh=1.0), Account(used_mwh=2.0, stage=Stage.TARGETS)
    template = tmp_path / "template"
    template.mkdir()
    write_account(RealDisk(), template, old)

    def work(state, power):
        write_account(power.disk, state, new)

    def check(state, power):
        assert read_account(state) in ((old, new) if power.dead else (new,))

    assert every_cut(tmp_path, template, work, check) >= 12


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", '{"used_mwh": 1}', "\xff", "null"),
        json.dumps({"used_mwh": float("nan"), "days": [], "stage": "full", "spent": {}}),
        json.dumps({"used_mwh": 1, "days": [], "stage": "gone", "spent": {}}),
        json.dumps({"at": "2026-11-22T04:30:00", "days": [], "stage": "full", "spent": {}}),
        json.dumps({"days": [{"date": 1}], "stage": "full", "spent": {}}),
    ],
)
def test_a_broken_account_begins_a_new_one(tmp_path, text):
    (tmp_path / FILE).write_text(text, "latin-1")
    assert read_account(tmp_path) == Account()


def test_an_account_comes_back_as_it_was_and_keeps_two_weeks(tmp_path):
    account = Account(alarm_at="2026-11-23T02:00:30+00:00", at="2026-11-22T04:30:00+00:00")
    for day in range(1, 20):
        for mwh, wakes in ((10.0, 1), (5.0, 0)):
            account = account.charge(mwh, f"2026-11-{day:02}", wakes, 15.0)
    write_account(RealDisk(), tmp_path, account)
    assert read_account(tmp_path) == account
    assert len(account.days) == DAYS_KEPT
    assert account.days[-1] == Day("2026-11-19", 15.0, 1, 15.0)
    assert account.used_mwh == pytest.approx(19 * 15.0)


def test_a_mark_says_since_when_and_until_when(run, clock):
    busy = Busy(run, "modem", clock.monotonic)
    assert not read_busy(run, "modem").covers(0.0, 1.0)
    with busy.during():
        clock.step(5)
        mark = read_busy(run, "modem")
        assert mark.total_s(clock.monotonic()) == 5.0
        assert (mark.covers(0.0, 1.0), mark.covers(-1.0, 1.0)) == (True, False)
    mark = read_busy(run, "modem")
    assert (mark.seconds, mark.since_s, mark.ended_s) == (5.0, None, 5.0)
    assert [mark.covers(moment, 1.0) for moment in (5.0, 5.9, 6.0)] == [True, True, False]


def test_a_process_that_died_in_a_session_leaves_no_radio_on(run, clock):
    session = Busy(run, "modem", clock.monotonic).during()
    session.__enter__()
    assert read_busy(run, "modem").since_s == 0.0
    Busy(run, "modem", clock.monotonic)
    assert read_busy(run, "modem").since_s is None


def test_a_broken_mark_was_never_busy(run):
    for text in ("", "{}", "[1]", '{"seconds": "x", "since_s": 1, "ended_s": 2}'):
        (run / "judge.busy").write_text(text)
        assert read_busy(run, "judge").total_s(9.0) == 0.0


def test_half_a_month_is_counted(store, run, clock):
    """Sixteen days of 30 wakes: the count is the model's, and each day costs one of those left."""
    left = []
    lives = itertools.count(1)
    now = NOON
    for day in range(1, 17):
        for _ in range(30):
            life = boot(store, f"{next(lives)}")
            energy = Energy(GATED, store, run, life)
            energy.look(now, 3.5, ClockTrust.RTC, None, -30.0)
            health = energy.look(now + timedelta(seconds=25), 28.5, ClockTrust.RTC, None, -30.0)
            energy.save(28.5)
            now += timedelta(days=1) / 30
        if day > 8:
            left.append(health.days_left)
    drops = [before - after for before, after in itertools.pairwise(left)]
    assert all(0.9 < drop < 1.1 for drop in drops)


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, CardFull), (errno.EROFS, CardFailed), (errno.EIO, CardFailed)]
)
def test_a_card_that_refuses_the_account_is_the_stores_error(store, run, monkeypatch, code, kind):
    """Who is not told that it is full ends the keeper, and nobody makes room."""

    def refuse(_disk, _path, _data):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(RealDisk, "write", refuse)
    with pytest.raises(kind, match=r"power\.json: cannot be written"):
        write_account(RealDisk(), store.state, Account())
    energy = Energy(GATED, store, run, boot(store))
    if kind is CardFull:
        energy.save(1.0)
    else:
        with pytest.raises(CardFailed):
            energy.save(1.0)
