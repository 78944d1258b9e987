"""Read public sets as they are published: VOC boxes (NTLNP), COCO Camera Traps (LILA), Camtrap DP,
and plain folders by label.

Each gives one row per picture, as `index.csv` has them; a name nobody mapped is an error that
lists it, never a guess: put it into NAMES.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from models.training.pictures import LABELS

# Names in lower case, to our labels; no set was at hand to compare them with, so read the error.
NAMES = {
    "amurtiger": "tiger", "amurleopard": "leopard", "wildboar": "boar", "roedeer": "deer",
    "sikadeer": "deer", "blackbear": "bear", "redfox": "small_carnivore", "raccoondog":
    "small_carnivore", "badger": "small_carnivore", "leopardcat": "small_carnivore",
    "weasel": "small_carnivore", "sable": "small_carnivore", "hare": "other_mammal",
    "muskdeer": "deer", "cow": "other_mammal", "dog": "other_mammal", "y.t.marten":
    "small_carnivore", "empty": "blank", "blank": "blank", "human": "person", "people": "person",
    "person": "person", "vehicle": "vehicle", "bird": "bird", "panthera pardus": "leopard",
    "panthera pardus orientalis": "leopard", "panthera tigris": "tiger", "panthera tigris altaica":
    "tiger", "sus scrofa": "boar", "capreolus pygargus": "deer", "cervus nippon": "deer",
    "ursus thibetanus": "bear", "ursus arctos": "bear", "vulpes vulpes": "small_carnivore",
    "nyctereutes procyonoides": "small_carnivore", "meles leucurus": "small_carnivore",
    "homo sapiens": "person",
}  # fmt: skip
Box = tuple[float, float, float, float]  # left, top, width, height as shares of the picture


class UnknownNames(ValueError):
    """A set uses names that NAMES does not know."""


@dataclass(frozen=True, slots=True)
class Row:
    """One picture: where it is, what is in it, its site and the boxes its source gave."""

    path: Path
    label: str
    species: str
    site: str
    boxes: tuple[Box, ...] = ()


def read_voc(folder: Path, site: str = "") -> list[Row]:
    """Read one XML file of boxes beside each picture; its site is its folder unless given."""
    return _checked(_voc_row(path, folder, site) for path in sorted(folder.rglob("*.xml")))


def _voc_row(path: Path, folder: Path, site: str) -> Row:
    top = ElementTree.parse(path).getroot()
    picture = path.with_name(top.findtext("filename") or "")
    if not picture.exists():  # tools that renamed pictures left the old name inside
        beside = [p for p in path.parent.glob(f"{path.stem}.*") if p.suffix.lower() != ".xml"]
        picture = beside[0] if beside else picture
    width, height = (float(top.findtext(f"size/{side}") or 1) or 1 for side in ("width", "height"))
    names, boxes = [], []
    for thing in top.iter("object"):
        left, top_, right, bottom = (
            float(thing.findtext(f"bndbox/{edge}") or 0)
            for edge in ("xmin", "ymin", "xmax", "ymax")
        )
        names.append(thing.findtext("name") or "")
        sides = ((right - left) / width, (bottom - top_) / height)
        boxes.append((left / width, top_ / height, *sides))
    place = site or path.parent.relative_to(folder.parent).as_posix()
    return Row(picture, _label(names), _first(names), place, tuple(boxes))


def read_coco(annotations: Path, pictures: Path) -> list[Row]:
    """Read a COCO Camera Traps file; `location` is the site, pictures lie under `pictures`."""
    top = json.loads(annotations.read_text())
    names = {each["id"]: each["name"] for each in top["categories"]}
    found: dict[object, list[dict[str, object]]] = defaultdict(list)
    for each in top["annotations"]:
        found[each["image_id"]].append(each)
    return _checked(
        _coco_row(image, found[image["id"]], names, pictures) for image in top["images"]
    )


def _coco_row(image: dict, found: list[dict], names: dict, pictures: Path) -> Row:  # type: ignore[type-arg]
    said = [names[each["category_id"]] for each in found]
    width, height = image.get("width") or 1, image.get("height") or 1
    boxes = tuple(
        (x / width, y / height, w / width, h / height)
        for x, y, w, h in (each["bbox"] for each in found if each.get("bbox"))
    )
    site = str(image.get("location", ""))
    return Row(pictures / image["file_name"], _label(said), _first(said), site, boxes)


def read_camtrap_dp(package: Path) -> list[Row]:
    """Read a Camtrap DP folder: media.csv, deployments.csv, observations.csv; local files only."""
    sites = {r["deploymentID"]: r.get("locationID") or r["deploymentID"]
             for r in _csv(package / "deployments.csv")}  # fmt: skip
    by_media, by_event = defaultdict(list), defaultdict(list)
    for row in _csv(package / "observations.csv"):
        kept = by_media[row["mediaID"]] if row.get("mediaID") else by_event[row.get("eventID", "")]
        kept.append(row)
    media = [r for r in _csv(package / "media.csv") if not r["filePath"].startswith("http")]
    return _checked(
        _dp_row(row, by_media.get(row["mediaID"]) or by_event.get(row.get("eventID", ""), []),
                sites, package) for row in media
    )  # fmt: skip


def _dp_row(row: dict[str, str], found: list[dict[str, str]], sites: dict[str, str],
            package: Path) -> Row:  # fmt: skip
    said = [each.get("scientificName") or each["observationType"] for each in found]
    boxes = tuple(
        (*(float(each[f"bbox{part}"]) for part in ("X", "Y", "Width", "Height")),)
        for each in found if each.get("bboxX")
    )  # fmt: skip
    site = sites.get(row["deploymentID"], row["deploymentID"])
    return Row(package / row["filePath"], _label(said), _first(said), site, boxes)  # type: ignore[arg-type]


def read_folders(folder: Path, suffixes: Sequence[str]) -> list[Row]:
    """Read `LABEL/SITE/picture`: labels or names in NAMES; without SITE, the label is the site."""
    found = []
    for path in sorted(folder.rglob("*")):
        name, *site = path.relative_to(folder).parts[:-1] or ("",)
        if path.suffix.lower() in suffixes:
            place = "/".join(site) or f"all of {name}"
            found.append(Row(path, _label([name]), name, place))
    return _checked(found)


def _csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        yield from csv.DictReader(file)


def _first(names: Iterable[str]) -> str:
    return next(iter(names), "")


def _label(names: list[str]) -> str:
    """Give the rarest claim in a picture: an animal before a person before nothing."""
    known = NAMES | {label: label for label in LABELS}
    found = [known.get(name.strip().lower(), f"?{name}") for name in names] or ["blank"]
    return min(found, key=lambda label: (label == "blank", label in ("person", "vehicle")))


def _checked(rows: Iterable[Row]) -> list[Row]:
    listed = list(rows)
    if unknown := sorted({row.label[1:] for row in listed if row.label.startswith("?")}):
        raise UnknownNames(f"no label for {', '.join(unknown)}: add them to readers.NAMES")
    return listed
