"""Places and dates of the package: by the desk's file, and what has none."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.archives import DESK, K07, NOON, desk, sightings
from tests.test_camtrap_dp import K07_ENDED, S01, dumped, events, table
from trapnode.errors import ConfigError
from trapnode.model import ClockTrust


@pytest.fixture
def few(tmp_path: Path):
    seen = sightings(tmp_path / "state")
    yield seen
    seen.store.close()


def covered(out: Path) -> dict[str, str]:
    return json.loads((out / "datapackage.json").read_text("utf-8"))["temporal"]


def test_the_package_covers_from_the_first_deployments_start_to_the_last_record(few, tmp_path):
    few.see(datetime(2026, 1, 1, tzinfo=UTC), trust=ClockTrust.NONE)
    few.see(NOON)
    few.see(datetime(2031, 1, 1, tzinfo=UTC), trust=ClockTrust.NONE)
    few.see(NOON + timedelta(days=3))
    dumped(few, tmp_path / "out", desk(tmp_path))
    assert covered(tmp_path / "out") == {"start": "2026-11-20", "end": "2026-11-25"}
    dumped(few, tmp_path / "out", None)
    assert covered(tmp_path / "out") == {"start": "2026-11-22", "end": "2026-11-25"}


def test_what_has_no_place_does_not_widen_what_the_package_covers(few, tmp_path):
    for at in (datetime(2026, 10, 1, tzinfo=UTC), NOON, datetime(2027, 2, 1, tzinfo=UTC)):
        few.see(at)
    dumped(few, tmp_path / "out", desk(tmp_path, K07_ENDED, S01))
    assert covered(tmp_path / "out") == {"start": "2026-11-20", "end": "2027-01-10"}


def test_a_wrong_clock_between_two_places_gives_no_place(few, tmp_path):
    few.see(NOON)
    few.see(datetime(2026, 1, 1, tzinfo=UTC), trust=ClockTrust.NONE)
    few.see(datetime(2026, 12, 20, tzinfo=UTC))
    summary = dumped(few, tmp_path / "out", desk(tmp_path, K07_ENDED, S01))
    rows = {row["deploymentID"]: row for row in table(tmp_path / "out", "deployments")}
    assert [row["deploymentID"] for row in events(tmp_path / "out")] == [
        "AL07.20261120",
        "AL07.unplaced",
        "S01-winter",
    ]
    assert rows["AL07.unplaced"]["latitude"] == ""
    assert "1 sequences" in summary.missing[0]


def test_a_sequence_far_from_every_deployment_gets_no_place(few, tmp_path):
    few.see(datetime(2026, 12, 5, tzinfo=UTC))
    summary = dumped(few, tmp_path / "out", desk(tmp_path, K07_ENDED, S01))
    assert {row["deploymentID"] for row in table(tmp_path / "out", "media")} == {"AL07.unplaced"}
    assert not summary.complete
    assert (tmp_path / "out" / "INCOMPLETE.txt").exists()


def test_a_sequence_a_little_outside_goes_to_the_nearest_with_a_remark(few, tmp_path):
    few.see(datetime(2026, 12, 9, 13, 0, tzinfo=UTC))  # An hour before the start.
    summary = dumped(few, tmp_path / "out", desk(tmp_path, K07_ENDED, S01))
    (row,) = events(tmp_path / "out")
    assert row["deploymentID"] == "S01-winter"
    assert row["observationComments"].endswith("made shortly outside the deployment's times")
    assert summary.complete


def test_a_deployment_without_a_picture_counts_and_one_of_another_year_does_not(few, tmp_path):
    few.see(datetime(2026, 11, 19, 12, 0, tzinfo=UTC))
    few.see(datetime(2026, 12, 11, tzinfo=UTC))
    old = S01.replace("S01-winter", "old").replace("2027-01", "2020-02").replace("2026", "2020")
    old = old.replace("2020-12", "2020-01")
    dumped(few, tmp_path / "out", desk(tmp_path, old, K07_ENDED, S01))
    ids = [row["deploymentID"] for row in table(tmp_path / "out", "deployments")]
    assert ids == ["AL07.20261120", "S01-winter"]


@pytest.mark.parametrize(
    ("deployment", "complaint"),
    [
        (K07.replace("latitude = 43.1234", "latitude = 143.5"), "latitude = 143.5: Expected"),
        (K07.replace("latitude", "lattitude"), "unknown field `lattitude`"),
        (K07.replace("longitude = 131.5", ""), "missing required field `longitude`"),
        (K07.replace("AL07", "AL08"), "no [[deployment]] of unit AL07; there are: AL08"),
        (K07 + "deploymentEnd = 2026-11-19T10:00:00\n", "is not after its start"),
        (K07 + S01, "has no deploymentEnd, but S01-winter follows it"),
        (K07_ENDED + K07_ENDED.replace("11-20", "11-25"), "a unit is at one place"),
        (K07_ENDED + S01.replace("S01-winter", "AL07.20261120"), "AL07.20261120: is there twice"),
        ("", "missing required field `deployment`"),
        ("[[", "not TOML"),
    ],
)
def test_a_mistake_in_the_desks_file_is_named(few, tmp_path, deployment, complaint):
    path = tmp_path / "deployments.toml"
    path.write_text(DESK + deployment, "utf-8")
    with pytest.raises(ConfigError) as caught:
        dumped(few, tmp_path / "out", path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_licenses_for_tables_and_pictures_are_needed(few, tmp_path):
    path = desk(tmp_path)
    path.write_text(path.read_text("utf-8").replace('"media"', '"data"'), "utf-8")
    with pytest.raises(ConfigError, match="one with scope `data` and one with `media`"):
        dumped(few, tmp_path / "out", path)
    with pytest.raises(ConfigError, match="cannot be read"):
        dumped(few, tmp_path / "out", tmp_path / "nowhere.toml")
