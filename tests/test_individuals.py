"""The frame by which an individual is known: sharp where the animal is, marked, and listed."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFilter

from tests.archives import K07, NOON, Sightings, desk, scores, sightings
from trapnode.dump import write_dump
from trapnode.dump.sharpness import sharpness
from trapnode.dump.xmp import MARK
from trapnode.model import Detection, Scores

MADE_AT = datetime(2026, 12, 1, tzinfo=UTC)
LEFT, RIGHT = (Detection(x, 0.0, 0.5, 1.0, 0.9) for x in (0.0, 0.5))


def spotted(blurred_left: float, blurred_right: float, size: tuple[int, int] = (640, 480)) -> bytes:
    """A picture full of rosettes, each half blurred by a radius of its own."""
    picture = Image.new("RGB", size, "#b09060")
    draw = ImageDraw.Draw(picture)
    for x in range(10, size[0], 24):
        for y in range(10, size[1], 24):
            draw.ellipse((x, y, x + 12, y + 12), "#302010")
    for left, radius in ((0, blurred_left), (size[0] // 2, blurred_right)):
        box = (left, 0, left + size[0] // 2, size[1])
        picture.paste(picture.crop(box).filter(ImageFilter.GaussianBlur(radius)), box)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return out.getvalue()


@pytest.fixture
def few(tmp_path: Path):
    seen = sightings(tmp_path / "state")
    yield seen
    seen.store.close()


def leopard(seen: Sightings, *frames: tuple[bytes, Scores], at: datetime = NOON) -> str:
    """Save and judge a leopard with these frames; give what its file names share."""
    sequence = seen.see(at, len(frames))
    for frame, (content, _) in zip(seen.store.sequences.all(sequence - 1), frames, strict=False):
        for each, (content, _) in zip(frame.frames, frames, strict=True):
            (seen.store.archive.root / each.path).write_bytes(content)
    seen.judge(sequence, "leopard", [each for _, each in frames])
    return f"AL07.{at:%Y%m%dT%H%M%SZ}.{sequence:06d}"


def listed(out: Path) -> list[dict[str, str]]:
    with (out / "individual_id.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def found(*boxes: Detection, **by_label: float) -> Scores:
    return Scores(scores(**by_label).by_label, boxes)


def test_sharper_is_more(tmp_path):
    told = []
    for radius in (0, 1, 2, 4):
        path = tmp_path / f"{radius}.jpg"
        path.write_bytes(spotted(radius, radius))
        told.append(sharpness(path, None))
    assert told == sorted(told, reverse=True)
    assert told[0] > 3 * told[1] > 0


def test_only_the_box_counts(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(spotted(0, 4))
    assert sharpness(path, LEFT) > 10 * sharpness(path, RIGHT)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"no picture", spotted(0, 0)[:900]])
def test_what_cannot_be_decoded_has_no_sharpness(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert sharpness(path, None) is None
    assert sharpness(tmp_path / "none.jpg", None) is None


def test_a_box_of_no_size_has_no_sharpness(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(spotted(0, 0))
    assert sharpness(path, Detection(0.5, 0.5, 0.0, 0.001, 0.9)) is None


def test_the_sharpest_leopard_is_marked_in_the_table_and_in_the_picture(few, tmp_path):
    sure = found(LEFT, leopard=0.9)
    stem = leopard(
        few,
        (spotted(4, 0), sure),  # Sharp leaves, blurred leopard.
        (spotted(1, 4), found(LEFT, leopard=0.6)),
        (spotted(0, 0), found(LEFT, blank=0.9)),  # The sharpest, but the leopard has left.
    )
    write_dump(few.store, tmp_path / "out", desk(tmp_path), "AL07", 600, MADE_AT)
    with (tmp_path / "out" / "media.csv").open(encoding="utf-8", newline="") as file:
        assert [row["favorite"] for row in csv.DictReader(file)] == ["false", "true", "false"]
    (row,) = listed(tmp_path / "out")
    assert row["Encounter.mediaAsset0"] == f"{stem}.2.jpg"
    rated = [
        path.name
        for path in (tmp_path / "out" / "media").rglob("*.jpg")
        if b"xmp:Rating='5'" in path.read_bytes()
    ]
    assert rated == [f"{stem}.2.jpg"]


def test_a_frame_with_a_box_goes_before_a_sharper_one_without(few, tmp_path):
    stem = leopard(
        few,
        (spotted(0, 0), found(leopard=0.9)),
        (spotted(2, 2), found(LEFT, leopard=0.6)),
    )
    write_dump(few.store, tmp_path / "out", None, "AL07", 600, MADE_AT)
    assert listed(tmp_path / "out")[0]["Encounter.mediaAsset0"] == f"{stem}.2.jpg"


def test_where_nothing_can_be_measured_the_surest_frame_is_taken(few, tmp_path):
    stem = leopard(few, (b"torn", found(leopard=0.6)), (b"torn too", found(leopard=0.9)))
    write_dump(few.store, tmp_path / "out", None, "AL07", 600, MADE_AT)
    (row,) = listed(tmp_path / "out")
    assert row["Encounter.mediaAsset0"] == f"{stem}.2.jpg"
    assert row["Encounter.researcherComments"].endswith("sharpness not known")


def test_the_list_is_what_wildbook_wants(few, tmp_path):
    stem = leopard(few, (spotted(0, 0), found(LEFT, leopard=0.9)))
    few.judge(few.see(NOON + timedelta(hours=1)), "deer", [scores(deer=0.9)] * 3)
    write_dump(few.store, tmp_path / "out", desk(tmp_path, K07), "AL07", 600, MADE_AT)
    (row,) = listed(tmp_path / "out")
    comments = row.pop("Encounter.researcherComments")
    assert row == {
        "Encounter.mediaAsset0": f"{stem}.1.jpg",
        "Encounter.genus": "Panthera",
        "Encounter.specificEpithet": "pardus",
        "Encounter.year": "2026",
        "Encounter.month": "11",
        "Encounter.day": "22",
        "Encounter.hour": "12",
        "Encounter.minutes": "0",
        "Encounter.verbatimLocality": "K07",
        "Encounter.decimalLatitude": "43.1234",
        "Encounter.decimalLongitude": "131.5",
        "Encounter.occurrenceID": stem,
    }
    assert comments.startswith(f"media/2026/11/22/{stem}.1.jpg, sharpness ")
    assert set(stem) <= set("ALTZ.0123456789")  # What Wildbook takes in a name.


def test_without_a_place_there_are_no_columns_of_it(few, tmp_path):
    leopard(few, (spotted(0, 0), found(LEFT, leopard=0.9)))
    write_dump(few.store, tmp_path / "out", None, "AL07", 600, MADE_AT)
    (row,) = listed(tmp_path / "out")
    assert not [name for name in row if "decimal" in name]
    assert row["Encounter.verbatimLocality"] == "AL07"


def test_every_picture_says_what_it_shows(few, tmp_path):
    leopard(few, (spotted(0, 0), found(LEFT, leopard=0.9)))
    few.judge(few.see(NOON + timedelta(hours=1), 1), "blank", [scores(blank=0.99)], audit=True)
    write_dump(few.store, tmp_path / "out", None, "AL07", 600, MADE_AT)
    one, two = sorted((tmp_path / "out" / "media").rglob("*.jpg"))
    for words in (b"Species|Panthera pardus", b"Review|individual ID", b"<rdf:li>leopard<"):
        assert words in one.read_bytes()
    assert b"Observation|blank" in two.read_bytes()
    assert b"Review|audit sample" in two.read_bytes()
    assert b"Species|" not in two.read_bytes()
    assert not [
        p
        for p in (tmp_path / "out" / "previews").rglob("*")
        if p.is_file() and MARK in p.read_bytes()
    ]
