"""Make the demo's bursts from a folder of photographs: `make_demo_pictures.py SOURCES PICTURES`.

Needs numpy and Pillow. Which files SOURCES must hold, who took them and under which licence:
see NOTICE. Where to get them: trapnode/sim/pictures/README.md. The same sources give the same
pictures: each burst draws from a random generator seeded by its own name.
"""

import bz2
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.float64]

SIZE = (960, 720)
QUALITY = 74
CELL = 48  # pixels between the knots of the warp that stands in for wind
SOFT = 0.8  # pixels; a trap's lens is never as sharp as the cameras these came from
COMMENT = b"A changed copy. Author, licence and changes: see NOTICE of trapnode."


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a source that a frame shows: its corner and width, 4:3, in source pixels."""

    left: float
    top: float
    width: float

    def towards(self, other: "Window", share: float) -> "Window":
        """Go this share of the way to the other window."""
        ends = zip(self.corner(), other.corner(), strict=True)
        return Window(*(a + (b - a) * share for a, b in ends))

    def corner(self) -> tuple[float, float, float]:
        """Return left, top and width."""
        return self.left, self.top, self.width

    def box(self) -> tuple[float, float, float, float]:
        """Return the window as Pillow wants it."""
        bottom = self.top + self.width * SIZE[1] / SIZE[0]
        return self.left, self.top, self.left + self.width, bottom


@dataclass(frozen=True, slots=True)
class Burst:
    """How one burst is made: the window travels from first to last, the wind moves the rest."""

    name: str
    source: str
    frames: int
    first: Window
    last: Window
    wind: float = 1.0  # pixels, standard deviation of the knots
    sway: float = 0.0  # pixels by which the top of the picture leans
    shake: float = 1.5  # pixels, standard deviation of the camera's own movement
    flicker: float = 0.03  # share of the exposure
    night: bool = False  # turn a daylight picture into an infra-red one
    noise: float = 1.5  # grey levels, standard deviation


def still(left: float, top: float, width: float) -> Any:
    """Return the windows of a camera that nothing passes."""
    return {"first": Window(left, top, width), "last": Window(left, top, width)}


LIFE = "life_by_Aitzol_Berasategi.jpg"
LARCH = "aitzgorri_by_Aitzol_Berasategi.jpg"
PATH = "picosdeeuropa_by_Aitzol_Berasategi.jpg"
SUNSET = "sunset_by_Aitzol_Berasategi.jpg"
SEEDING = "seeding_by_Clements_Engelhardt.jpg"

DARK: Any = {"wind": 0.4, "noise": 3.5, "flicker": 0.08}  # a night frame, with noise of its own
INFRARED: Any = {"night": True, "noise": 5, "flicker": 0.08}

BURSTS = (
    Burst("01_stream_day", LIFE, 3, **still(170, 0, 2720)),
    Burst("02_ocelot_night", "sample.jpg", 5, Window(10, 60, 560), Window(225, 45, 560), **DARK),
    Burst("03_ocelot_again", "sample.jpg", 4, Window(195, 50, 500), Window(290, 70, 480), **DARK),
    Burst("04_dandelion_wind", SEEDING, 4, **still(300, 30, 3900), wind=2, sway=28),
    Burst("05_person_day", "camera.png", 4, Window(105, 45, 400), Window(4, 70, 480), noise=3),
    Burst("06_trees_night", LIFE, 3, **still(1760, 20, 1300), wind=1.5, **INFRARED),
    Burst("07_moose_day", "moose.webp", 4, Window(4, 20, 800), Window(195, 60, 820)),
    Burst("08_path_day", PATH, 3, **still(8, 1090, 1790)),
    Burst("09_raccoon_night", "face.dat", 4, Window(6, 6, 1010), Window(100, 14, 880), **INFRARED),
    Burst("10_low_sun", SUNSET, 3, **still(700, 200, 3400), wind=1.5, flicker=0.12),
    Burst("11_cat_night", "chelsea.png", 3, Window(40, 2, 394), Window(70, 12, 370), **INFRARED),
    Burst("12_larch_day", LARCH, 3, **still(1000, 700, 1700)),
)


def load(path: Path) -> Image.Image:
    """Read a source; SciPy's face.dat is bare pixels."""
    if path.suffix == ".dat":
        return Image.frombytes("RGB", (1024, 768), bz2.decompress(path.read_bytes()))
    with Image.open(path) as image:
        return image.convert("RGB")


def warp(image: Image.Image, burst: Burst, random: np.random.Generator) -> Image.Image:
    """Move the picture a little, differently in each place, as wind does; corners stay joined."""
    columns, rows = SIZE[0] // CELL, SIZE[1] // CELL
    knots = random.normal(0, burst.wind, (rows + 1, columns + 1, 2))
    height = np.linspace(1, 0, rows + 1)[:, None]
    knots[..., 0] += random.normal(0, 1) * burst.sway * height**2
    grid = np.indices((rows + 1, columns + 1))[::-1].transpose(1, 2, 0) * CELL + knots + CELL
    mirror = ((CELL, CELL), (CELL, CELL), (0, 0))  # something to show from beyond the edge
    image = Image.fromarray(np.pad(np.asarray(image), mirror, mode="reflect"))
    mesh = []
    for row in range(rows):
        for column in range(columns):
            x, y = column * CELL, row * CELL
            ring = (row, column), (row + 1, column), (row + 1, column + 1), (row, column + 1)
            quad = np.concatenate([grid[knot] for knot in ring])
            mesh.append(((x, y, x + CELL, y + CELL), tuple(quad)))
    return image.transform(SIZE, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC)


def infrared(pixels: Pixels) -> Pixels:
    """Light a daylight picture as a trap's lamp does: grey, bright in the middle, black far off."""
    grey = pixels @ np.array([0.45, 0.5, 0.05])  # leaves are bright in the near infra-red
    y, x = np.mgrid[-1 : 1 : SIZE[1] * 1j, -1 : 1 : SIZE[0] * 1j]
    lamp = np.exp(-1.1 * (x**2 + 0.8 * (y - 0.25) ** 2))
    return np.repeat((255 * (grey / 255) ** 1.1 * lamp)[..., None], 3, axis=2)


def frames(burst: Burst, source: Image.Image) -> Iterator[Image.Image]:
    """Make the frames of one burst, in order."""
    random = np.random.default_rng(zlib.crc32(burst.name.encode()))
    for index in range(burst.frames):
        view = burst.first.towards(burst.last, index / (burst.frames - 1))
        scale = view.width / SIZE[0]
        left, top = np.array(view.corner()[:2]) + random.normal(0, burst.shake * scale, 2)
        room = source.width - view.width, source.height - view.width * SIZE[1] / SIZE[0]
        view = Window(np.clip(left, 0, room[0]), np.clip(top, 0, room[1]), view.width)
        image = source.resize(SIZE, Image.Resampling.LANCZOS, box=view.box())
        image = warp(image, burst, random).filter(ImageFilter.GaussianBlur(SOFT))
        pixels = np.asarray(image, dtype=float) * (1 + random.normal(0, burst.flicker))
        if burst.night:
            pixels = infrared(pixels)
        pixels = pixels + random.normal(0, burst.noise, (SIZE[1], SIZE[0], 1))
        yield Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def write(burst: Burst, sources: Path, pictures: Path) -> int:
    """Write one burst without metadata but the pointer to NOTICE; return its bytes."""
    folder = pictures / burst.name
    folder.mkdir(parents=True, exist_ok=True)
    size = 0
    for number, image in enumerate(frames(burst, load(sources / burst.source)), start=1):
        path = folder / f"{number}.jpg"
        image.save(path, quality=QUALITY, optimize=True, comment=COMMENT)
        size += path.stat().st_size
    return size


def main(sources: Path, pictures: Path) -> None:
    """Make every burst and tell its size."""
    sizes = {burst.name: write(burst, sources, pictures) for burst in BURSTS}
    for name, size in sizes.items():
        print(f"{size // 1024:5} KiB {name}")
    print(f"{sum(sizes.values()) // 1024:5} KiB in all")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
