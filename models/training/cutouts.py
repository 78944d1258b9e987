"""Animals to paste: stamps with their own transparency, and boxed animals freed from their place.

The stamps are those of Debian's tuxpaint-stamps-default (GPL-2): unpack the package with
`dpkg-deb -x` and name its folder; neither they nor what is made of them is ever committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from models.training.pictures import Picture
from models.training.views import Box

STAMPS_FOLDER = Path("usr/share/tuxpaint/stamps/animals")
# What walks or flies before a trap, by our labels; drawings and what lives elsewhere stay out.
STAMPS = {
    "tiger": ("mammals/cats/tiger", "mammals/cats/tiger_sumatran"),
    "bear": ("mammals/bears/bear", "mammals/bears/european-bear"),
    "boar": ("mammals/wildboar",),
    "deer": ("mammals/deer/deer", "mammals/deer/doe", "mammals/deer/wapiti",
             "mammals/deer/caribou"),
    "small_carnivore": ("mammals/badger", "mammals/dogs/fox", "mammals/ferret",
                        "mammals/aquatic/otter"),
    "other_mammal": ("mammals/rodents/rabbit", "mammals/rodents/rabbit-2", "mammals/dogs/dog",
                     "mammals/bovines/cow", "mammals/rodents/squirrel", "mammals/rodents/marmot",
                     "mammals/bovines/goat", "mammals/equines/horse", "mammals/hedgehog"),
    "bird": ("birds/crow", "birds/magpie", "birds/owl", "birds/blackbird", "birds/turkey",
             "birds/hen", "birds/pigeon", "birds/heron_greatblue"),
}  # fmt: skip
LONGEST = 320  # pixels of a cut-out's longer side: previews of the data are no larger
BINS = 12  # of each colour's histogram
ROUNDS = 4
SMOOTH = 1.2  # pixels
NARROWEST = 0.15  # of the picture: less shows nothing
GAP = 0.03  # of the picture, between the box and the window: tails and whiskers


@dataclass(frozen=True, slots=True)
class CutOut:
    """One animal on a transparent ground; `place` is what must be held out with it."""

    name: str
    label: str
    place: str
    path: str
    box: Box | None = None  # of the animal in its photograph; a stamp has none

    @lru_cache(maxsize=1)  # noqa: B019 - composites of one animal follow each other
    def picture(self) -> Image.Image:
        """Load it, RGBA, cut to what is seen of it; not to be changed."""
        with Image.open(self.path) as file:
            whole = file.convert("RGB" if self.box else "RGBA")
        animal = freed(whole, self.box) if self.box else whole
        seen = animal.getchannel("A").point(lambda a: 255 * (a > 60)).getbbox()
        animal = animal.crop(seen) if seen else animal
        animal.thumbnail((LONGEST, LONGEST), Image.Resampling.BILINEAR)
        return animal


def stamps(folder: Path) -> list[CutOut]:
    """List the stamps of an unpacked package that show our animals."""
    found = []
    for label, names in STAMPS.items():
        for name in names:
            path = folder / STAMPS_FOLDER / f"{name}.png"
            found.append(CutOut(path.stem, label, f"stamp {path.stem}", str(path)))
    return found


def boxed(pictures: Sequence[Picture], boxes: Sequence[Box | None]) -> list[CutOut]:
    """List the animals of photographs with a box."""
    return [
        CutOut(picture.path.stem, picture.label, picture.fold, str(picture.path), box)
        for picture, box in zip(pictures, boxes, strict=True) if box
    ]  # fmt: skip


def freed(picture: Image.Image, box: Box) -> Image.Image:
    """Free the animal in a box from its ground: colours of inside and outside, in turns.

    Each round counts the colours of what is likely animal and what is likely ground, weighs every
    pixel by them and by its place in the box, and smooths: GrabCut without its graph.
    """
    pixels = np.asarray(picture, np.float32)
    prior = _ellipse(pixels.shape[0], pixels.shape[1], box)
    code = (pixels // (256 / BINS)).astype(np.int64) @ np.array([BINS * BINS, BINS, 1])
    share = prior
    for _ in range(ROUNDS):
        animal, ground = _colours(code, share), _colours(code, 1 - share)
        odds = np.log(animal[code] / ground[code]).clip(-3, 3) + np.log(prior / (1 - prior))
        share = _smooth(1 / (1 + np.exp(-odds)))
    alpha = ((share - 0.35) / 0.3).clip(0, 1) * (prior > 0.02)
    cut = Image.fromarray((alpha * 255).astype(np.uint8))
    freed_one = picture.copy()
    freed_one.putalpha(cut.filter(ImageFilter.GaussianBlur(0.7)))
    return freed_one


def _ellipse(height: int, width: int, box: Box) -> NDArray[np.float32]:
    """Give the share of animal that a box promises: high in its middle, nothing outside."""
    left, top, right, bottom = box
    y, x = np.mgrid[0.5 / height : 1 : height * 1j, 0.5 / width : 1 : width * 1j]
    across = (2 * x - left - right) / max(right - left, 0.02)
    down = (2 * y - top - bottom) / max(bottom - top, 0.02)
    share = 0.92 - 0.75 * (np.abs(across) ** 3 + np.abs(down) ** 3)
    inside = (np.abs(across) < 1) & (np.abs(down) < 1)
    return np.where(inside, share.clip(0.05, 0.92), 0.004).astype(np.float32)


def _colours(code: NDArray[np.int64], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Count colours by weight, each a little like its neighbours."""
    counts = np.bincount(code.ravel(), weight.ravel(), BINS**3).reshape([BINS] * 3)
    for axis in range(3):
        counts = counts + 0.5 * (np.roll(counts, 1, axis) + np.roll(counts, -1, axis))
    counts += counts.sum() * 1e-5
    return np.asarray((counts / counts.sum()).ravel(), np.float32)


def _smooth(share: NDArray[np.float32]) -> NDArray[np.float32]:
    picture = Image.fromarray((share * 255).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(SMOOTH)), np.float32) / 255


def window(box: Box) -> Box | None:
    """Give the largest upright piece outside a box, or nothing where the animal fills all."""
    left, top, right, bottom = box
    pieces = (
        (0.0, 0.0, left - GAP, 1.0), (right + GAP, 0.0, 1.0, 1.0),
        (0.0, 0.0, 1.0, top - GAP), (0.0, bottom + GAP, 1.0, 1.0),
    )  # fmt: skip
    wide = [p for p in pieces if min(p[2] - p[0], p[3] - p[1]) >= NARROWEST]
    return max(wide, key=lambda p: (p[2] - p[0]) * (p[3] - p[1])) if wide else None
