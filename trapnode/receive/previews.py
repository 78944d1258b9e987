"""Fragments of radio previews to pictures: any order, resumable, missing bytes named.

A preview is known by unit, card, sequence and its whole length. Every fragment was authentic, so a
whole preview is what the unit had; that it opens as a picture is checked when it is written. A
unit with sealed pictures sends an age file: only its key's holder sees it.
"""

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from trapnode.errors import StoreError, UsageError
from trapnode.message.downlink import SendPreview
from trapnode.receive.database import Database
from trapnode.receive.downlinks import Downlinks
from trapnode.receive.units import Desk
from trapnode.store.database import moment
from trapnode.store.disk import RealDisk, write_whole

if TYPE_CHECKING:
    from trapnode.age import Opener

__all__ = ["Preview", "Written", "ask_missing", "previews", "write_previews"]

AGE = b"age-encryption.org/v1"
KINDS = {  # By how a file begins.
    "age": re.compile(AGE),
    "jpg": re.compile(b"\xff\xd8\xff"),
    "webp": re.compile(b"RIFF....WEBP", re.DOTALL),
    "avif": re.compile(b"....ftypavi[fs]", re.DOTALL),
}
FORMATS = ("JPEG", "WEBP", "AVIF")
SETTLED = timedelta(hours=2)  # After its last fragment nothing more is under way by itself.
MAX_PIXELS = 4_000_000  # A radio preview is small: no bomb is opened.


@dataclass(frozen=True, slots=True)
class Preview:
    """How far one preview has come."""

    unit: str
    generation: int
    sequence: int
    total: int
    last_at: str  # When its last fragment arrived.
    missing: tuple[tuple[int, int], ...]  # First byte and end of each gap.
    data: bytes  # Zeros where bytes are missing.

    @property
    def name(self) -> str:
        """Its file's name without ending: letters, digits and dots."""
        return f"{self.unit}.{self.generation}.{self.sequence:06d}"


@dataclass(frozen=True, slots=True)
class Written:
    """One preview's file; `fault` says what is wrong with it, empty if nothing is."""

    path: Path
    fault: str = ""


def previews(database: Database, unit: str = "") -> Iterator[Preview]:
    """Give every preview of which something arrived, oldest sequence first; raise StoreError."""
    rows = database.rows(
        "SELECT fragment.unit, generation, sequence, total, max(received_at) FROM fragment"
        " JOIN arrival ON arrival.id = fragment.arrival WHERE fragment.unit = ? OR ? = ''"
        " GROUP BY fragment.unit, generation, sequence, total ORDER BY 1, 2, 3, 4",
        *(unit, unit),
    )
    for name, generation, sequence, total, last_at in rows:
        whole = int(str(total))
        pieces = database.rows(
            "SELECT first, data FROM fragment WHERE unit = ? AND generation = ? AND sequence = ?"
            " AND total = ? ORDER BY arrival",
            *(name, generation, sequence, total),
        )
        data, missing = _joined(whole, pieces)
        numbers = (int(str(generation)), int(str(sequence)), whole)
        yield Preview(str(name), *numbers, str(last_at), missing, data)


def write_previews(
    found: Iterable[Preview], folder: Path, opener: "Opener | None" = None
) -> Iterator[Written]:
    """Write each whole preview that is not there yet, durably; raise StoreError, UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for preview in found:
            if not preview.missing and not _is_there(preview, folder, opener):
                yield _write(preview, folder, opener)
    except OSError as error:
        raise StoreError(f"{folder}: {error}") from error


def ask_missing(database: Database, desk: Desk, now: datetime) -> int:
    """Ask for the first gap of each preview that has begun to come and stopped; give how many."""
    downlinks, asked = Downlinks(database), 0
    for preview in previews(database):
        unit = desk.of_name(preview.unit)
        settled = moment(preview.last_at) + SETTLED <= now
        if unit is None or not preview.missing or not settled:
            continue
        (first, end), *_ = preview.missing
        asked += downlinks.ask(
            unit, SendPreview(preview.sequence, first, end - first), now, since=preview.last_at
        )
    return asked


def _is_there(preview: Preview, folder: Path, opener: "Opener | None") -> bool:
    endings = [each for each in (*KINDS, "bin") if each != "age" or opener is None]
    return any((folder / f"{preview.name}.{ending}").exists() for ending in endings)


def _write(preview: Preview, folder: Path, opener: "Opener | None") -> Written:
    data, fault = preview.data, ""
    if data.startswith(AGE) and opener is not None:
        try:
            data = opener.open(data)
        except UsageError as error:
            fault = f"stays sealed: {error}"
    kind = next((kind for kind, begins in KINDS.items() if begins.match(data)), "bin")
    if kind != "age":
        fault = _checked(data)
    path = folder / f"{preview.name}.{kind}"
    write_whole(RealDisk(), path, data)
    return Written(path, fault)


def _checked(data: bytes) -> str:
    """Say what is wrong with a picture; empty if it opens."""
    Image.init()
    formats = [each for each in FORMATS if each in Image.OPEN]
    try:
        with Image.open(io.BytesIO(data), formats=formats) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                return f"whole, but of {picture.width} x {picture.height} pixels"
            picture.load()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return f"whole, but no picture that opens here ({', '.join(formats)})"
    return ""


def _joined(
    total: int, pieces: Iterable[tuple[object, ...]]
) -> tuple[bytes, tuple[tuple[int, int], ...]]:
    """Lay the pieces where they belong; name the gaps."""
    data, here = bytearray(total), bytearray(total)
    for first, piece in pieces:
        assert isinstance(piece, bytes)
        start = int(str(first))
        data[start : start + len(piece)] = piece
        here[start : start + len(piece)] = b"\1" * len(piece)
    return bytes(data), tuple(_gaps(here))


def _gaps(here: bytearray) -> Iterator[tuple[int, int]]:
    start = here.find(0)
    while start >= 0:
        end = here.find(1, start)
        yield start, end if end >= 0 else len(here)
        start = here.find(0, end) if end >= 0 else -1
