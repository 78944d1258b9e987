"""What lies in a data folder is told by what is in it."""

import json
from pathlib import Path

import pytest

from models.training import inputs, readers
from models.training.inputs import NotTrainable

SITES = ("ridge", "creek", "saddle", "birches", "ford", "rocks")
XML = """<annotation><filename>{file}</filename><size><width>100</width><height>100</height></size>
<object><name>{name}</name><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>50</xmax><ymax>80</ymax>
</bndbox></object></annotation>"""
HEAD = "path,label,species,camera_trap,night_ir,site,burst,split,source,licence,x,y,w,h\n"


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def told(listed):
    return {(each.label, each.site) for each in listed}


def test_folders_by_label_are_sites_within_labels(tmp_path):
    for site in SITES:
        touch(tmp_path / "Panthera pardus" / site / "IMG_1.JPG")
        touch(tmp_path / "blank" / site / "IMG_1.JPG")
    touch(tmp_path / "blank" / "ridge" / "notes.txt")
    listed = inputs.pictures(tmp_path)
    assert told(listed) == {(label, site) for label in ("leopard", "blank") for site in SITES}
    assert all(each.trap and each.split == "train" for each in listed)


def test_pictures_of_a_site_are_held_out_together_whatever_they_show(tmp_path):
    for site in SITES:
        touch(tmp_path / "leopard" / site / "1.jpg")
        touch(tmp_path / "blank" / site / "2.jpg")
    folds = {each.site: set() for each in inputs.pictures(tmp_path)}
    for each in inputs.pictures(tmp_path):
        folds[each.site].add(each.fold)
    assert all(len(fold) == 1 for fold in folds.values())


def test_our_index_is_known_by_its_name(tmp_path):
    row = "images/x/1.jpg,leopard,,1,0,s,,train,me,CC0,0.1,0.2,0.3,0.4\n"
    (tmp_path / "index.csv").write_text(HEAD + row)
    [one] = inputs.pictures(tmp_path)
    assert (one.source, one.box) == ("me", (0.1, 0.2, 0.3, 0.4))


def test_xml_beside_pictures_is_voc(tmp_path):
    for site in SITES:
        for number, name in enumerate(("AmurLeopard", "empty")):
            touch(tmp_path / site / f"{number}.jpg")
            (tmp_path / site / f"{number}.xml").write_text(
                XML.format(file=f"{number}.jpg", name=name)
            )
    listed = inputs.pictures(tmp_path)
    assert {each.label for each in listed} == {"leopard", "blank"}
    assert listed[0].box == pytest.approx((0.1, 0.2, 0.4, 0.6))


def test_one_json_is_coco_camera_traps(tmp_path):
    images = [{"id": s, "file_name": f"{s}.jpg", "location": s} for s in SITES]
    found = [{"id": i, "image_id": s, "category_id": i % 2} for i, s in enumerate(SITES)]
    names = [{"id": 0, "name": "empty"}, {"id": 1, "name": "panthera pardus"}]
    for site in SITES:
        touch(tmp_path / f"{site}.jpg")
    (tmp_path / "set.json").write_text(
        json.dumps({"images": images, "annotations": found, "categories": names})
    )
    assert told(inputs.pictures(tmp_path)) == {
        (("blank", "leopard")[i % 2], s) for i, s in enumerate(SITES)
    }


def camtrap_dp(folder: Path) -> None:
    deployments, media, seen = "deploymentID,locationID\n", "mediaID,deploymentID,filePath\n", ""
    for number, site in enumerate(SITES):
        touch(folder / f"{number}.jpg")
        deployments += f"d{number},{site}\n"
        media += f"m{number},d{number},{number}.jpg\n"
        name = ("", "Panthera pardus")[number % 2]
        seen += f"o{number},m{number},{'animal' if name else 'blank'},{name}\n"
    (folder / "deployments.csv").write_text(deployments)
    (folder / "media.csv").write_text(media)
    (folder / "observations.csv").write_text(
        "observationID,mediaID,observationType,scientificName\n" + seen
    )


def test_three_tables_are_a_camtrap_dp_package(tmp_path):
    camtrap_dp(tmp_path)
    assert {each.site for each in inputs.pictures(tmp_path)} == set(SITES)


def test_a_picture_that_is_not_there_is_named(tmp_path):
    camtrap_dp(tmp_path)
    (tmp_path / "3.jpg").unlink()
    with pytest.raises(NotTrainable, match=r"1 pictures are missing, first .*3\.jpg"):
        inputs.pictures(tmp_path)


def test_without_leopards_there_is_nothing_to_guard(tmp_path):
    for site in SITES:
        touch(tmp_path / "blank" / site / "1.jpg")
    with pytest.raises(NotTrainable, match="no pictures of leopard"):
        inputs.pictures(tmp_path)


def test_one_site_is_too_few_to_hold_one_out(tmp_path):
    for label in ("blank", "leopard"):
        touch(tmp_path / label / "ridge" / "1.jpg")
    with pytest.raises(NotTrainable, match="1 groups of sites, needs 3"):
        inputs.pictures(tmp_path)


def test_a_folder_nobody_knows_is_an_error_that_names_it(tmp_path):
    touch(tmp_path / "yeti" / "1.jpg")
    with pytest.raises(readers.UnknownNames, match="yeti"):
        inputs.pictures(tmp_path)
