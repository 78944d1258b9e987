"""Pieces of photographs outside the box of their animal: none of them is a leopard."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from models.training import evidence, views
from models.training.cutouts import CutOut, window
from models.training.folds import Rows
from models.training.views import Box

WEIGHT = 4.0  # against an empty window's 0.35 elsewhere: there are few, and they matter
FEATURES = 1280  # as lite0.FEATURES, which would import TensorFlow


def rows(animals: Sequence[CutOut], backbone: Path, cache: Path) -> Rows:
    """Give the features of the windows of photographs, as blanks; `other` is whose they are."""
    found = [(a, window(a.box)) for a in animals if a.box]
    listed = [(animal, piece) for animal, piece in found if piece]
    key = hashlib.sha256(backbone.read_bytes() + repr(listed).encode()).hexdigest()[:12]
    path = cache / f"windows-{key}.npy"
    if not path.exists():
        model = evidence.Model(backbone)
        made = [_features(model, *each) for each in listed]
        np.save(path, np.array(made, np.uint8).reshape(-1, FEATURES))
    count = len(listed)
    place = np.array([animal.place for animal, _ in listed], np.str_)
    label = np.array([animal.label for animal, _ in listed], np.str_)
    return Rows(
        np.load(path), np.zeros(count, np.int64), np.full(count, WEIGHT, np.float32), place, label
    )


def _features(backbone: evidence.Model, animal: CutOut, piece: Box):  # type: ignore[no-untyped-def]
    with Image.open(animal.path) as file:
        sides = (file.width, file.height) * 2
        edges = [round(share * side) for share, side in zip(piece, sides, strict=True)]
        picture = file.convert("RGB").crop((edges[0], edges[1], edges[2], edges[3]))
    return backbone(views.squash(picture, evidence.SIDE, evidence.SIDE))[0]
