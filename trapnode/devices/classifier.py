"""The classifier: any fully quantised .tflite model, run by what its card promises.

A card is the JSON file beside a model. It names the file, its sha256, the tensors at both ends,
the labels and the thresholds. A model that differs from its card is refused, never guessed at:
the caller then keeps every picture as `unclassified`.
"""

import hashlib
import importlib
import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from trapnode.errors import DeviceError, TrapnodeError

Runtime = Literal["ai-edge-litert", "tflite-runtime"]
# In order of preference: on x86 the first runs int8 models 12 to 15 times faster.
RUNTIMES: dict[Runtime, str] = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
}
MAX_CARD_BYTES = 1 << 20
MAX_MODEL_BYTES = 64 << 20  # A Zero 2 W has 512 MiB for everything.
MAX_PIXELS = 100_000_000  # The largest stills of trail cameras have 64 million.
TORN_ZEROS = 512  # One sector: what a card leaves where a write was cut.
BROKEN = (OSError, SyntaxError, ValueError, LookupError, TypeError, struct.error, MemoryError)


class ModelRefused(DeviceError):
    """The model or its card cannot be trusted: classify nothing with it."""


class PictureUnreadable(TrapnodeError):
    """This picture cannot be decoded whole: keep it, and judge the others."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """How numbers are stored at one end of a model: real = (stored - zero_point) * scale."""

    dtype: str
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class Card:
    """What a card promises: the input is (rgb - mean) / std, the output one number per label."""

    name: str
    model: Path
    model_bytes: int
    sha256: str
    width: int
    height: int
    mean: float
    std: float
    input: Quantised
    output: Quantised
    activation: str
    labels: tuple[str, ...]
    thresholds: Mapping[str, float]


def read_card(path: Path) -> Card:
    """Read and check a card; raise ModelRefused naming what is wrong."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CARD_BYTES + 1)
        if len(text) > MAX_CARD_BYTES:
            raise ModelRefused(f"more than {MAX_CARD_BYTES} bytes")
        return _card(json.loads(text), path.parent)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelRefused(f"model card {path}: {error}") from error


def _card(top: Any, folder: Path) -> Card:
    if Path(file := _text(top, "file")).name != file:
        raise ModelRefused(f"file is {file!r}, must be a bare name beside the card")
    source, result, limits = (_take(top, key, dict) for key in ("input", "output", "thresholds"))
    return Card(
        name=f"{_text(top, 'name')}-{_text(top, 'version')}",
        model=folder / file,
        model_bytes=int(_number(top, "bytes", 1, MAX_MODEL_BYTES)),
        sha256=_text(top, "sha256").lower(),
        width=int(_number(source, "width", 1, 2048)),
        height=int(_number(source, "height", 1, 2048)),
        mean=_number(source, "mean", 0, 255),
        std=_number(source, "std", 0.001, 1000),
        input=_quantised(source),
        output=_quantised(result),
        activation=_text(result, "activation", "softmax", "none"),
        labels=_labels(top),
        thresholds={key: _number(limits, key, 0, 1) for key in ("blank", "target", "unknown")},
    )


def _labels(top: Any) -> tuple[str, ...]:
    labels = tuple(str(label) for label in _take(top, "labels", list))
    if not labels or not all(labels) or len(set(labels)) != len(labels):
        raise ModelRefused(f"labels are {labels}, must be different names")
    return labels


def _quantised(section: Any) -> Quantised:
    dtype = _text(section, "dtype", "int8", "uint8")
    low, high = (-128, 127) if dtype == "int8" else (0, 255)
    zero_point = int(_number(section, "zero_point", low, high))
    return Quantised(dtype, _number(section, "scale", 1e-9, 1e9), zero_point)


def _take(section: Any, key: str, kind: type) -> Any:
    value = section.get(key) if isinstance(section, dict) else None
    if not isinstance(value, kind):
        raise ModelRefused(f"{key} is {value!r}, must be a {kind.__name__}")
    return value


def _text(section: Any, key: str, *allowed: str) -> str:
    text = str(_take(section, key, str))
    if allowed and text not in allowed:
        raise ModelRefused(f"{key} is {text!r}, must be one of {', '.join(allowed)}")
    if not 0 < len(text) <= 100:
        raise ModelRefused(f"{key} has {len(text)} characters, must have 1 to 100")
    return text


def _number(section: Any, key: str, low: float, high: float) -> float:
    value = section.get(key) if isinstance(section, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ModelRefused(f"{key} is {value!r}, must be a number from {low:g} to {high:g}")
    return value


def to_tensor(jpeg: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """Decode a JPEG and squash it to height x width x 3; raise PictureUnreadable if torn."""
    try:
        picture: Image.Image = JpegImagePlugin.JpegImageFile(io.BytesIO(jpeg))
        if picture.width * picture.height > MAX_PIXELS:
            raise ValueError(f"{picture.width}x{picture.height} is over {MAX_PIXELS} pixels")
        if jpeg.endswith(bytes(TORN_ZEROS)) and not jpeg.rstrip(b"\0").endswith(b"\xff\xd9"):
            raise ValueError("ends in zeros instead of an end marker: a torn write")
        picture.draft("RGB", (width, height))  # the decoder skips what the size does not need
        if picture.mode != "RGB":
            picture = picture.convert("RGB")
        return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    except BROKEN as error:
        raise PictureUnreadable(f"picture of {len(jpeg)} bytes: {error}") from error


class TfliteClassifier:
    """One model on one runtime: its `name` as records carry it, `labels` and `thresholds`."""

    def __init__(self, path: Path, *, runtime: Runtime | None = None, threads: int = 1) -> None:
        """Load the model of the card at `path`; raise ModelRefused if it is not that model."""
        self._card = card = read_card(path)
        self._interpreter = _interpreter(_model(card), runtime, threads, card.model)
        source, result = (
            self._interpreter.get_input_details(),
            self._interpreter.get_output_details(),
        )
        self._input = _end(source, "input", card.input, [1, card.height, card.width, 3], card)
        self._output = _end(result, "output", card.output, [1, len(card.labels)], card)
        self._stored = _stored_by_value(card)
        self.name, self.labels, self.thresholds = card.name, card.labels, card.thresholds

    def classify(self, jpeg: bytes) -> tuple[float, ...]:
        """Give one probability per label, summing to 1; raise PictureUnreadable if torn."""
        tensor: NDArray[Any] = to_tensor(jpeg, self._card.width, self._card.height)
        if self._stored is not None:
            tensor = self._stored[tensor]
        try:
            self._interpreter.set_tensor(self._input, tensor[np.newaxis])
            self._interpreter.invoke()
            stored = self._interpreter.get_tensor(self._output)[0]
        except (RuntimeError, ValueError) as error:
            raise DeviceError(f"model {self.name} failed: {error}") from error
        return _probabilities(stored, self._card)


def _model(card: Card) -> bytes:
    try:
        with card.model.open("rb") as file:
            content = file.read(MAX_MODEL_BYTES + 1)
    except OSError as error:
        raise ModelRefused(f"model {card.model}: {error}") from error
    if len(content) != card.model_bytes:
        raise _refusal(card, "size in bytes", len(content), card.model_bytes)
    if (found := hashlib.sha256(content).hexdigest()) != card.sha256:
        raise _refusal(card, "sha256", found, card.sha256)
    return content


def _interpreter(model: bytes, runtime: Runtime | None, threads: int, path: Path) -> Any:
    reasons = []
    for name in [runtime] if runtime else RUNTIMES:
        try:
            module = importlib.import_module(RUNTIMES[name])
            interpreter = module.Interpreter(model_content=model, num_threads=threads)
            interpreter.allocate_tensors()
            return interpreter
        except (ImportError, SystemError, ValueError, RuntimeError) as error:
            # SystemError: tflite-runtime 2.14 under numpy 2.
            reasons.append(f"{name}: {error}")
    raise ModelRefused(f"model {path}: no runtime can load it ({'; '.join(reasons)})")


def _end(tensors: Any, end: str, promise: Quantised, shape: list[int], card: Card) -> int:
    """Give the index of the one tensor at this end, once it is what the card says."""
    if len(tensors) != 1:
        raise _refusal(card, f"number of {end}s", len(tensors), 1)
    tensor = tensors[0]
    if (found := [int(side) for side in tensor["shape"]]) != shape:
        raise _refusal(card, f"{end} shape", found, shape)
    if (dtype := np.dtype(tensor["dtype"]).name) != promise.dtype:
        raise _refusal(card, f"{end} dtype", dtype, promise.dtype)
    scale, zero_point = tensor["quantization"]
    if not np.isclose(scale, promise.scale, rtol=1e-4, atol=0):  # decimal against float32
        raise _refusal(card, f"{end} scale", scale, promise.scale)
    if zero_point != promise.zero_point:
        raise _refusal(card, f"{end} zero point", zero_point, promise.zero_point)
    return int(tensor["index"])


def _refusal(card: Card, what: str, found: object, promised: object) -> ModelRefused:
    return ModelRefused(f"model {card.model}: {what} is {found}, its card says {promised}")


def _stored_by_value(card: Card) -> NDArray[Any] | None:
    """Give what the model stores for each pixel value 0..255; None where it is the value itself."""
    limits = np.iinfo(card.input.dtype)
    real = (np.arange(256) - card.mean) / card.std
    stored = np.rint(real / card.input.scale + card.input.zero_point)
    table = stored.clip(limits.min, limits.max).astype(card.input.dtype)
    return None if np.array_equal(table, np.arange(256)) else table


def _probabilities(stored: NDArray[Any], card: Card) -> tuple[float, ...]:
    real = (stored.astype(np.float64) - card.output.zero_point) * card.output.scale
    softmax = card.activation == "softmax"
    shares = np.exp(real - real.max()) if softmax else real.clip(0) + 1e-12  # all 0: all alike
    return tuple(float(share) for share in shares / shares.sum())
