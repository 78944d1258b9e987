"""Features of pictures, made by the int8 backbone on the runtime and by the path of the unit."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from models.training import looks
from models.training.pictures import Picture
from trapnode.devices.classifier import to_tensor

SIDE = 224  # as lite0.SIDE, which would import TensorFlow
CHUNK = 64
_interpreter: Interpreter  # one per worker process


def extract(
    backbone: Path, pictures: Sequence[Picture], count: int, cache: Path
) -> NDArray[np.float32]:
    """Give features of shape (pictures, looks, 1280), from the cache if nothing changed."""
    return _real(backbone, stored(backbone, pictures, count, cache))


def stored(
    backbone: Path, pictures: Sequence[Picture], count: int, cache: Path
) -> NDArray[np.uint8]:
    """Give features as the model stores them."""
    path = cache / f"features-{_key(backbone, pictures, count)}.npy"
    if not path.exists():
        context = get_context("spawn")
        with ProcessPoolExecutor(2, context, _start, (backbone,)) as pool:
            rows = pool.map(_looks, pictures, [count] * len(pictures), chunksize=CHUNK)
            made = np.stack(list(rows))
        part = path.with_suffix(".part.npy")
        np.save(part, made)
        part.replace(path)
    return np.asarray(np.load(path))


def _key(backbone: Path, pictures: Sequence[Picture], count: int) -> str:
    hashes = hashlib.sha256(backbone.read_bytes())
    hashes.update(f"{looks.VERSION} {count}".encode())
    for picture in pictures:
        site = picture.site if picture.group else ""  # whose names may repeat
        hashes.update(f"{picture.path.name} {picture.label}{site}".encode())
    return hashes.hexdigest()[:16]


def _start(backbone: Path) -> None:
    global _interpreter
    _interpreter = Interpreter(model_content=backbone.read_bytes(), num_threads=1)
    _interpreter.allocate_tensors()


def _looks(picture: Picture, count: int) -> NDArray[np.uint8]:
    jpeg = picture.path.read_bytes()
    blank, key = picture.label == "blank", picture.path.name
    return np.stack([_features(looks.look(jpeg, n, blank, key)) for n in range(count)])


def _features(jpeg: bytes) -> NDArray[np.uint8]:
    tensor = to_tensor(jpeg, SIDE, SIDE)[np.newaxis]
    _interpreter.set_tensor(_interpreter.get_input_details()[0]["index"], tensor)
    _interpreter.invoke()
    return _interpreter.get_tensor(_interpreter.get_output_details()[0]["index"])[0].copy()


def _real(backbone: Path, stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    interpreter = Interpreter(model_content=backbone.read_bytes())
    scale, zero_point = interpreter.get_output_details()[0]["quantization"]
    return (stored.astype(np.float32) - zero_point) * np.float32(scale)
