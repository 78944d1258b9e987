"""The arithmetic of the set, and the readers of public sets on small files of the same form."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from models.training import readers
from models.training.decide import Seen, dropped, judge
from trapnode.devices.detector import apart, boxes_of, cells
from trapnode.devices.fusion import Fusion, motion

MODELS = Path(__file__).parent.parent / "models"
CARD = json.loads((MODELS / "amur.json").read_text())
LEOPARD = 1
EMPTY = np.array([0.9, 0.02, 0.08])  # what a classifier says: blank, leopard, another
CAT = np.array([0.4, 0.5, 0.1])
STILL = (0.0, 0.0)

VOC = """<annotation><filename>{file}</filename>
<size><width>1280</width><height>720</height><depth>3</depth></size>
<object><name>AmurLeopard</name>
<bndbox><xmin>320</xmin><ymin>180</ymin><xmax>640</xmax><ymax>540</ymax></bndbox></object>
</annotation>"""


def test_voc_boxes_beside_pictures_become_shares_of_the_frame(tmp_path):
    folder = tmp_path / "ntlnp" / "day"
    folder.mkdir(parents=True)
    (folder / "1.jpg").write_bytes(b"")
    (folder / "1.xml").write_text(VOC.format(file="renamed.jpg"))
    [row] = readers.read_voc(tmp_path / "ntlnp")
    assert row.path == folder / "1.jpg"
    assert (row.label, row.species, row.site) == ("leopard", "AmurLeopard", "ntlnp/day")
    assert row.boxes == ((0.25, 0.25, 0.25, 0.5),)


def test_coco_camera_traps_rows_know_their_location_and_empty_frames(tmp_path):
    annotations = tmp_path / "set.json"
    images = [
        {"id": "a", "file_name": "s1/a.jpg", "location": "s1", "width": 200, "height": 100},
        {"id": "b", "file_name": "s1/b.jpg", "location": "s1", "width": 200, "height": 100},
    ]
    found = [
        {"id": 1, "image_id": "a", "category_id": 7, "bbox": [50, 25, 100, 50]},
        {"id": 2, "image_id": "b", "category_id": 0},
    ]
    names = [{"id": 7, "name": "Sus scrofa"}, {"id": 0, "name": "empty"}]
    annotations.write_text(
        json.dumps({"images": images, "annotations": found, "categories": names})
    )
    boar, empty = readers.read_coco(annotations, tmp_path)
    assert (boar.label, boar.site, boar.boxes) == ("boar", "s1", ((0.25, 0.25, 0.5, 0.5),))
    assert (empty.label, empty.boxes) == ("blank", ())


def test_a_camtrap_dp_package_gives_media_and_event_observations_alike(tmp_path):
    (tmp_path / "deployments.csv").write_text("deploymentID,locationID\nd1,ridge\n")
    (tmp_path / "media.csv").write_text(
        "mediaID,deploymentID,filePath,eventID\nm1,d1,1.jpg,e1\nm2,d1,2.jpg,e2\n"
        "m3,d1,https://example.org/3.jpg,e2\n"
    )
    (tmp_path / "observations.csv").write_text(
        "observationID,mediaID,eventID,observationType,scientificName,bboxX,bboxY,bboxWidth,bboxHeight\n"
        "o1,m1,e1,animal,Panthera tigris,0.1,0.2,0.3,0.4\no2,,e2,blank,,,,,\n"
    )
    tiger, blank = readers.read_camtrap_dp(tmp_path)
    assert (tiger.label, tiger.site, tiger.boxes) == ("tiger", "ridge", ((0.1, 0.2, 0.3, 0.4),))
    assert (blank.label, blank.path) == ("blank", tmp_path / "2.jpg")


def test_a_name_nobody_mapped_is_an_error_that_lists_it(tmp_path):
    (tmp_path / "1.xml").write_text(VOC.format(file="1.jpg").replace("AmurLeopard", "Yeti"))
    with pytest.raises(readers.UnknownNames, match="Yeti"):
        readers.read_voc(tmp_path)


def judged(score, shares, moved):
    burst = [moved] * 3 if moved else None
    frames = len(burst or [0])
    shown = [Seen(score, 0.0, shares, shares)] * frames
    limits, weights = CARD["thresholds"], Fusion(**CARD["fusion"])
    return dropped(judge(shown, burst, (LEOPARD,), weights), LEOPARD, limits)


def test_the_card_of_the_set_names_every_weight_and_the_cards_beside_it():
    assert set(CARD["fusion"]) == {each.name for each in fields(Fusion)}
    assert all((MODELS / CARD[model]).exists() for model in ("detector", "classifier"))


def test_nothing_seen_and_nothing_named_is_blank_alone():
    assert judged(0.005, EMPTY, None)
    assert not judged(0.5, EMPTY, None)


def test_what_stands_still_through_a_burst_is_a_stump():
    stump = np.array([0.6, 0.01, 0.39])
    assert not judged(0.3, stump, None)
    assert judged(0.3, stump, STILL)
    assert not judged(0.3, stump, (5.0, 5.0))


def test_no_stillness_speaks_against_what_may_be_a_leopard():
    assert not judged(0.02, CAT, STILL)


def test_a_clear_sight_outweighs_any_stillness():
    assert not judged(0.85, np.array([0.05, 0.01, 0.94]), STILL)


def test_motion_is_found_where_it_is():
    random = np.random.default_rng(0)
    ground = random.integers(60, 180, (120, 160)).astype(np.uint8)
    burst = [ground.copy() for _ in range(4)]
    burst[2][40:72, 80:120] = 250
    there, elsewhere = np.array([0.9, 0.5, 0.3, 0.8, 0.6]), np.array([0.9, 0.0, 0.7, 0.2, 1.0])
    assert motion(burst[:2], [there, there]) == [STILL, STILL]
    at_box, anywhere = motion(burst, [there] * 4)[2]
    assert at_box == anywhere > 4
    assert motion(burst, [elsewhere] * 4)[2] == (0.0, anywhere)


def test_another_light_over_the_whole_frame_is_no_motion():
    random = np.random.default_rng(0)
    ground = random.integers(60, 180, (120, 160)).astype(np.uint8)
    brighter = (ground * 1.2 + 8).astype(np.uint8)
    assert motion([ground, brighter], [np.array([0.9, 0, 0, 1, 1.0])] * 2) == [STILL] * 2


def test_a_box_is_decoded_where_its_cell_is():
    grid = cells(64, 32, (8, 16, 32))
    assert len(grid) == 32 + 8 + 2
    box, low = np.zeros((len(grid), 4)), np.full(len(grid), -9.0)
    cell = 32 + 5  # stride 16: the second row's second column
    box[cell] = 0.5, 0.5, np.log(1), np.log(0.5)
    low[cell] = 9.0
    found = boxes_of(box, low, low, grid, (64, 32))
    [best] = apart(found, 0.5, 0.5, 8)
    assert best[1:] == pytest.approx([16 / 64, 20 / 32, 32 / 64, 28 / 32])
    assert best[0] > 0.99
