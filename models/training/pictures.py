"""The pictures to learn from: the index, what is taken of each source, and how much it weighs."""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LABELS = (
    "blank",
    "leopard",
    "tiger",
    "bear",
    "boar",
    "deer",
    "small_carnivore",
    "other_mammal",
    "bird",
    "person",
    "vehicle",
)
# Small landscape photographs teach "low resolution is blank": few of them, and every other
# source is also shown as small as they are (see looks.py).
CAPS = {"intel_scenes": 300, "scene15_grey": 200}
PHOTO_FOLDS = 4
SITE_FOLDS = 8


@dataclass(frozen=True, slots=True)
class Picture:
    """One row of the index, with its path made absolute."""

    path: Path
    label: str
    trap: bool
    night_ir: bool
    site: str
    split: str
    source: str
    licence: str
    box: tuple[float, ...] = ()  # left, top, width, height as shares, where the source gave one
    burst: str = ""
    group: str = ""  # what is held out together, where the index does not say it

    @property
    def folder(self) -> str:
        """Name the collection the picture is filed under."""
        return filed_under(str(self.path))

    @property
    def place(self) -> str:
        """Name the camera site; trap frames found without one, and photographs, are one place."""
        if not self.trap:
            return "photographs"
        return "site unknown" if self.site.startswith("photo/") else self.site

    @property
    def fold(self) -> str:
        """Name the group that is held out together: a trap project, or a share of photographs."""
        if self.group:
            return self.group
        if self.place not in ("photographs", "site unknown"):
            return self.folder
        return f"photographs_{_hash(self.site) % PHOTO_FOLDS}"


def filed_under(path: str) -> str:
    """Name a picture's collection: the folder in `images`, or the one it lies in."""
    parts = Path(path).parts
    return parts[parts.index("images") + 1] if "images" in parts else parts[-2]


def site_group(site: str) -> str:
    """Put sites into groups to hold out: so many that a head each can be fitted without two."""
    return f"sites_{_hash(site) % SITE_FOLDS}"


def read_index(data: Path) -> list[Picture]:
    """Read `index.csv` of a data folder."""
    with (data / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Picture(
            path=(data / row["path"]).resolve(),
            label=row["label"],
            trap=row["camera_trap"] == "1",
            night_ir=row["night_ir"] == "1",
            site=row["site"],
            split=row["split"],
            source=row["source"],
            licence=row["licence"],
            burst=row.get("burst", ""),
            box=tuple(float(row[side]) for side in "xywh" if row.get(side)),
        )
        for row in rows
        if row["label"] in LABELS
    ]


def to_learn(pictures: Sequence[Picture]) -> list[Picture]:
    """Take the training split, capping the sources that would teach a shortcut."""
    groups: dict[str, list[Picture]] = defaultdict(list)
    for picture in sorted(pictures, key=lambda picture: _hash(picture.path.name)):
        if picture.split == "train":
            groups[picture.folder].append(picture)
    chosen = [picture for folder, group in groups.items() for picture in group[: CAPS.get(folder)]]
    return sorted(chosen, key=lambda picture: str(picture.path))


def weights(pictures: Sequence[Picture]) -> list[float]:
    """Weigh labels alike by the root of their counts, and each label's sources alike likewise."""
    cells: dict[tuple[str, str], int] = defaultdict(int)
    for picture in pictures:
        cells[picture.label, picture.folder] += 1
    labels: dict[str, float] = defaultdict(float)
    counts: dict[str, int] = defaultdict(int)
    for (label, _), count in cells.items():
        labels[label] += count**0.5
        counts[label] += count
    raw = [
        counts[p.label] ** 0.5 * cells[p.label, p.folder] ** -0.5 / labels[p.label]
        for p in pictures
    ]
    mean = sum(raw) / len(raw)
    return [weight / mean for weight in raw]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
