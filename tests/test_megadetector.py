"""The scores as other people's tools read them, checked by the format's own validator."""

import json
from datetime import UTC, datetime

import pytest

from tests.archives import LABELS, MODEL, scores
from tests.readers import errors
from trapnode.dump import write_dump
from trapnode.megadetector import Megadetector

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def pieces() -> list[str]:
    return []


@pytest.fixture
def output(pieces) -> Megadetector:
    return Megadetector(pieces.append)


def test_the_dump_has_it_for_every_picture(day, tmp_path):
    out = tmp_path / "out"
    write_dump(day.store, out, None, "AL07", 600, NOW)
    text = (out / "megadetector.json").read_text("utf-8")
    assert errors(text) == []
    found = json.loads(text)
    assert all((out / image["file"]).is_file() for image in found["images"])
    assert len(found["images"]) == 27
    by_kind = {"boxes": 0, "blank": 0, "failure": 0}
    for image in found["images"]:
        kind = "failure" if "failure" in image else "boxes" if image["detections"] else "blank"
        by_kind[kind] += 1
    assert by_kind == {"boxes": 15, "blank": 6, "failure": 6}
    assert found["info"]["format_version"] == "1.6"
    assert found["info"]["detector"] == MODEL


def test_a_kept_picture_is_one_box_with_its_labels_in_order(output, pieces):
    output.add("a.jpg", scores(blank=0.1, leopard=0.7, deer=0.15), blank=False)
    output.end("model", NOW)
    text = "".join(pieces)
    found = json.loads(text)
    (detection,) = found["images"][0]["detections"]
    named = [
        found["classification_categories"][number] for number, _ in detection["classifications"]
    ]
    assert errors(text) == []
    assert detection["conf"] == 0.9
    assert detection["bbox"] == [0.0, 0.0, 1.0, 1.0]
    assert named[:2] == ["leopard", "deer"]
    assert sorted(named) == sorted(set(LABELS) - {"blank"})


def test_every_box_is_there_and_the_best_has_the_conf_of_the_frame(output, pieces):
    output.add("a.jpg", scores(blank=0.2, leopard=0.7, boxes=2), blank=False)
    output.end("model", NOW)
    text = "".join(pieces)
    first, second = json.loads(text)["images"][0]["detections"]
    assert errors(text) == []
    assert first["bbox"] == [0.0, 0.25, 0.25, 0.5]
    assert second["bbox"] == [0.3, 0.25, 0.25, 0.5]
    assert (first["conf"], second["conf"]) == (0.8, 0.7)
    assert first["classifications"] == second["classifications"]


@pytest.mark.parametrize(
    ("label", "category"),
    [("leopard", "animal"), ("person", "person"), ("vehicle", "vehicle"), ("deer", "animal")],
)
def test_persons_and_vehicles_have_their_own_category(output, pieces, label, category):
    output.add("a.jpg", scores(**{label: 1.0}), blank=False)
    output.end("model", NOW)
    found = json.loads("".join(pieces))
    (detection,) = found["images"][0]["detections"]
    assert found["detection_categories"][detection["category"]] == category
    assert isinstance(detection["conf"], float)
    assert errors("".join(pieces)) == []


def test_blank_is_an_empty_list_and_a_failure_has_none(output, pieces):
    output.add("blank.jpg", scores(blank=0.99), blank=True)
    output.fail("torn.jpg", "")
    output.end("model", NOW)
    found = json.loads("".join(pieces))
    assert errors("".join(pieces)) == []
    assert found["images"] == [
        {"file": "blank.jpg", "detections": []},
        {"file": "torn.jpg", "detections": None, "failure": "not classified"},
    ]


def test_no_pictures_is_a_whole_file_too(output, pieces):
    output.end("none", NOW)
    assert errors("".join(pieces)) == []
    assert json.loads("".join(pieces))["images"] == []
