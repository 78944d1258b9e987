"""The readers of public sets, on small files of the same form."""

import json

import pytest

from models.training import readers

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
