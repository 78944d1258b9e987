"""Everything the models say of every picture, made once by the path of the unit, then cached.

usage: python -m models.training.evidence --data ../shared/data --detector models/yolox-tiny.tflite
Deciding what to make of it takes seconds then.
"""

import argparse
import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image

from models.training import inputs, looks, views
from models.training.corrections import read_corrections
from models.training.pictures import CAPS, LABELS, to_learn
from trapnode.devices.detector import apart, boxes_of, cells

VERSION = 4
STRIDES = (8, 16, 32)
SIDE = 224
CROP_LOOKS = (0, 1, 2, 3)  # of the best box's crop: untouched, day, infra-red, damaged
BACKGROUNDS = 2  # windows without the found boxes
GREY = (160, 120)  # for the motion between the frames of a burst
BOXES = 8
_models: tuple["Model", "Model"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture to be judged, alone or in its sequence."""

    path: str
    label: str
    trap: bool
    place: str
    fold: str
    split: str
    sequence: str
    licence: str = ""
    source: str = ""
    burst: str = ""
    doubted: bool = False  # its label, by a second look


class Model:
    """A quantised model on the runtime: bytes in, real numbers out."""

    def __init__(self, path: Path) -> None:
        self._interpreter = Interpreter(model_path=str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        self._source = self._interpreter.get_input_details()[0]
        self.height, self.width = (int(side) for side in self._source["shape"][1:3])

    def __call__(self, pixels: NDArray[np.uint8]) -> list[NDArray[Any]]:
        """Run on one picture; give the outputs as they are stored."""
        stored = pixels
        if self._source["dtype"] == np.int8:
            stored = (pixels.astype(np.int16) - 128).astype(np.int8)
        elif self._source["dtype"] == np.float32:
            stored = pixels.astype(np.float32)
        self._interpreter.set_tensor(self._source["index"], stored[np.newaxis])
        self._interpreter.invoke()
        details = self._interpreter.get_output_details()
        return [self._interpreter.get_tensor(each["index"])[0].copy() for each in details]

    @property
    def output_quantisation(self) -> tuple[float, int]:
        """Give scale and zero point of the first output."""
        scale, zero_point = self._interpreter.get_output_details()[0]["quantization"]
        return scale, zero_point

    def real(self, stored: Sequence[NDArray[Any]]) -> list[NDArray[np.float64]]:
        """Turn stored outputs into real numbers."""
        details = self._interpreter.get_output_details()
        pairs = zip(stored, (each["quantization"] for each in details), strict=True)
        return [(v.astype(np.float64) - point) * (scale or 1) for v, (scale, point) in pairs]


def find(model: Model, picture: Image.Image) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Give the detector's boxes, best first and at least one, and its features' maxima."""
    tensor, inner = views.letterbox(picture, model.width, model.height)
    ends = model.real(model(tensor))
    box = next(end for end in ends if end.shape[-1] == 4)
    obj, cls = (end for end in ends if end.shape[-1] == 1)
    found = boxes_of(box, obj, cls, cells(model.width, model.height, STRIDES), inner)
    most = [end for end in ends if end.ndim == 1]
    apart_ = apart(found, min(0.02, float(found[:, 0].max())), 0.5, BOXES)
    return apart_, np.concatenate([*most, []]).astype(np.float32)


def frames(data: Path) -> list[Frame]:
    """List the pictures of the index (small landscapes capped), then the frames of sequences."""
    pictures = inputs.pictures(data)
    learned = {picture.path for picture in to_learn(pictures)}
    taken = [p for p in pictures if p.split != "train" or p.path in learned or p.folder not in CAPS]
    doubted = {(data / path).resolve() for path in read_corrections()}
    found = [
        Frame(str(p.path), p.label, p.trap, p.place, p.fold, p.split, "", p.licence, p.source,
              p.burst, p.path in doubted)
        for p in taken
    ]  # fmt: skip
    return found + list(_of_sequences(data))


def _of_sequences(data: Path) -> Iterator[Frame]:
    if not (data / "sequence_frames.csv").exists():
        return
    with (data / "sequence_frames.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            path = (data / "sequences" / row["sequence"] / row["frame"]).resolve()
            folder = row["sequence"].split("/")[0]
            label = row["label"] if row["label"] in LABELS else "other_mammal"
            yield Frame(str(path), label, True, folder, folder, "sequence", row["sequence"])


def gather(data: Path, detector: Path, backbone: Path, cache: Path) -> dict[str, NDArray[Any]]:
    """Give the evidence of every frame, from the cache if nothing changed."""
    listed = frames(data)
    key = hashlib.sha256(f"{VERSION}".encode() + detector.read_bytes() + backbone.read_bytes())
    key.update("".join(each.path for each in listed).encode())
    path = cache / f"evidence-{key.hexdigest()[:12]}.npz"
    if not path.exists():
        with ProcessPoolExecutor(2, get_context("spawn"), _start, (detector, backbone)) as pool:
            rows = list(pool.map(_look, listed, chunksize=32))
        arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, **arrays)
        part.replace(path)
    return dict(np.load(path))


def _start(detector: Path, backbone: Path) -> None:
    global _models
    _models = Model(detector), Model(backbone)


def _look(frame: Frame) -> dict[str, NDArray[Any]]:
    detector, backbone = _models
    picture = views.unit_view(Path(frame.path))
    found, most = find(detector, picture)
    boxes = np.zeros((BOXES, 5), np.float32)
    boxes[: len(found)] = found
    best = views.crop(picture, tuple(found[0, 1:]))
    random = np.random.default_rng(
        int(hashlib.sha256(frame.path[-40:].encode()).hexdigest()[:8], 16)
    )
    learn = frame.split == "train"
    crops = [_features(backbone, _other(best, n, frame)) for n in (CROP_LOOKS if learn else (0,))]
    empty = [_features(backbone, each) for each in _background(picture, found, random)]
    return {
        "boxes": boxes,
        "most": most,
        "full": _features(backbone, picture),
        "crops": np.stack(crops + [crops[0]] * (len(CROP_LOOKS) - len(crops))),
        "empty": np.stack(empty),
        "grey": np.asarray(picture.convert("L").resize(GREY, Image.Resampling.BILINEAR)),
        "size": np.array(picture.size, np.int16),
    }


def _features(backbone: Model, picture: Image.Image) -> NDArray[np.uint8]:
    return backbone(views.squash(picture, SIDE, SIDE))[0]


def _other(picture: Image.Image, number: int, frame: Frame) -> Image.Image:
    if number == 0:
        return picture
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=95)
    return views.decode(looks.look(out.getvalue(), number, False, frame.path[-40:] + "crop"))


def _background(
    picture: Image.Image, found: NDArray[np.float64], random: np.random.Generator
) -> Iterator[Image.Image]:
    """Cut windows that hold none of the boxes, as far as there are any."""
    boxes = found[found[:, 0] >= min(0.05, found[0, 0])]
    for _ in range(BACKGROUNDS):
        window = _free(boxes, random)
        yield views.crop(picture, window)


def _free(boxes: NDArray[np.float64], random: np.random.Generator) -> views.Box:
    window = (0.0, 0.0, 0.25, 0.25)
    for _ in range(30):
        side = random.uniform(0.15, 0.6)
        left, top = random.uniform(0, 1 - side, 2)
        window = (left, top, left + side, top + side)
        across = np.minimum(boxes[:, 3], window[2] + 0.1) - np.maximum(boxes[:, 1], left - 0.1)
        down = np.minimum(boxes[:, 4], window[3] + 0.1) - np.maximum(boxes[:, 2], top - 0.1)
        if not ((across > 0) & (down > 0)).any():
            break
    return window


def main() -> None:
    """Fill the cache."""
    parser = argparse.ArgumentParser(description="Cache what the models say of every picture.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--backbone", type=Path, default=Path(".training/features/backbone.tflite"))
    options = parser.parse_args()
    cache = Path(".training/evidence")
    cache.mkdir(parents=True, exist_ok=True)
    found = gather(options.data, options.detector, options.backbone, cache)
    print({name: values.shape for name, values in found.items()})


if __name__ == "__main__":
    main()
