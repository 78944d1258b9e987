"""The screen that a technician reads."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapnode.policy.status_text import render

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
    "last_trigger": "2026-11-22T04:29:50.123456Z",
    "last_accepted": None,
    "processes": {
        "keeper": {"age_s": 0.1, "fault": ""},
        "station": {"age_s": 1.2, "fault": ""},
    },
    "faults": [],
}


def test_a_sound_unit_says_ok_first_and_all_of_it_on_one_screen():
    assert render(SNAPSHOT, 3.4) == [
        "AL07  OK",
        "time      2026-11-22 04:30:12Z, clock rtc, 3 s ago",
        "boot      212 by pir, trapnode 0.1.0",
        "battery   7.41 V, processor -18.5 C",
        "card      51.3 GB free of 59.6 GB, ok, 12 evicted (3 audit)",
        "wear      12.3 MB written since boot, 98.7 MB a day, 9 syncs an event",
        "pictures  412 sequences, 3 with a target, 371 discarded, 0 frames lost",
        "sorter    0 unsorted, 2 unclassified, by amur-2",
        "radio     1 waiting, 0 parked",
        "trigger   last 2026-11-22 04:29:50Z",
        "accepted  last never",
        "alive     keeper 0 s, station 1 s",
    ]


def test_a_stick_has_a_line_of_its_own_while_there_is_one():
    assert render(SNAPSHOT | {"stick": "done, pull it"}, 1)[-1] == "stick     done, pull it"


def test_faults_come_first_and_are_counted():
    assert render(SNAPSHOT | {"faults": ["sorter: no classifier"]}, 1)[:2] == [
        "AL07  1 FAULT",
        "! sorter: no classifier",
    ]
    assert render(SNAPSHOT | {"faults": ["a", "b"]}, 1)[:3] == ["AL07  2 FAULTS", "! a", "! b"]


@pytest.mark.parametrize(("age_s", "faults"), [(30.0, 0), (30.1, 1), (4700.0, 1)])
def test_a_silent_keeper_is_a_fault(age_s, faults):
    lines = render(SNAPSHOT, age_s)
    assert [line for line in lines if line.startswith("!")] == [
        f"! stale {age_s:.0f} s: the keeper is silent, this is what it last saw"
    ] * faults
    assert lines[0] == ("AL07  1 FAULT" if faults else "AL07  OK")


def test_no_sensors_are_named():
    lines = render(SNAPSHOT | {"battery_mv": None, "temperature_c": None}, 1)
    assert "battery   no gauge, processor without thermometer" in lines


def test_the_worst_day_fits_the_screen():
    faults = [f"process {n} \x1b[2J: {'all that can be said ' * 9}" for n in range(40)]
    lines = render(SNAPSHOT | {"faults": faults}, 1e9)
    assert len(lines) <= 22  # And the command and its OK.
    assert lines[0] == "AL07  41 FAULTS"
    assert lines[9] == "! and 33 more: status json has them all"
    assert all(len(line) <= 80 and line.isascii() and line.isprintable() for line in lines)


@pytest.mark.parametrize("key", SNAPSHOT)
def test_a_key_that_is_missing_hides_no_other(key):
    lines = render({name: value for name, value in SNAPSHOT.items() if name != key}, 1)
    assert len(lines) == 12


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
    assert len(render(read_back, age_s)) >= 11
