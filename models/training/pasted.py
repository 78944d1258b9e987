"""What the models say of composites, made once, and the rows a head learns from them."""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training import composites, evidence, inputs, views
from models.training.composites import Ground, Recipe
from models.training.cutouts import CutOut, boxed, stamps
from models.training.evidence import Frame
from models.training.folds import Rows, place_of
from models.training.pictures import LABELS

SEED = 1
LEOPARDS_EACH, OTHERS_EACH, STAMPS_EACH = 4, 2, 4  # composites of every cut-out
MOST = 40  # photographs of a label that lend their animal; all leopards do
SURE, LARGEST = 0.5, 0.8  # the detector's boxes that are surely an animal, and leave some ground
TWINS_EVERY = 4
LEOPARD_WEIGHT = 0.25  # at 1, every tenth other animal on a trap is named leopard
_models: tuple[evidence.Model, evidence.Model]


def grounds(frames: Sequence[Frame]) -> list[Ground]:
    """List the blanks of traps."""
    return [
        Ground(frame.path, place_of(frame))
        for frame in frames if frame.trap and frame.label == "blank" and not frame.sequence
    ]  # fmt: skip


def animals(data: Path, frames: Sequence[Frame], found: Mapping[str, NDArray[Any]]) -> list[CutOut]:
    """List boxed animals: by the source's box; in photographs, also by a sure detection."""
    rows = {frame.path: row for row, frame in enumerate(frames) if not frame.sequence}
    taken: dict[str, int] = dict.fromkeys(LABELS, 0)
    lend = [p for p in inputs.pictures(data) if not p.trap or (p.group and p.box)]
    pictures = [p for p in lend if str(p.path) in rows]
    listed, boxes = [], []
    for number in np.random.default_rng(SEED).permutation(len(pictures)):
        picture = pictures[number]
        box = _box(picture.box, found["boxes"][rows[str(picture.path)], 0])
        full = picture.label != "leopard" and taken[picture.label] >= MOST
        if picture.label != "blank" and box and not full:
            taken[picture.label] += 1
            listed.append(picture)
            boxes.append(box)
    return boxed(listed, boxes)


def _box(given: tuple[float, ...], best: NDArray[np.float32]) -> views.Box | None:
    if given:
        left, top, width, height = given
        return left, top, left + width, top + height
    score, left, top, right, bottom = (float(each) for each in best)
    return (left, top, right, bottom) if score >= SURE and (right - left) * (
        bottom - top) < LARGEST else None  # fmt: skip


def recipes(data: Path, frames: Sequence[Frame], found: Mapping[str, NDArray[Any]],
            stamps_folder: Path | None) -> list[Recipe]:  # fmt: skip
    """List all composites, then the twins of some."""
    ground, lent = grounds(frames), animals(data, frames, found)
    leopards = [animal for animal in lent if animal.label == "leopard"]
    others = [animal for animal in lent if animal.label != "leopard"]
    made = composites.recipes(ground, leopards, LEOPARDS_EACH, SEED)
    made += composites.recipes(ground, others, OTHERS_EACH, SEED + 1)
    if stamps_folder:
        made += composites.recipes(ground, stamps(stamps_folder), STAMPS_EACH, SEED + 2)
    return made + composites.twins(made, TWINS_EVERY)


def gather(made: Sequence[Recipe], detector: Path, backbone: Path,
           cache: Path) -> dict[str, NDArray[Any]]:  # fmt: skip
    """Give score and best box, features of the frame, of that box and of the animal's own."""
    key = hashlib.sha256(f"{composites.VERSION}".encode())
    key.update(detector.read_bytes() + backbone.read_bytes() + repr(made).encode())
    path = cache / f"composites-{key.hexdigest()[:12]}.npz"
    if not path.exists():
        start = (detector, backbone)
        with ProcessPoolExecutor(2, get_context("spawn"), _start, start) as pool:
            rows = list(pool.map(_look, made, chunksize=16))
        arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, **arrays)
        part.replace(path)
    return dict(np.load(path))


def _start(detector: Path, backbone: Path) -> None:
    global _models
    _models = evidence.Model(detector), evidence.Model(backbone)


def _look(recipe: Recipe) -> dict[str, NDArray[Any]]:
    detector, backbone = _models
    picture, box = composites.cook(recipe)
    best = evidence.find(detector, picture)[0][0]
    full, crop, own = (
        backbone(views.squash(each, evidence.SIDE, evidence.SIDE))[0]
        for each in (picture, views.crop(picture, tuple(best[1:])), views.crop(picture, box))
    )
    return {"best": best.astype(np.float32), "full": full, "crop": crop, "own": own}


def rows(made: Sequence[Recipe], said: Mapping[str, NDArray[Any]], take: NDArray[np.bool_],
         weight: float) -> Rows:  # fmt: skip
    """Make what a head learns: frames and the animals' own crops, for as much as `weight` says."""
    chosen = [recipe for recipe, one in zip(made, take, strict=True) if one]
    truth = np.array([LABELS.index(recipe.label) for recipe in chosen] * 2, np.int64)
    ground = np.array([recipe.ground.place for recipe in chosen] * 2, np.str_)
    lender = [recipe.animal.place if recipe.animal else "" for recipe in chosen]
    stored = np.concatenate([said["full"][take], said["own"][take]])
    return Rows(stored, truth, np.full(len(truth), weight, np.float32), ground,
                np.array(lender * 2, np.str_))  # fmt: skip


def balanced(made: Sequence[Recipe], said: Mapping[str, NDArray[Any]]) -> list[Rows]:
    """Make rows of all composites, in which leopards do not outweigh all others together."""
    leopards = np.array([recipe.label == "leopard" for recipe in made])
    return [rows(made, said, leopards, LEOPARD_WEIGHT), rows(made, said, ~leopards, 1.0)]


def joined(parts: Sequence[Rows]) -> Rows:
    """Put rows together."""
    columns = [field.name for field in fields(Rows)]
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))
