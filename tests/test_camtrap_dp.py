"""The package: valid by the standard's own schemas, and true to what the store knows."""

import csv
import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.archives import K07, NOON, Sightings, desk, scores, sightings
from trapnode.dump import DumpSummary, write_dump
from trapnode.dump.columns import DEPLOYMENTS, MEDIA, OBSERVATIONS
from trapnode.dump.taxa import taxonomic
from trapnode.errors import ConfigError
from trapnode.model import TAXA, ClockTrust, TriggerSource

STANDARD = Path(__file__).parent.parent.parent / "shared" / "camtrap-dp"
BESIDE = pytest.mark.skipif(not STANDARD.is_dir(), reason="no Camtrap DP schemas beside the repo")
MADE_AT = datetime(2026, 12, 1, tzinfo=UTC)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+1000")
S01 = """
[[deployment]]
unit = "AL07"
deploymentID = "S01-winter"
latitude = 43.9
longitude = 131.9
deploymentStart = 2026-12-10T00:00:00+10:00
deploymentEnd = 2027-01-10T00:00:00+10:00
"""
K07_ENDED = K07 + "deploymentEnd = 2026-12-01T10:00:00\n"


def dumped(seen: Sightings, dest: Path, deployments: Path | None) -> DumpSummary:
    return write_dump(seen.store, dest, deployments, "AL07", 600, MADE_AT)


def table(dest: Path, name: str) -> list[dict[str, str]]:
    with (dest / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def verdict_of_the_standard(dest: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(STANDARD / "validate_offline.py"), str(dest / "datapackage.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout + done.stderr).strip()


@pytest.fixture
def few(tmp_path: Path):
    seen = sightings(tmp_path / "state")
    yield seen
    seen.store.close()


@BESIDE
@pytest.mark.parametrize(
    ("name", "columns"),
    [("deployments", DEPLOYMENTS), ("media", MEDIA), ("observations", OBSERVATIONS)],
)
def test_the_columns_are_those_of_the_standard(name, columns):
    schema = json.loads((STANDARD / "schemas" / f"{name}-table-schema.json").read_text("utf-8"))
    assert list(columns) == [field["name"] for field in schema["fields"]]


@BESIDE
def test_one_of_everything_is_valid_by_the_standard(day, tmp_path):
    summary = dumped(day, tmp_path / "out", desk(tmp_path))
    assert summary.complete
    assert verdict_of_the_standard(tmp_path / "out") == "VALID"


@BESIDE
def test_the_check_of_the_standard_bites(day, tmp_path):
    dumped(day, tmp_path / "out", None)
    assert "required" in verdict_of_the_standard(tmp_path / "out")


@BESIDE
def test_an_empty_archive_is_valid_too(few, tmp_path):
    dumped(few, tmp_path / "out", desk(tmp_path, K07_ENDED))
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text("utf-8"))
    assert table(tmp_path / "out", "media") == []
    assert package["project"]["title"] == "Leopards of the border"


def test_every_media_row_has_its_file_and_every_file_its_row(day, tmp_path):
    out = tmp_path / "out"
    summary = dumped(day, out, desk(tmp_path))
    paths = [row["filePath"] for row in table(out, "media")]
    found = [path.relative_to(out).as_posix() for path in (out / "media").rglob("*.jpg")]
    assert sorted(paths) == sorted(found)
    assert summary.media == len(paths) == 27


def test_a_discard_is_shown_by_its_previews_and_an_audit_sample_whole(day, tmp_path):
    dumped(day, tmp_path / "out", desk(tmp_path))
    rows = {row["mediaID"].rsplit(".", 2)[1]: row for row in table(tmp_path / "out", "media")}
    assert rows["000003"]["filePath"].endswith(".preview.jpg")
    assert rows["000003"]["mediaComments"].startswith("preview only: judged blank")
    assert rows["000004"]["filePath"].endswith(".000004.3.jpg")
    assert [s["observationTags"] for s in events(tmp_path / "out")[1:3]] == ["", "auditSample"]


def events(out: Path) -> list[dict[str, str]]:
    rows = table(out, "observations")
    found = [row for row in rows if row["observationLevel"] == "event"]
    return sorted(found, key=lambda row: row["observationID"].rpartition(".")[2])


def test_each_event_has_one_row_however_many_sequences_it_has(day, tmp_path):
    dumped(day, tmp_path / "out", desk(tmp_path))
    rows = events(tmp_path / "out")
    first = "AL07.20261122T020000Z.000001"
    assert rows[0]["observationID"] == rows[0]["eventID"] == first
    assert rows[0]["eventStart"] == "2026-11-22T12:00:00+1000"
    assert rows[0]["eventEnd"] == "2026-11-22T12:10:01+1000"
    assert rows[0]["observationComments"] == "2 sequences"
    media = [row for row in table(tmp_path / "out", "observations") if row["mediaID"]]
    assert [row["eventID"] for row in media[:9]] == [first] * 8 + [rows[1]["eventID"]]
    kinds = [row["observationType"] for row in rows]
    assert kinds[:4] == ["animal", "blank", "blank", "human"]
    assert kinds[4:] == ["unknown", "unclassified", "vehicle", "unclassified"]


def test_the_best_sequence_speaks_for_its_event(few, tmp_path):
    first = few.see(NOON)
    few.judge(first, "leopard", [scores(leopard=0.7)] * 3)
    few.judge(few.see(NOON + timedelta(minutes=1)), "deer", [scores(deer=0.95)] * 3)
    for minutes, sure in ((2, 0.9), (3, 0.8)):
        again = few.see(NOON + timedelta(minutes=minutes))
        few.judge(again, "leopard", [scores(leopard=sure)] * 3, event=first)
    later = few.see(NOON + timedelta(hours=3))
    few.judge(later, "leopard", [scores(leopard=0.6)] * 3)
    dumped(few, tmp_path / "out", desk(tmp_path))
    leopard, deer, other = events(tmp_path / "out")
    assert leopard["classificationProbability"] == "0.9"
    assert leopard["classificationTimestamp"] == "2026-11-22T12:02:09+1000"
    assert leopard["observationComments"] == "3 sequences"
    assert (deer["scientificName"], deer["observationComments"]) == ("Cervidae", "")
    assert (other["observationID"], other["classificationProbability"]) == (other["eventID"], "0.6")


def test_an_event_that_a_move_parts_has_one_row_at_each_deployment(few, tmp_path):
    first = few.see(datetime(2026, 12, 9, 22, 0, tzinfo=UTC))
    few.judge(first, "leopard", [scores(leopard=0.9)] * 3)
    moved = K07 + "deploymentEnd = 2026-12-10T08:10:00\n"
    there = S01.replace("2026-12-10T00:00:00", "2026-12-10T08:20:00")
    for minutes in (5, 30, 40):
        again = few.see(datetime(2026, 12, 9, 22, minutes, tzinfo=UTC))
        few.judge(again, "leopard", [scores(leopard=0.8)] * 3, event=first)
    dumped(few, tmp_path / "out", desk(tmp_path, moved, there))
    here, gone = events(tmp_path / "out")
    assert [row["deploymentID"] for row in (here, gone)] == ["AL07.20261120", "S01-winter"]
    assert here["eventID"] == gone["eventID"]
    assert here["observationID"] != gone["observationID"]
    assert here["eventEnd"] < gone["eventStart"] == "2026-12-10T08:30:00+1000"
    assert [row["observationComments"] for row in (here, gone)] == ["2 sequences"] * 2


def test_a_frame_is_claimed_by_its_own_scores_within_the_verdict(day, tmp_path):
    dumped(day, tmp_path / "out", desk(tmp_path))
    rows = {row["observationID"]: row for row in table(tmp_path / "out", "observations")}
    leopard, faint, left = (
        rows[f"AL07.20261122T020000Z.000001.{n}"] for n in ("1.b1", "2.b1", "3")
    )
    assert (leopard["scientificName"], leopard["classificationProbability"]) == (
        "Panthera pardus",
        "0.91",
    )
    assert faint["classificationProbability"] == "0.8"
    assert (left["observationType"], left["scientificName"]) == ("blank", "")


def test_each_box_is_an_observation_of_one_and_the_event_has_the_count(day, tmp_path):
    dumped(day, tmp_path / "out", desk(tmp_path))
    rows = table(tmp_path / "out", "observations")
    frame = [row for row in rows if row["mediaID"] == "AL07.20261122T020000Z.000001.1"]
    assert [row["observationID"].rpartition(".")[2] for row in frame] == ["b1", "b2", "b3"]
    assert [row["bboxX"] for row in frame] == ["0.0", "0.3", "0.6"]
    assert {(row["bboxY"], row["bboxWidth"], row["bboxHeight"]) for row in frame} == {
        ("0.25", "0.25", "0.5")
    }
    assert {(row["count"], row["scientificName"]) for row in frame} == {("1", "Panthera pardus")}
    counts = [row["count"] for row in events(tmp_path / "out")]
    assert counts == ["3", "", "", "1", "", "", "", ""]


def test_the_count_of_an_event_is_that_of_its_fullest_frame(few, tmp_path):
    first = few.see(NOON)
    few.judge(first, "leopard", [scores(leopard=0.9, boxes=1)] * 3, count=1)
    for minutes, count in ((1, 3), (2, None)):
        again = few.see(NOON + timedelta(minutes=minutes))
        frames = [scores(leopard=0.6, boxes=count or 0)] * 3
        few.judge(again, "leopard", frames, event=first, count=count)
    dumped(few, tmp_path / "out", desk(tmp_path))
    assert [row["count"] for row in events(tmp_path / "out")] == ["3"]


def test_what_is_not_claimed_to_be_alive_has_no_box(few, tmp_path):
    few.judge(few.see(NOON, 2), "leopard", [scores(leopard=0.9), scores(blank=0.9, boxes=1)])
    few.judge(few.see(NOON, 1), "blank", [scores(blank=0.9, boxes=1)])
    few.judge(few.see(NOON, 1), "unclassified", [scores(blank=0.9, boxes=1)])
    dumped(few, tmp_path / "out", desk(tmp_path))
    rows = table(tmp_path / "out", "observations")
    assert {row[name] for row in rows for name in OBSERVATIONS if "bbox" in name} == {""}
    assert {row["count"] for row in rows} == {""}


def test_an_unknown_says_what_it_may_be(few, tmp_path):
    few.judge(few.see(NOON), "unknown", [scores(blank=0.51, deer=0.41)] * 2 + [None])
    few.judge(few.see(NOON + timedelta(hours=2)), "unknown", [None] * 3)
    dumped(few, tmp_path / "out", desk(tmp_path))
    rows = table(tmp_path / "out", "observations")
    tags = {row["observationTags"] for row in rows if row["observationType"] == "unknown"}
    assert tags == {"likeliest:deer | blank:0.51", ""}
    maybe, never = events(tmp_path / "out")
    assert (maybe["observationTags"], never["observationTags"]) == (
        "likeliest:deer | blank:0.51",
        "",
    )


def test_where_all_frames_look_empty_the_verdict_stands_for_all(few, tmp_path):
    few.judge(few.see(NOON), "leopard", [scores(blank=0.6, leopard=0.3)] * 3)
    dumped(few, tmp_path / "out", desk(tmp_path))
    rows = table(tmp_path / "out", "observations")
    assert {row["scientificName"] for row in rows} == {"Panthera pardus"}


def test_what_no_machine_judged_names_no_machine(day, tmp_path):
    dumped(day, tmp_path / "out", desk(tmp_path))
    rows = table(tmp_path / "out", "observations")
    bare = [row for row in rows if row["observationType"] == "unclassified"]
    judged = [row for row in rows if row["observationType"] != "unclassified"]
    names = [name for name in OBSERVATIONS if name.startswith("classif")]
    assert bare
    assert all(row[name] == "" for row in bare for name in names)
    assert all(row[name] != "" for row in judged for name in names)
    assert "2 of 3 frames not <judged>" in [row["observationComments"] for row in bare]


def test_a_picture_that_may_show_a_person_is_not_public(day, tmp_path):
    dumped(day, tmp_path / "out", desk(tmp_path))
    public = {
        row["mediaID"].split(".")[2]: row["filePublic"] for row in table(tmp_path / "out", "media")
    }
    assert [public[f"{n:06d}"] for n in range(1, 10)] == ["true"] * 4 + ["false"] * 5


def test_a_person_need_not_be_the_likeliest_to_make_the_sequence_private(few, tmp_path):
    few.judge(few.see(NOON, 2), "deer", [scores(deer=0.9), scores(deer=0.8, person=0.09)])
    dumped(few, tmp_path / "out", desk(tmp_path))
    assert {row["filePublic"] for row in table(tmp_path / "out", "media")} == {"false"}


def test_one_frame_with_a_person_makes_the_sequence_private(few, tmp_path):
    few.judge(few.see(NOON, 2), "deer", [scores(deer=0.9), scores(person=0.7)])
    dumped(few, tmp_path / "out", desk(tmp_path))
    assert {row["filePublic"] for row in table(tmp_path / "out", "media")} == {"false"}


def test_one_frame_of_each_target_sequence_is_a_favorite(day, tmp_path):
    dumped(day, tmp_path / "out", desk(tmp_path))
    chosen = [r["mediaID"] for r in table(tmp_path / "out", "media") if r["favorite"] == "true"]
    stems = ["AL07.20261122T020000Z.000001", "AL07.20261122T021000Z.000002"]
    assert [each.rpartition(".")[0] for each in chosen] == stems


def test_every_time_has_the_deployments_offset_and_no_fraction(day, tmp_path):
    dumped(day, tmp_path / "out", desk(tmp_path))
    for name in ("deployments", "media", "observations"):
        for row in table(tmp_path / "out", name):
            times = [v for k, v in row.items() if re.search("Start$|End$|imestamp$", k) and v]
            assert times
            assert all(TIME.fullmatch(time) for time in times)


def test_without_the_desks_file_nothing_is_made_up(day, tmp_path):
    out = tmp_path / "out"
    summary = dumped(day, out, None)
    (row,) = table(out, "deployments")
    package = json.loads((out / "datapackage.json").read_text("utf-8"))
    assert (row["latitude"], row["longitude"], row["deploymentID"]) == ("", "", "AL07")
    assert not summary.complete
    assert "INCOMPLETE" in str(summary)
    assert package["incomplete"] == summary.missing
    assert not {"spatial", "contributors", "licenses"} & package.keys()
    assert "--deployments" in (out / "INCOMPLETE.txt").read_text("utf-8")


def test_the_template_in_incomplete_txt_is_a_desks_file(day, tmp_path):
    dumped(day, tmp_path / "out", None)
    text = (tmp_path / "out" / "INCOMPLETE.txt").read_text("utf-8")
    path = tmp_path / "filled.toml"
    assert "--config" in text
    template = text[text.index("[project]") :]
    path.write_text(template, "utf-8")
    with pytest.raises(ConfigError, match="is in the Gulf of Guinea: put in the place"):
        dumped(day, tmp_path / "out", path)
    path.write_text(template.replace("latitude = 0.0", "latitude = 43.1"), "utf-8")
    summary = dumped(day, tmp_path / "out", path)
    assert summary.complete
    assert summary.remarks == {}
    assert not (tmp_path / "out" / "INCOMPLETE.txt").exists()


def test_a_clock_that_nobody_trusted_is_told(few, tmp_path):
    few.see(NOON)
    few.see(datetime(2026, 1, 1, tzinfo=UTC), trust=ClockTrust.NONE)
    few.see(NOON + timedelta(hours=1))
    summary = dumped(few, tmp_path / "out", desk(tmp_path))
    (row,) = table(tmp_path / "out", "deployments")
    assert row["timestampIssues"] == "true"
    assert summary.remarks == {"made by a wrong clock": 1}
    assert "made by a wrong clock" in events(tmp_path / "out")[1]["observationComments"]


def test_every_taxon_that_a_label_means_is_described(day, tmp_path):
    described = {each["scientificName"]: each for each in taxonomic(TAXA.values())}
    assert described.keys() == {each.scientific_name for each in TAXA.values()} - {""}
    assert all({"taxonRank", "kingdom"} <= each.keys() for each in described.values())
    assert described["Panthera pardus"]["genus"] == "Panthera"
    assert described["Panthera pardus"]["vernacularNames"]["rus"] == "леопард"
    assert described["Cervidae"]["family"] == "Cervidae"
    dumped(day, tmp_path / "out", desk(tmp_path))
    package = json.loads((tmp_path / "out" / "datapackage.json").read_text("utf-8"))
    assert described["Panthera pardus"] in package["taxonomic"]


def test_what_a_technician_took_at_the_cable_is_a_setup_picture(few, tmp_path):
    few.judge(few.see(NOON, 1, source=TriggerSource.TECHNICIAN), "person", [scores(person=0.9)])
    few.judge(few.see(NOON + timedelta(hours=1), 1), "deer", [scores(deer=0.9)])
    dumped(few, tmp_path / "out", desk(tmp_path))
    rows = table(tmp_path / "out", "observations")
    assert {(row["observationType"], row["cameraSetupType"]) for row in rows} == {
        ("human", "setup"),
        ("animal", ""),
    }
