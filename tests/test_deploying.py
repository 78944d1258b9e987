"""deploy and collect: the questions, what is noted, and power that goes meanwhile."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults import ForgetfulDisk, NamelessDisk, every_cut
from tests.technician import Cable, unit_at
from trapnode.errors import StoreError
from trapnode.model import ClockTrust
from trapnode.policy.session import Lock
from trapnode.sim.clock import SteppedClock
from trapnode.store import fieldnotes, ram, remarks
from trapnode.store.cells import answer_cells, cells_asked
from trapnode.store.disk import RealDisk
from trapnode.store.fieldnotes import CELLS, COLLECT, DEPLOY, FieldNote

ANSWERS = ["IK", "0,5", "se", "-5", "n", "1", "under the big cedar"]
NOON = SteppedClock().now()


def typed(cable: Cable, *lines: str) -> list[str]:
    """Type lines one after another; give the last line of each reply."""
    return [cable.console.say(line)[-1] for line in lines]


def test_what_is_answered_is_noted_and_the_place_is_not_asked_for(tmp_path):
    cable = Cable(unit_at(tmp_path))
    ram.write_snapshot(tmp_path, {"clock_trust": "rtc"})
    assert typed(cable, "deploy", *ANSWERS) == ["OK"] * 8
    assert fieldnotes.read(cable.unit.state) == [
        FieldNote(
            DEPLOY, cable.unit.clock.now(), ClockTrust.RTC, "IK", 0.5, 135, -5, False,
            "trailGame", "under the big cedar",
        )
    ]  # fmt: skip


def test_the_next_time_enter_takes_what_was_said_before(tmp_path):
    cable = Cable(unit_at(tmp_path))
    typed(cable, "deploy", *ANSWERS)
    cable.unit.clock.step(86400)
    text = "\n".join(cable.console.say("deploy"))
    assert "1/7 Who? Initials or name [IK]" in text
    assert typed(cable, *[""] * 7) == ["OK"] * 7
    first, second = fieldnotes.read(cable.unit.state)
    assert (second.by, second.height_m, second.bait) == (first.by, first.height_m, first.bait)
    assert second.at > first.at


def test_a_dot_leaves_out_and_a_name_is_needed(tmp_path):
    cable = Cable(unit_at(tmp_path))
    assert typed(cable, "deploy", "", ".")[1].startswith("ERR 5")
    typed(cable, *["."] * 6)
    note = fieldnotes.last(cable.unit.state)
    assert (note.by, note.height_m, note.heading, note.bait) == (".", None, None, None)


@pytest.mark.parametrize(
    ("number", "wrong"),
    [
        (1, ["0", "11", "abc", "nan", "inf", "-1"]),
        (2, ["360", "NNE", "-1", "1e2", "9" * 250]),
        (3, ["91", "-91", "x"]),
        (4, ["maybe", "1"]),
        (5, ["0", "14", "trailGame", "\u0661"]),
        (6, ["x" * 81]),
    ],
)
def test_an_answer_that_makes_no_sense_is_asked_for_again(tmp_path, number, wrong):
    cable = Cable(unit_at(tmp_path))
    typed(cable, "deploy", *ANSWERS[:number])
    assert all(each.startswith("ERR 5 ") for each in typed(cable, *wrong))
    assert set(typed(cable, *ANSWERS[number:])) == {"OK"}
    assert len(fieldnotes.read(cable.unit.state)) == 1


@pytest.mark.parametrize("end", [b"cancel\r", b"CANCEL\r", b"\x03"])
def test_cancel_notes_nothing(tmp_path, end):
    cable = Cable(unit_at(tmp_path))
    cable.type(b"deploy\rIK\r")
    assert cable.type(end).endswith(b"ERR 6 cancelled, nothing noted\r\n")
    assert fieldnotes.read(cable.unit.state) == []


def test_collect_asks_who_and_ends_the_deployment(tmp_path):
    cable = Cable(unit_at(tmp_path))
    typed(cable, "deploy", *ANSWERS)
    assert typed(cable, "collect", "") == ["OK", "OK"]
    assert fieldnotes.last(cable.unit.state).kind == COLLECT
    assert fieldnotes.last(cable.unit.state).by == "IK"


def test_fresh_cells_are_noted_and_the_keeper_counts_them_anew(tmp_path):
    cable = Cable(unit_at(tmp_path))
    typed(cable, "deploy", *ANSWERS)

    def keeper():
        if number := cells_asked(tmp_path):
            answer_cells(tmp_path, number)

    assert typed(cable, "collect", "") == ["OK", "OK"]
    patient = Cable(cable.unit, keeper)
    patient.console.say("battery new")
    assert patient.ask("")[-2:] == [
        "noted: fresh cells by IK; what they give is counted from now on",
        "OK",
    ]
    assert fieldnotes.last(cable.unit.state).kind == CELLS
    assert fieldnotes.last(cable.unit.state, DEPLOY, COLLECT).kind == COLLECT
    assert remarks.deployed(tmp_path)["kind"] == COLLECT, "the status tells of the last visit"


def test_a_keeper_that_hangs_is_said_to_and_the_note_stays(tmp_path):
    cable = Cable(unit_at(tmp_path))
    cable.console.say("battery new")
    assert cable.ask("IK")[-1].startswith("ERR 9 no answer from the keeper in 30 s")
    assert fieldnotes.last(cable.unit.state).kind == CELLS


def test_fresh_cells_wait_for_the_lock(tmp_path):
    cable = Cable(unit_at(tmp_path, lock=Lock(bytes(32), lambda size: bytes(size))))
    assert typed(cable, "battery new") == ["ERR 7 locked: type unlock"]
    assert cells_asked(tmp_path) == 0


def test_a_unit_that_was_not_tested_is_said_to_be(tmp_path):
    cable = Cable(unit_at(tmp_path))
    typed(cable, "deploy", *ANSWERS[:6])
    assert "no selftest" in " ".join(cable.console.say("."))
    remarks.note_tested(tmp_path, [], 100)
    typed(cable, "deploy", *ANSWERS[:6])
    assert "next: lock" in " ".join(cable.console.say("."))


def test_a_clock_that_is_not_set_is_said_to_be(tmp_path):
    cable = Cable(unit_at(tmp_path))
    ram.write_snapshot(tmp_path, {"clock_trust": "none"})
    assert "clock is not set" in " ".join(cable.console.say("deploy"))


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
def test_whatever_is_answered_a_note_is_whole_or_there_is_none(tmp_path, lines):
    cable = Cable(unit_at(tmp_path))
    (cable.unit.state / "field-notes.json").unlink(missing_ok=True)
    typed(cable, "deploy")
    for line in lines:
        for said in cable.console.say(line)[-1:]:
            assert said.split()[0] in ("OK", "ERR")
        cable.unit.clock.step(1)
    for note in fieldnotes.read(cable.unit.state):
        assert note.by
        assert note.heading is None or 0 <= note.heading <= 359


def note(day: int) -> FieldNote:
    """The note of a day."""
    return FieldNote(DEPLOY, NOON.replace(day=day), ClockTrust.RTC, f"IK{day}", 0.5)


def noted(state, power) -> None:
    """Note two deployments; tell which are surely there."""
    for day in (1, 2):
        fieldnotes.add(power.disk, state, note(day))
        power.told.append(day)


def kept(state, power) -> None:
    """What was told is there, whole; at most one more."""
    days = [each.at.day for each in fieldnotes.read(state)]
    assert days == [1, 2][: len(days)]
    assert len(days) >= len(power.told)


def test_power_that_goes_at_any_step_costs_no_note(tmp_path):
    assert every_cut(tmp_path, None, noted, kept) > 20


@pytest.mark.parametrize("make_disk", [ForgetfulDisk, NamelessDisk])
def test_a_disk_that_does_not_sync_is_found_out(tmp_path, make_disk):
    with pytest.raises((AssertionError, StoreError)):
        every_cut(tmp_path, None, noted, kept, seeds=range(8), make_disk=make_disk)


@pytest.mark.parametrize("content", [b"", b"\x00" * 99, b"{}", b'[{"at": "x"}]', b"[1]"])
def test_a_file_that_is_none_of_ours_is_set_aside(tmp_path, content):
    path = tmp_path / "field-notes.json"
    path.write_bytes(content)
    fieldnotes.add(RealDisk(), tmp_path, note(3))
    assert [each.at.day for each in fieldnotes.read(tmp_path)] == [3]
    assert next(tmp_path.glob("*.bad")).read_bytes() == content


def test_notes_are_bounded(tmp_path):
    for number in range(103):
        fieldnotes.add(RealDisk(), tmp_path, note(1 + number % 28))
    assert len(fieldnotes.read(tmp_path)) == 100


def test_a_card_that_takes_no_note_is_an_error_in_one_line(tmp_path):
    cable = Cable(unit_at(tmp_path))
    (cable.unit.state / "field-notes.json.part").mkdir()
    typed(cable, "deploy", *ANSWERS[:6])
    assert cable.console.say(".")[-1].startswith("ERR 3 store: ")
