"""What a technician noted at the unit, in the package that the desk makes."""

import csv
from datetime import timedelta

import pytest

from tests.archives import K07, NOON, a_day, desk
from trapnode.dump import write_dump
from trapnode.dump.deployments import read
from trapnode.dump.noted import completed
from trapnode.errors import ConfigError
from trapnode.model import ClockTrust
from trapnode.store import fieldnotes
from trapnode.store.disk import RealDisk
from trapnode.store.fieldnotes import CELLS, COLLECT, DEPLOY, FieldNote

START = NOON - timedelta(days=2)
NOTE = FieldNote(DEPLOY, START, ClockTrust.RTC, "IK", 0.5, 135, -5, False, "trailGame", "big cedar")
END = FieldNote(COLLECT, NOON + timedelta(days=30), ClockTrust.NETWORK, "IK")
PLACE = '\n[[deployment]]\nunit = "AL07"\nlatitude = 43.1\nlongitude = 131.5\n'
STARTED = "deploymentStart = 2026-11-20T10:00:00\n"


def dumped(folder, text, *notes, choice=None) -> dict[str, str]:
    """Dump a day with the desk's file and some notes; give the deployment."""
    seen = a_day(folder / "state")
    for note in notes:
        fieldnotes.add(RealDisk(), folder / "state", note)
    more = {"choice": choice} if choice else {}
    write_dump(seen.store, folder / "dump", desk(folder, text), "AL07", 600, NOON, **more)
    seen.store.close()
    with (folder / "dump" / "deployments.csv").open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    return row


def test_the_notes_fill_what_the_desk_left_empty(tmp_path):
    row = dumped(tmp_path, PLACE, NOTE, END)
    assert row["deploymentStart"] == "2026-11-20T12:00:00+1000"
    assert row["deploymentEnd"] == "2026-12-22T12:00:00+1000"
    assert row["deploymentID"] == "AL07.20261120"
    assert (row["setupBy"], row["cameraHeight"], row["cameraHeading"]) == ("IK", "0.5", "135")
    assert (row["cameraTilt"], row["baitUse"], row["featureType"]) == ("-5", "false", "trailGame")
    assert row["deploymentComments"] == "big cedar"


def test_fresh_cells_end_no_deployment(tmp_path):
    cells = FieldNote(CELLS, START + timedelta(days=1), ClockTrust.RTC, "XX")
    rows = []
    for name, notes in (("a", (NOTE, cells)), ("b", (NOTE,))):
        (tmp_path / name).mkdir()
        rows.append(dumped(tmp_path / name, PLACE, *notes))
    assert rows[0] == rows[1]


def test_the_desks_word_stands(tmp_path):
    said = PLACE + STARTED + 'setupBy = "Desk"\ncameraHeading = 0\nbaitUse = true\n'
    row = dumped(tmp_path, said, NOTE)
    assert row["deploymentStart"] == "2026-11-20T10:00:00+1000"
    assert (row["setupBy"], row["cameraHeading"], row["baitUse"]) == ("Desk", "0", "true")
    assert row["cameraHeight"] == "0.5"


def test_a_note_of_another_day_fills_nothing(tmp_path):
    other = FieldNote(DEPLOY, START - timedelta(days=40), ClockTrust.RTC, "XX", 2.0)
    assert dumped(tmp_path, K07, other)["setupBy"] == ""


def test_a_note_without_a_true_time_fills_nothing(tmp_path):
    with pytest.raises(ConfigError, match="AL07 has no deploymentStart, and none was noted"):
        dumped(tmp_path, PLACE, FieldNote(DEPLOY, START, ClockTrust.NONE, "IK"))


def test_notes_that_cannot_be_read_cost_no_dump(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "field-notes.json").write_text("torn")
    assert dumped(tmp_path, K07)["setupBy"] == ""


def test_two_visits_of_a_card_are_two_deployments(tmp_path):
    later = FieldNote(DEPLOY, START + timedelta(days=60), ClockTrust.RTC, "SB", 0.7)
    _, stood = read(
        desk(tmp_path, PLACE, PLACE), "AL07", 600, lambda ours: completed(ours, [NOTE, later])
    )
    assert [each.setupBy for each in stood] == ["IK", "SB"]
    assert stood[0].deploymentEnd == later.at
    assert stood[1].deploymentEnd is None


def test_who_it_was_is_not_for_everybody(tmp_path):
    from trapnode.dump.choice import Choice

    row = dumped(tmp_path, PLACE, NOTE, choice=Choice(public=1.0))
    assert (row["setupBy"], row["deploymentComments"]) == ("", "")
    assert row["cameraHeight"] == "0.5"
