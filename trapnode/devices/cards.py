"""Cards: the JSON files beside models, read strictly.

A card promises what its model is. What it does not say as it must be said is refused by name,
never guessed at: the caller then keeps every picture as `unclassified`.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from trapnode.errors import DeviceError

__all__ = [
    "MAX_MODEL_BYTES",
    "ModelFile",
    "ModelRefused",
    "Quantised",
    "Source",
    "bare",
    "check",
    "content",
    "labels",
    "model_file",
    "number",
    "quantised",
    "read",
    "refusal",
    "set_files",
    "source",
    "take",
    "text",
    "thresholds",
]

MAX_CARD_BYTES = 1 << 20
MAX_MODEL_BYTES = 64 << 20  # A Zero 2 W has 512 MiB for everything.
Card = TypeVar("Card")


class ModelRefused(DeviceError):
    """The model or its card cannot be trusted: classify nothing with it."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """How numbers are stored at one end of a model: real = (stored - zero_point) * scale."""

    dtype: str
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class Source:
    """What a model sees: (rgb - mean) / std, `height` x `width`, quantised."""

    width: int
    height: int
    mean: float
    std: float
    stored: Quantised


@dataclass(frozen=True, slots=True)
class ModelFile:
    """Which file a card is about; `name` is name and version, as records carry it."""

    name: str
    path: Path
    bytes: int
    sha256: str


def read(path: Path, understand: Callable[[Any, Path], Card]) -> Card:
    """Read a card; `understand` gets its JSON and its folder. Raise ModelRefused."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_CARD_BYTES + 1)
        if len(content) > MAX_CARD_BYTES:
            raise ModelRefused(f"more than {MAX_CARD_BYTES} bytes")
        return understand(json.loads(content), path.parent)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelRefused(f"model card {path}: {error}") from error


def model_file(top: Any, folder: Path) -> ModelFile:
    """Read which model a card is about: a file beside it, its size and its checksum."""
    return ModelFile(
        name=f"{text(top, 'name')}-{text(top, 'version')}",
        path=folder / bare(top, "file"),
        bytes=int(number(top, "bytes", 1, MAX_MODEL_BYTES)),
        sha256=text(top, "sha256").lower(),
    )


def content(file: ModelFile) -> bytes:
    """Read a model, if it is the one that its card is about; raise ModelRefused."""
    try:
        with file.path.open("rb") as opened:
            found = opened.read(MAX_MODEL_BYTES + 1)
    except OSError as error:
        raise ModelRefused(f"model {file.path}: {error}") from error
    _check(file, len(found), hashlib.sha256(found).hexdigest())
    return found


def check(file: ModelFile) -> None:
    """Raise ModelRefused if a model is not the one that its card is about; hold none of it."""
    try:
        with file.path.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ModelRefused(f"model {file.path}: {error}") from error
    _check(file, size, sha256)


def _check(file: ModelFile, size: int, sha256: str) -> None:
    if size != file.bytes:
        raise refusal(file, "size in bytes", size, file.bytes)
    if sha256 != file.sha256:
        raise refusal(file, "sha256", sha256, file.sha256)


def refusal(file: ModelFile, what: str, found: object, promised: object) -> ModelRefused:
    """Say how a model differs from its card."""
    return ModelRefused(f"model {file.path}: {what} is {found}, its card says {promised}")


def set_files(path: Path) -> tuple[str, tuple[Path, ...], tuple[ModelFile, ...]]:
    """Name a set, its cards (its own first) and its models, by its card; raise ModelRefused."""
    name, parts = read(path, _named)
    models = tuple(read(part, model_file) for part in parts or (path,))
    return name, tuple(dict.fromkeys((path, *parts))), models


def _named(top: Any, folder: Path) -> tuple[str, tuple[Path, ...]]:
    """Give the name of a set and the cards that its card names; a classifier's own names none."""
    name = f"{text(top, 'name')}-{text(top, 'version')}"
    return name, tuple(folder / bare(top, key) for key in ("detector", "classifier") if key in top)


def source(top: Any) -> Source:
    """Read what the model sees."""
    section = take(top, "input", dict)
    return Source(
        width=int(number(section, "width", 1, 2048)),
        height=int(number(section, "height", 1, 2048)),
        mean=number(section, "mean", 0, 255),
        std=number(section, "std", 0.001, 1000),
        stored=quantised(section),
    )


def labels(top: Any) -> tuple[str, ...]:
    """Read the labels: at least one, no two alike."""
    found = tuple(str(label) for label in take(top, "labels", list))
    if not found or not all(found) or len(set(found)) != len(found):
        raise ModelRefused(f"labels are {found}, must be different names")
    return found


def thresholds(top: Any, *names: str) -> dict[str, float]:
    """Read thresholds by name; each is a probability."""
    section = take(top, "thresholds", dict)
    return {name: number(section, name, 0, 1) for name in names}


def quantised(section: Any) -> Quantised:
    """Read how numbers are stored."""
    dtype = text(section, "dtype", "int8", "uint8")
    low, high = (-128, 127) if dtype == "int8" else (0, 255)
    zero_point = int(number(section, "zero_point", low, high))
    return Quantised(dtype, number(section, "scale", 1e-9, 1e9), zero_point)


def take(section: Any, key: str, kind: type) -> Any:
    """Take a value of the kind it must be."""
    value = section.get(key) if isinstance(section, dict) else None
    if not isinstance(value, kind):
        raise ModelRefused(f"{key} is {value!r}, must be a {kind.__name__}")
    return value


def bare(section: Any, key: str) -> str:
    """Take the name of a file that lies beside the card."""
    if Path(file := text(section, key)).name != file:
        raise ModelRefused(f"{key} is {file!r}, must be a bare name beside the card")
    return file


def text(section: Any, key: str, *allowed: str) -> str:
    """Take a text of 1 to 100 characters, or one of those allowed."""
    found = str(take(section, key, str))
    if allowed and found not in allowed:
        raise ModelRefused(f"{key} is {found!r}, must be one of {', '.join(allowed)}")
    if not 0 < len(found) <= 100:
        raise ModelRefused(f"{key} has {len(found)} characters, must have 1 to 100")
    return found


def number(section: Any, key: str, low: float, high: float) -> float:
    """Take a number within its limits."""
    value = section.get(key) if isinstance(section, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ModelRefused(f"{key} is {value!r}, must be a number from {low:g} to {high:g}")
    return value
