"""The screen that a technician reads."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapnode.policy.status_text import DAYS_LEAST, open_part, reasons, render
from trapnode.texts import Texts, speak
from trapnode.texts.screen import columns

SNAPSHOT = {
    "version": "0.1.0",
    "unit": "AL07",
    "at": "2026-11-22T04:30:12+00:00",
    "monotonic_s": 812.5,
    "boot": 212,
    "wake_reason": "pir",
    "clock_trust": "rtc",
    "battery_mv": 7412,
    "temperature_c": -18.54,
    "card_free_bytes": 51_300_000_000,
    "card_total_bytes": 59_600_000_000,
    "card_state": "ok",
    "card_written_bytes": 12_340_000,
    "card_written_per_day_bytes": 98_700_000,
    "syncs_per_event": 9,
    "evicted": 12,
    "evicted_audit": 3,
    "sequences": 412,
    "discarded": 371,
    "targets": 3,
    "unsorted": 0,
    "unclassified": 2,
    "set": "amur-2",
    "waiting": 1,
    "parked": 0,
    "lost_frames": 0,
    "last_trigger": "2026-11-22T04:28:02.123456Z",
    "last_verdicts": ["leopard 97%", "blank 99%"],
    "days_left": 128.4,
    "credits": {"day": 12, "day_most": 50, "month": 130, "month_most": 400},
    "downlinks_refused": {"forged": 1, "replayed": 2},
    "radio": ["delivered, signal 3 of 5", 720.0],
    "selftest": {"failed": [], "age_s": 65.2},
    "note": {"kind": "deploy", "at": "2026-11-22T04:10:00+00:00", "by": "IK"},
    "last_accepted": None,
    "processes": {
        "keeper": {"age_s": 0.1, "fault": ""},
        "station": {"age_s": 1.2, "fault": ""},
    },
    "faults": [],
}


def screen(snapshot, age_s):
    """The screen in English."""
    return render(snapshot, age_s, Texts())


def test_a_sound_unit_is_good_to_go_and_all_of_it_is_on_one_screen():
    assert screen(SNAPSHOT, 3.4) == [
        "AL07  GOOD TO GO",
        "battery   7.41 V, about 128 days left",
        "card      51.3 GB free of 59.6 GB, ok, 12 evicted, 98.7 MB written a day",
        "clock     2026-11-22 04:30:12 UTC, rtc, seen 3 s ago",
        "trigger   2 min ago, 2026-11-22 04:28:02 UTC",
        "verdicts  leopard 97%, blank 99%; 0 unsorted, by amur-2",
        "pictures  412 sequences, 3 of a target, 371 discarded, 0 lost",
        "queue     1 waiting, 0 parked, last accepted never; credits 12/50, 130/400",
        "modem     delivered, signal 3 of 5, 12 min ago, 3 downlinks refused",
        "warmth    -18.5 C in the processor",
        "deployed  2026-11-22 04:10:00 UTC by IK",
        "selftest  passed, 65 s ago",
        "alive     keeper 0, station 1 s ago",
        "version   trapnode 0.1.0, boot 212 by pir",
    ]


def test_boots_that_power_or_the_watchdog_ended_are_told_apart():
    lost = SNAPSHOT | {"power_lost": 14, "watchdog_resets": 2}
    assert screen(lost, 1)[-1].endswith("boot 212 by pir; power lost 14 times, watchdog 2")
    assert len(screen(lost, 1)[-1]) <= 80
    assert screen(SNAPSHOT | {"power_lost": 0, "watchdog_resets": 0}, 1)[-1].endswith("by pir")


def test_a_stick_has_a_line_of_its_own_while_there_is_one():
    assert screen(SNAPSHOT | {"stick": "done, pull it"}, 1)[-1] == "stick     done, pull it"


def test_faults_are_why_nobody_should_walk_away():
    assert screen(SNAPSHOT | {"faults": ["sorter: no classifier", "b"]}, 1)[:3] == [
        "AL07  NOT GOOD TO GO, because",
        "! sorter: no classifier",
        "! b",
    ]


@pytest.mark.parametrize(("age_s", "age"), [(30.0, ""), (30.1, "30 s"), (4700.0, "78 min")])
def test_a_silent_keeper_is_a_reason(age_s, age):
    stale = f"stale {age}: the keeper is silent, this is what it last saw"
    assert reasons(SNAPSHOT, age_s, Texts()) == ([stale] if age else [])


@pytest.mark.parametrize(("days", "number"), [(DAYS_LEAST, 0), (DAYS_LEAST - 1, 1), (None, 0)])
def test_a_battery_for_a_few_days_is_a_reason(days, number):
    assert len(reasons(SNAPSHOT | {"days_left": days}, 1, Texts())) == number


def test_a_unit_that_idles_on_cells_is_told_what_to_set():
    (why,) = reasons(SNAPSHOT | {"days_left": 2.2, "gated": False}, 1, Texts())
    assert why.endswith("days left, under 14: on cells set power.profile = gated")
    assert len(f"! {why}") <= 80
    (why,) = reasons(SNAPSHOT | {"days_left": 2.2, "gated": True}, 1, Texts())
    assert why == "battery: 2 days left, fewer than 14"


def test_without_a_gauge_nothing_is_said_of_days():
    mains = SNAPSHOT | {"days_left": 2.0, "battery_mv": None}
    assert reasons(mains, 1, Texts()) == []
    assert "days" not in screen(mains, 1)[1]


def test_the_signal_is_told_beside_the_last_session():
    heard = {"radio": ["47 bytes accepted in 10 s", 66], "signal": [4, 12.0]}
    (line,) = [each for each in screen(SNAPSHOT | heard, 1) if each.startswith("modem")]
    assert line.startswith("modem     47 bytes accepted in 10 s, 66 s ago, 3 downlinks refused; ")
    quiet = {key: SNAPSHOT[key] for key in SNAPSHOT if key not in ("radio", "downlinks_refused")}
    assert "modem     signal 0 of 5, 2 min ago" in screen(quiet | {"signal": [0, 120.0]}, 1)


def test_a_failed_selftest_is_a_reason():
    failed = {"failed": ["pir", "modem"], "age_s": 5}
    assert reasons(SNAPSHOT | {"selftest": failed}, 1, Texts()) == ["SELFTEST FAILED: pir, modem"]


def test_no_sensors_are_named():
    lines = screen(SNAPSHOT | {"battery_mv": None, "temperature_c": None, "days_left": None}, 1)
    assert "battery   no gauge" in lines
    assert "warmth    no thermometer" in lines


def test_who_is_locked_out_reads_no_label():
    lines = "\n".join(screen(open_part(SNAPSHOT), 1))
    assert "leopard" not in lines
    assert "target" not in lines
    assert "verdicts  locked; 0 unsorted" in lines


def test_the_worst_day_fits_the_screen():
    faults = [f"process {n} \x1b[2J: {'all that can be said ' * 9}" for n in range(40)]
    lines = screen(SNAPSHOT | {"faults": faults, "stick": "x" * 99}, 1e9)
    assert len(lines) <= 22  # And the command and its OK.
    assert lines[0] == "AL07  NOT GOOD TO GO, because"
    assert lines[7] == "! and 35 more: status json has them all"
    assert all(len(line) <= 80 and line.isascii() and line.isprintable() for line in lines)


FULL = {
    "days_left": 1284.0,
    "power_stage": "targets",
    "card_state": "failing",
    "clock_trust": "none",
    "last_accepted": "2026-11-21T04:28:02Z",
    "last_verdicts": ["other_mammal 97%", "leopard 99%"],
    "downlinks_refused": {},
    "radio": ["47 bytes accepted in 10 s", 9000.0],
    "signal": [4, 9000.0],
    "wake_reason": "watchdog",
    "processes": {
        each: {"age_s": 300} for each in ("console", "keeper", "sorter", "station", "uplinker")
    },
    "stick": "copying 120/400 MB, 3 min left",
}


@pytest.mark.parametrize("language", ["en", "ru", "zh"])
def test_in_no_language_a_line_of_a_full_screen_is_cut(language):
    texts = speak(language)
    lines = render(SNAPSHOT | FULL, 9000.0, texts)
    assert [line for line in lines if columns(line) >= 80] == []
    assert texts.said("copying 120/400 MB, 3 min left") in lines[-1]


@pytest.mark.parametrize("key", SNAPSHOT)
def test_a_key_that_is_missing_hides_no_other(key):
    lines = screen({name: value for name, value in SNAPSHOT.items() if name != key}, 1)
    assert len(lines) == 14


JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.text(max_size=9), max_size=3),
    st.dictionaries(
        st.text(max_size=9), st.dictionaries(st.just("age_s"), st.text() | st.floats())
    ),
)


@given(st.dictionaries(st.sampled_from(sorted(SNAPSHOT)), JSON), st.floats(0, 1e9))
def test_whatever_the_snapshot_holds_there_is_a_screen(snapshot, age_s):
    read_back = json.loads(json.dumps(snapshot))
    assert len(screen(read_back, age_s)) >= 14
