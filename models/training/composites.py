"""Animals pasted on real blanks, and the same blanks without them: what a trap might have seen.

Everything hangs on a recipe and its seed. A composite belongs to two places, its ground's and its
animal's: it is held out with either.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from models.training import damage, looks
from models.training.cutouts import CutOut
from models.training.views import Box, decode

VERSION = 1
KINDS = ("plain", "branches", "infrared", "snow", "flare", "edge", "far", "close")
HORIZON = 0.4  # of the frame's height: what stands farther off has its feet nearer to it
HEIGHTS = {"far": (0.05, 0.12), "close": (0.8, 1.5), "edge": (0.3, 0.8)}
USUAL = (0.15, 0.6)  # of the frame's height
SQUASHED = 0.75  # a square frame was 4:3 before
GREY_BELOW = 6.0  # levels between colours: an infra-red frame
Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Ground:
    """A real blank and its place."""

    path: str
    place: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is pasted where, and how it looks; without an animal it is the blank's twin."""

    ground: Ground
    animal: CutOut | None
    kind: str
    seed: int

    @property
    def label(self) -> str:
        """Name what is in it."""
        return self.animal.label if self.animal else "blank"


def recipes(grounds: Sequence[Ground], animals: Sequence[CutOut], each: int,
            seed: int) -> list[Recipe]:  # fmt: skip
    """Paste every animal `each` times, on blanks of all places alike, in all looks in turn."""
    random = np.random.default_rng(seed)
    places = sorted({ground.place for ground in grounds})
    by_place = {place: [g for g in grounds if g.place == place] for place in places}
    made: list[Recipe] = []
    if not grounds:
        return made
    for animal in animals:
        for _ in range(each):
            here = by_place[places[int(random.integers(len(places)))]]
            ground = here[int(random.integers(len(here)))]
            kind = KINDS[len(made) % len(KINDS)]
            made.append(Recipe(ground, animal, kind, int(random.integers(1 << 31))))
    return made


def twins(made: Sequence[Recipe], every: int) -> list[Recipe]:
    """Take every so many recipes without their animals: the look alone is no animal."""
    return [replace(recipe, animal=None) for recipe in made[::every]]


def cook(recipe: Recipe) -> tuple[Image.Image, Box]:
    """Make the picture of a recipe; give where its animal is (a twin: where it would be)."""
    random = np.random.default_rng(recipe.seed)
    with open(recipe.ground.path, "rb") as file:
        ground = decode(file.read())
    animal = recipe.animal.picture() if recipe.animal else Image.new("RGBA", (60, 40))
    fitted, corner = _stand(animal, ground, recipe.kind, random)
    if recipe.animal:
        fitted = _toned(fitted, ground, corner, random)
        fitted = _hidden(fitted, 12 if recipe.kind == "branches" else 2, random)
        fitted = fitted.filter(ImageFilter.GaussianBlur(random.uniform(0.2, 1.0)))
        _shade(ground, fitted, corner)
        ground.paste(fitted, corner, fitted)
    picture = FINISH.get(recipe.kind, _noisy)(ground, random)
    left, top, right, bottom = _box(fitted, corner, ground)
    if recipe.kind == "infrared":  # that look mirrors
        left, right = 1 - right, 1 - left
    return _stored(picture, random), (left, top, right, bottom)


def _stand(animal: Image.Image, ground: Image.Image, kind: str,
           random: Random) -> tuple[Image.Image, tuple[int, int]]:  # fmt: skip
    """Scale an animal and set its feet on the ground: large is near is low."""
    low, high = HEIGHTS.get(kind, USUAL)
    share = low * (high / low) ** random.uniform()
    height = max(6, round(share * ground.height))
    wide = animal.width / animal.height * (SQUASHED if ground.width == ground.height else 1)
    animal = ImageOps.mirror(animal) if random.uniform() < 0.5 else animal
    fitted = animal.resize((max(6, round(wide * height)), height), Image.Resampling.BILINEAR)
    feet = min(HORIZON + 0.7 * share + random.uniform(0, 0.2), 0.97 + 0.5 * (share > 0.7))
    left = round(random.uniform(0, 1) * (ground.width - fitted.width))
    if kind == "edge" or (kind == "close" and random.uniform() < 0.5):
        out = random.uniform(0.25, 0.6) * fitted.width
        left = round(-out if random.uniform() < 0.5 else ground.width - fitted.width + out)
    return fitted, (left, round(feet * ground.height) - height)


def _toned(animal: Image.Image, ground: Image.Image, corner: tuple[int, int],
           random: Random) -> Image.Image:  # fmt: skip
    """Bring the animal's light nearer to that of what it stands before; grey on grey."""
    around = ground.crop((*corner, corner[0] + animal.width, corner[1] + animal.height))
    there = np.asarray(around, np.float32)
    pixels, alpha = np.asarray(animal, np.float32)[..., :3], np.asarray(animal)[..., 3:]
    if np.abs(np.diff(np.asarray(ground, np.float32), axis=2)).mean() < GREY_BELOW:
        pixels = pixels.mean(axis=2, keepdims=True).repeat(3, axis=2)
    mine = pixels[alpha[..., 0] > 128] if (alpha > 128).any() else pixels.reshape(-1, 3)
    mix = random.uniform(0.3, 0.8)
    middle = (1 - mix) * mine.mean() + mix * there.mean()
    spread = (1 - mix) + mix * np.clip(there.std() / (mine.std() + 1), 0.4, 1.4)
    pixels = (pixels - mine.mean()) * spread + middle
    return Image.fromarray(np.dstack([pixels.clip(0, 255).astype(np.uint8), alpha]))


def _hidden(animal: Image.Image, twigs: int, random: Random) -> Image.Image:
    """Let the ground show through as twigs across the animal and as grass before its feet."""
    alpha, (width, height) = animal.getchannel("A"), animal.size
    draw = ImageDraw.Draw(alpha)
    for _ in range(int(random.integers(0, twigs + 1))):
        x, lean = random.uniform(0, width), random.normal(0, 0.4 * width)
        thick = max(1, round(random.uniform(0.01, 0.06) * width))
        draw.line((x, 0, x + lean, height), fill=0, width=thick)
    for x in random.uniform(0, width, int(random.integers(0, 25))):
        blade = random.uniform(0.03, 0.18) * height
        draw.line((x, height, x + random.normal(0, 2), height - blade), fill=0, width=1)
    animal = animal.copy()
    animal.putalpha(alpha)
    return animal


def _shade(ground: Image.Image, animal: Image.Image, corner: tuple[int, int]) -> None:
    """Darken the ground under the feet."""
    width, deep = animal.width, max(2, animal.height // 10)
    shade = Image.new("L", (width, 2 * deep))
    ImageDraw.Draw(shade).ellipse((width // 10, 0, width - width // 10, 2 * deep - 1), fill=90)
    shade = shade.filter(ImageFilter.GaussianBlur(deep / 2))
    ground.paste((15, 15, 15), (corner[0], corner[1] + animal.height - deep), shade)


def _noisy(picture: Image.Image, random: Random) -> Image.Image:
    pixels = np.asarray(picture, np.float32)
    pixels = pixels + random.normal(0, random.uniform(0.5, 6), pixels.shape[:2])[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _snowing(picture: Image.Image, random: Random) -> Image.Image:
    """Let flakes fall, near ones large and soft."""
    cover = Image.new("L", picture.size)
    draw = ImageDraw.Draw(cover)
    for _ in range(int(random.integers(20, 120))):
        x, y = random.uniform(0, picture.width), random.uniform(0, picture.height)
        r = random.gamma(1.5, picture.width / 250)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=int(random.integers(120, 255)))
    cover = cover.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 1.5)))
    return Image.composite(Image.new("RGB", picture.size, (235, 238, 242)), picture, cover)


def _flared(picture: Image.Image, random: Random) -> Image.Image:
    """Let a low sun or a lamp shine into the lens."""
    y, x = np.mgrid[0 : 1 : picture.height * 1j, 0 : 1 : picture.width * 1j]
    away = (x - random.uniform(0, 1)) ** 2 + (y - random.uniform(0, 0.5)) ** 2
    light = 160 * np.exp(-away / random.uniform(0.02, 0.2))[..., None]
    pixels = np.asarray(picture, np.float32) * random.uniform(0.7, 1) + light
    return Image.fromarray((pixels + random.uniform(0, 30)).clip(0, 255).astype(np.uint8))


def _close(picture: Image.Image, random: Random) -> Image.Image:
    """Overexpose what is near by night, or leave it by day."""
    return damage.washed_out(picture, random) if random.uniform() < 0.6 else picture


FINISH: dict[str, Callable[[Image.Image, Random], Image.Image]] = {
    "infrared": looks.infrared,
    "snow": _snowing,
    "flare": _flared,
    "close": _close,
}


def _stored(picture: Image.Image, random: Random) -> Image.Image:
    return decode(looks.as_jpeg(picture, int(random.integers(45, 92))))


def _box(animal: Image.Image, corner: tuple[int, int], ground: Image.Image) -> Box:
    left, top = corner
    edges = (left, top, left + animal.width, top + animal.height)
    sides = (ground.width, ground.height) * 2
    inside = [min(max(edge / side, 0.0), 1.0) for edge, side in zip(edges, sides, strict=True)]
    return inside[0], inside[1], inside[2], inside[3]


def sheet(pictures: Iterator[Image.Image], columns: int, side: int) -> Image.Image:
    """Put pictures side by side, for the eye."""
    tiles = [ImageOps.pad(picture, (side, side)) for picture in pictures]
    rows = -(-len(tiles) // columns)
    whole = Image.new("RGB", (columns * side, rows * side))
    for number, tile in enumerate(tiles):
        whole.paste(tile, (number % columns * side, number // columns * side))
    return whole
