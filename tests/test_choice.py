"""Parts of an archive: by label, by day, and what everybody may see."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from pathlib import Path

import piexif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.archives import NOON, desk, jpeg, scores, sightings
from tests.test_exif import NAME, STAMP
from trapnode.cli import main
from trapnode.dump import write_dump
from trapnode.dump.choice import Choice
from trapnode.dump.deployments import Deployment
from trapnode.dump.public import GRIDS, generalised, placeless
from trapnode.errors import UsageError
from trapnode.model import ClockTrust
from trapnode.store import reading
from trapnode.store.exif import stamped

MADE_AT = datetime(2026, 12, 1, tzinfo=UTC)
SECRET = """
[[deployment]]
unit = "AL07"
locationID = "K07"
locationName = "43.12345 N, 131.54321 E"
latitude = 43.12345
longitude = 131.54321
coordinateUncertainty = 30
deploymentStart = 2026-11-20T10:00:00
deploymentTags = "spring at 43.12345"
deploymentComments = "left of the hut, 131.54321"
"""


def dumped(seen, dest: Path, choice: Choice, *deployments: str):
    return write_dump(
        seen.store, dest, desk(dest.parent, *deployments), "AL07", 600, MADE_AT, choice=choice
    )


def table(dest: Path, name: str) -> list[dict[str, str]]:
    with (dest / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sequences_in(dest: Path) -> list[int]:
    stems = {row["mediaID"].rpartition(".")[0] for row in table(dest, "media")}
    return sorted(int(each.rpartition(".")[2]) for each in stems)


def test_only_some_labels(day, tmp_path):
    summary = dumped(day, tmp_path / "out", Choice(only=("leopard", "person")))
    assert sequences_in(tmp_path / "out") == [1, 2, 5]
    assert summary.labels == {"leopard": 2, "person": 1}
    assert summary.without_row == []
    pictures = {path.name.split(".")[2] for path in (tmp_path / "out").rglob("*.jpg")}
    assert pictures == {"000001", "000002", "000005"}
    page = (tmp_path / "out" / "index.js").read_text("utf-8")
    assert "000005" in page
    assert "000003" not in page


def test_what_nobody_has_judged_is_unclassified(day, tmp_path):
    dumped(day, tmp_path / "out", Choice(only=("unclassified",)))
    assert sequences_in(tmp_path / "out") == [7, 9]


def test_only_since_a_moment(day, tmp_path):
    dumped(day, tmp_path / "out", Choice(since=NOON + timedelta(hours=5)))
    assert sequences_in(tmp_path / "out") == [7, 8, 9]


def test_a_sequence_by_a_wrong_clock_is_as_old_as_its_neighbours(tmp_path):
    seen = sightings(tmp_path / "state")
    wrong = datetime(2020, 1, 1, tzinfo=UTC)
    seen.see(wrong, trust=ClockTrust.NONE)
    for day in range(3):
        seen.see(NOON + timedelta(days=day))
        seen.see(wrong + timedelta(days=day + 1), trust=ClockTrust.NONE)
    dumped(seen, tmp_path / "out", Choice(since=NOON + timedelta(days=1)))
    seen.store.close()
    assert sequences_in(tmp_path / "out") == [3, 4, 5, 6, 7]


def test_the_card_is_as_it_was_after_a_choice(day, tmp_path):
    dumped(day, tmp_path / "out", Choice(only=("leopard",)))
    again = reading.open_for_dump(tmp_path / "state", tmp_path)
    assert len(list(reading.walk(again.database))) == 9
    again.close()


def test_a_dump_of_another_choice_does_not_go_to_the_same_place(day, tmp_path):
    dumped(day, tmp_path / "out", Choice())
    again = reading.open_for_dump(tmp_path / "state", tmp_path)
    day.store.close()
    day.store = again
    with pytest.raises(UsageError, match="other --only, --since or --public"):
        dumped(day, tmp_path / "out", Choice(public=1.0))


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """The great circle on a sphere of the mean radius."""
    (p, q), (r, s) = (tuple(map(radians, each)) for each in (a, b))
    half = sin((r - p) / 2) ** 2 + cos(p) * cos(r) * sin((s - q) / 2) ** 2
    return 2 * 6_371_009 * asin(sqrt(min(1.0, half)))


@given(
    st.floats(-89.9, 89.9), st.floats(-179.9, 179.9), st.sampled_from(GRIDS), st.floats(0, 0.999)
)
def test_a_generalised_place_holds_the_true_one_and_tells_no_more(lat, lon, degrees, share):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    stood = Deployment(unit="A", latitude=lat, longitude=lon, deploymentStart=start)
    told = generalised(stood, degrees)
    assert abs(told.latitude - lat) <= degrees / 2 + 1e-9
    assert abs(told.longitude - lon) <= degrees / 2 + 1e-9
    assert told.coordinateUncertainty is not None
    assert metres((lat, lon), (told.latitude, told.longitude)) <= told.coordinateUncertainty
    corner = (told.latitude - degrees / 2, told.longitude - degrees / 2)
    neighbour = Deployment(
        unit="A",
        latitude=max(-90.0, corner[0] + share * degrees),
        longitude=max(-180.0, corner[1] + share * degrees),
        deploymentStart=start,
    )
    if abs(share * degrees) > 1e-6:
        assert generalised(neighbour, degrees) == told


def test_the_uncertainty_of_a_cell_is_the_way_to_its_farthest_corner():
    start = datetime(2026, 1, 1, tzinfo=UTC)
    stood = Deployment(
        unit="A", latitude=43.123, longitude=131.5, deploymentStart=start, coordinateUncertainty=50
    )
    told = generalised(stood, 0.1)
    assert (told.latitude, told.longitude) == (43.15, 131.55)
    assert 6_900 + 50 < told.coordinateUncertainty < 7_000 + 50


def test_no_exact_place_and_no_persons_picture_leaves(day, tmp_path):
    state, out = tmp_path / "state" / "archive", tmp_path / "out"
    victim = next(state.rglob("*.000001.2.jpg"))
    gps = {piexif.GPSIFD.GPSLatitude: ((43, 1), (7, 1), (2442, 100))}
    carried = piexif.load(victim.read_bytes()) | {"GPS": gps}
    with_place = io.BytesIO()
    piexif.insert(piexif.dump(carried), victim.read_bytes(), with_place)
    victim.write_bytes(with_place.getvalue())
    for path in state.rglob("*.00000[5-9].*"):
        path.write_bytes(path.read_bytes() + b"maybe a face")
    dumped(day, out, Choice(public=0.1), SECRET)
    shown = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for path, content in shown.items():
        for secret in (b"43.123", b"131.543", b"the hut", b"maybe a face"):
            assert secret not in content, path
        if path.suffix == ".jpg":
            assert not piexif.load(content)["GPS"]
    assert {path.name.split(".")[2] for path in shown if path.suffix == ".jpg"} == {
        f"{n:06d}" for n in range(1, 5)
    }
    hidden = [row for row in table(out, "media") if row["filePublic"] == "false"]
    assert {row["mediaID"].split(".")[2] for row in hidden} == {f"{n:06d}" for n in range(5, 10)}
    (row,) = table(out, "deployments")
    assert (row["latitude"], row["longitude"], row["locationID"]) == ("43.15", "131.55", "K07")
    package = json.loads((out / "datapackage.json").read_text("utf-8"))
    assert package["coordinatePrecision"] == 0.1
    images = json.loads((out / "megadetector.json").read_text("utf-8"))["images"]
    assert all((out / image["file"]).is_file() for image in images)


def test_a_public_dump_is_valid_by_the_standard(day, tmp_path):
    from tests.test_camtrap_dp import STANDARD, verdict_of_the_standard

    if not STANDARD.is_dir():
        pytest.skip("no Camtrap DP schemas beside the repo")
    dumped(day, tmp_path / "out", Choice(public=1.0), SECRET)
    assert verdict_of_the_standard(tmp_path / "out") == "VALID"


XMP = b"http://ns.adobe.com/xap/1.0/\x00<exif:GPSLatitude>43.12345</exif:GPSLatitude>"


@pytest.mark.parametrize("marker", [b"\xff\xe1", b"\xff\xed", b"\xff\xfe"])
def test_a_place_in_any_words_of_a_picture_goes_and_the_pixels_stay(marker):
    picture = stamped(jpeg("a"), NAME, 1, NOON, STAMP)
    assert placeless(picture) is None
    told = picture[:2] + marker + (len(XMP) + 2).to_bytes(2, "big") + XMP + picture[2:]
    hidden = placeless(told)
    assert hidden is not None
    assert b"43.12345" not in hidden
    assert piexif.load(hidden)["Exif"] == piexif.load(picture)["Exif"]
    pixels = [Image.open(io.BytesIO(each)).tobytes() for each in (picture, hidden)]
    assert pixels[0] == pixels[1]


def test_exif_that_cannot_be_read_goes_as_a_whole():
    torn = b"\xff\xe1\x00\x20Exif\x00\x00MM\x00*\xff\xff\xff\xff43.12345" + bytes(9)
    picture = jpeg("a")
    hidden = placeless(picture[:2] + torn + picture[2:])
    assert hidden is not None
    assert b"43.12345" not in hidden


def test_the_command_dumps_a_pulled_card_by_itself(day, tmp_path, capsys):
    day.store.close()
    card = tmp_path / "card" / "var" / "lib"
    card.mkdir(parents=True)
    (tmp_path / "state").rename(card / "trapnode")
    (card / "trapnode" / "last-good.toml").write_text("[unit]\nutc_offset_min = 540\n", "utf-8")
    out = tmp_path / "out"
    assert main(["dump", str(out), "--from", str(tmp_path / "card"), "--only", "leopard"]) == 0
    assert "2 sequences (2 leopard)" in capsys.readouterr().out
    assert table(out, "deployments")[0]["cameraID"] == "AL07"
    assert table(out, "media")[0]["timestamp"].endswith("+0900")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--from", "nowhere"], "nowhere: no store there"),
        (["--from", "CARD", "--only", "leopart"], "--only leopart: no such label; there are: bear"),
        (["--from", "CARD", "--since", "winter"], "--since winter: must be a day like 2026-11-22"),
        (["--from", "CARD", "--grid", "1"], "--grid: goes with --public"),
    ],
)
def test_a_wrong_choice_is_one_line(day, tmp_path, capsys, words, complaint):
    day.store.close()
    words = [str(tmp_path / "state") if word == "CARD" else word for word in words]
    assert main(["dump", str(tmp_path / "out"), *words]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_day_begins_at_the_units_midnight(day, tmp_path):
    day.judge(day.see(datetime(2026, 11, 22, 14, 30, tzinfo=UTC)), "deer", [scores(deer=0.9)] * 3)
    day.store.close()
    out = tmp_path / "out"
    assert main(["dump", str(out), "--from", str(tmp_path / "state"), "--since", "2026-11-23"]) == 0
    assert sequences_in(out) == [10]
