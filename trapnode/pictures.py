"""Finding and reading picture files in anybody's folders: old cards, other cameras."""

import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path

from PIL import Image

from trapnode.errors import UsageError

__all__ = ["ENDINGS", "bursts", "find", "read_jpeg", "sequences"]

ENDINGS = (".jpg", ".jpeg", ".png")
MAX_BYTES = 100 << 20  # No camera makes a larger JPEG, and the machine has to hold it.
MAX_PIXELS = 100_000_000  # As many as the classifier takes.


def find(paths: Sequence[Path], refused: Callable[[OSError], object]) -> Iterator[Path]:
    """Walk files and folders for pictures, folder by folder, sorted, hidden ones left out.

    Each comes once, however often it was given; `refused` takes the folders that cannot be read.
    Raise UsageError for a path that is not there.
    """
    seen = _Seen()
    for path in paths:
        real = Path(os.path.realpath(path))
        try:
            folder = stat.S_ISDIR(path.stat().st_mode)
        except OSError as error:
            raise UsageError(f"{path}: no such file or folder: {error.strerror}") from None
        if folder:
            for each in _walk(path, refused):
                if not seen.holds(real / each.relative_to(path)):
                    yield each
            seen.folders.add(real)
        elif not seen.holds(real):
            yield path
            seen.files.add(real)


class _Seen:
    """What the paths given so far bring, in the memory of these paths alone."""

    def __init__(self) -> None:
        self.files: set[Path] = set()
        self.folders: set[Path] = set()

    def holds(self, path: Path) -> bool:
        """Say whether a picture came already."""
        if path in self.files:
            return True
        shown = _is_picture(path.name)
        for parent in path.parents:
            if not shown:
                return False
            if parent in self.folders:
                return True
            shown = not parent.name.startswith(".")
        return False


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


def _walk(top: Path, refused: Callable[[OSError], object]) -> Iterator[Path]:
    for folder, folders, files in os.walk(top, onerror=refused):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if _is_picture(name))


def _is_picture(name: str) -> bool:
    return name.lower().endswith(ENDINGS) and not name.startswith(".")


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
