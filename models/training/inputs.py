"""What lies in a data folder, told by what is in it: our index, a public set, or plain folders.

| in the folder | is read as |
|---|---|
| `index.csv` | our own index: sites, splits, sources, licences |
| `media.csv`, `deployments.csv`, `observations.csv` | a Camtrap DP package |
| one `.json` with images, annotations, categories | COCO Camera Traps; pictures beside it |
| `.xml` files beside the pictures | VOC boxes, a site per folder |
| folders named like a label or a species | `LABEL/SITE/*.jpg`; without `SITE`, one site |

All but the index are taken for trap frames, to learn from; their sites are held out in groups.
"""

from collections.abc import Sequence
from pathlib import Path

from models.training import readers
from models.training.pictures import LABELS, Picture, read_index, site_group
from models.training.readers import Row

DP = ("media.csv", "deployments.csv", "observations.csv")
SUFFIXES = (".jpg", ".jpeg", ".png")
LEAST_GROUPS = 3  # a head, its thresholds and what they are measured on see different sites


class NotTrainable(ValueError):
    """A data folder holds nothing that can be trained on."""


def pictures(data: Path) -> list[Picture]:
    """Read a data folder, whatever its form.

    Raises NotTrainable where there is too little or nothing known, UnknownNames for a name
    without a label.
    """
    if (data / "index.csv").exists():
        return read_index(data)
    listed = [_picture(row, data.name) for row in _rows(data)]
    _check(listed, data)
    return listed


def _rows(data: Path) -> Sequence[Row]:
    if all((data / name).exists() for name in DP):
        return readers.read_camtrap_dp(data)
    tops = sorted(data.glob("*.json"))
    if len(tops) == 1:
        return readers.read_coco(tops[0], data)
    if next(data.rglob("*.xml"), None):
        return readers.read_voc(data)
    return readers.read_folders(data, SUFFIXES)


def _picture(row: Row, source: str) -> Picture:
    box = row.boxes[0] if len(row.boxes) == 1 else ()
    return Picture(
        path=row.path.resolve(), label=row.label, trap=True, night_ir=False, site=row.site,
        split="train", source=source, licence="as given with the set", box=box,
        group=site_group(row.site),
    )  # fmt: skip


def _check(listed: Sequence[Picture], data: Path) -> None:
    """Refuse what no head or no honest threshold can come from."""
    if missing := [str(each.path) for each in listed if not each.path.exists()]:
        raise NotTrainable(f"{data}: {len(missing)} pictures are missing, first {missing[0]}")
    labels, groups = {each.label for each in listed}, {each.fold for each in listed}
    if lacking := [label for label in LABELS[:2] if label not in labels]:
        raise NotTrainable(f"{data}: no pictures of {', '.join(lacking)}")
    if len(groups) < LEAST_GROUPS:
        raise NotTrainable(f"{data}: {len(groups)} groups of sites, needs {LEAST_GROUPS}")
