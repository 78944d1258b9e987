"""Finding and reading picture files in anybody's folders: old cards, other cameras."""

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path

from PIL import Image

from trapnode.errors import UsageError

__all__ = ["ENDINGS", "bursts", "find", "read_jpeg", "sequences"]

ENDINGS = (".jpg", ".jpeg", ".png")
MAX_BYTES = 100 << 20  # No camera makes a larger JPEG, and the machine has to hold it.
MAX_PIXELS = 100_000_000  # As many as the classifier takes.


def find(paths: Sequence[Path]) -> Iterator[Path]:
    """Walk files and folders for pictures, folder by folder, sorted, hidden ones left out.

    Raise UsageError for a path that is not there.
    """
    for path in paths:
        if path.is_dir():
            yield from _walk(path)
        elif path.exists():
            yield path
        else:
            raise UsageError(f"{path}: no such file or folder")


def sequences(paths: Iterable[Path], by_folder: bool) -> Iterator[tuple[Path, Iterable[Path]]]:
    """Group pictures into sequences: each folder one, or each picture one of its own."""
    if by_folder:
        yield from groupby(paths, key=lambda path: path.parent)
    else:
        yield from ((path, (path,)) for path in paths)


def bursts(sequence: Iterable[Path], most: int) -> Iterator[list[Path]]:
    """Cut a sequence into what is judged together: a folder may hold a whole season."""
    paths = iter(sequence)
    while burst := list(islice(paths, most)):
        yield burst


def read_jpeg(path: Path) -> bytes:
    """Read a picture as JPEG bytes, a PNG recoded; raise OSError or ValueError."""
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    return _recoded(content) if content.startswith(b"\x89PNG") else content


def _walk(top: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.lower().endswith(ENDINGS) and not name.startswith("."):
                yield Path(folder, name)


def _recoded(png: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(f"{picture.width}x{picture.height} is over {MAX_PIXELS} pixels")
            out = io.BytesIO()
            picture.convert("RGB").save(out, "JPEG", quality=95)
    except (
        SyntaxError,
        Image.DecompressionBombError,
    ) as error:  # Pillow's words for a broken file.
        raise ValueError(f"not a sound PNG: {error}") from error
    return out.getvalue()
