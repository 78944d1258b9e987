"""The lists of many dumps in one: both cameras of a station know that they saw one animal."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.archives import K07, NOON, desk, scores, sightings
from trapnode.cli import main
from trapnode.dump import stations, write_dump
from trapnode.dump.stations import PAIRED, Encounter, pair

MADE_AT = datetime(2026, 12, 1, tzinfo=UTC)


def seen(unit: str, place: str, minutes: float, sighting: str = "") -> Encounter:
    row = {
        "Encounter.verbatimLocality": place,
        "Encounter.occurrenceID": sighting or f"{unit}@{minutes}",
    }
    return Encounter(row, unit, NOON + timedelta(minutes=minutes), Path("a.jpg"))


def sightings_of(*encounters: Encounter) -> list[str]:
    return [each.sighting for each in pair(encounters)]


def test_two_cameras_of_a_station_within_minutes_saw_one_animal():
    assert sightings_of(seen("A", "K07", 0), seen("B", "K07", 1)) == ["A@0", "A@0"]


def test_another_species_is_no_pair():
    tiger = seen("B", "K07", 1)
    tiger.row["Encounter.genus"] = "a tiger's"
    assert len(set(sightings_of(seen("A", "K07", 0), tiger))) == 2


@pytest.mark.parametrize("other", [seen("B", "K08", 1), seen("B", "K07", 2.1), seen("A", "K07", 1)])
def test_another_place_time_or_the_same_camera_is_no_pair(other):
    assert len(set(sightings_of(seen("A", "K07", 0), other))) == 2


def test_an_event_of_several_sequences_is_paired_as_a_whole():
    told = sightings_of(
        seen("A", "K07", 0, "a"), seen("A", "K07", 20, "a"), seen("B", "K07", 21, "b"),
        seen("B", "K07", 40, "b"), seen("A", "K07", 41, "c"),
    )  # fmt: skip
    assert told == ["a"] * 5


def test_two_minutes_are_still_one_passage():
    assert timedelta(minutes=2) == PAIRED


@pytest.fixture
def dumps(tmp_path: Path) -> list[Path]:
    """Two units of one station; a leopard passes both, later another only the second."""
    made = []
    for unit, late in (("AL07", 0), ("AL08", 20)):
        store = sightings(tmp_path / unit)
        store.unit = unit
        store.judge(store.see(NOON + timedelta(seconds=late)), "leopard", [scores(leopard=0.9)] * 3)
        if unit == "AL08":
            store.judge(store.see(NOON + timedelta(hours=9)), "leopard", [scores(leopard=0.9)] * 3)
        park = desk(tmp_path, K07, K07.replace("AL07", "AL08"))
        write_dump(store.store, tmp_path / f"dump{unit}", park, unit, 600, MADE_AT)
        store.store.close()
        made.append(tmp_path / f"dump{unit}")
    return made


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_command_makes_what_wildbook_takes(dumps, tmp_path, capsys):
    out = tmp_path / "wildbook"
    assert main(["individuals", *map(str, dumps), "--out", str(out)]) == 0
    assert "3 encounters, 2 of them seen by two cameras" in capsys.readouterr().out
    rows = table(out / "sheet1.csv")
    ids = [row["Encounter.occurrenceID"] for row in rows]
    assert ids[0] == ids[1] != ids[2]
    assert sorted(row["Encounter.mediaAsset0"] for row in rows) == sorted(
        path.name for path in out.glob("*.jpg")
    )


def test_a_sheet_has_as_many_rows_as_wildbook_takes(dumps, tmp_path, monkeypatch):
    monkeypatch.setattr(stations, "SHEET", 2)
    assert main(["individuals", *map(str, dumps), "--out", str(tmp_path / "w")]) == 0
    assert [len(table(tmp_path / "w" / f"sheet{n}.csv")) for n in (1, 2)] == [2, 1]


def test_a_mistake_is_one_line(dumps, tmp_path, capsys):
    for words, complaint in (
        ([str(tmp_path)], "individual_id.csv: cannot be read"),
        ([str(dumps[0]), "--out", str(tmp_path)], "is there already"),
    ):
        words = words if "--out" in words else [*words, "--out", str(tmp_path / "new")]
        assert main(["individuals", *words]) == 2
        assert complaint in capsys.readouterr().err
    next(dumps[0].rglob("media/**/*.jpg")).unlink()
    for path in (dumps[0] / "media").rglob("*.jpg"):
        path.unlink()
    assert main(["individuals", str(dumps[0]), "--out", str(tmp_path / "new")]) == 2
    assert "is not there: unseal it, or dump again" in capsys.readouterr().err
