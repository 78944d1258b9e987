"""File names: unique in the world, and safe for every tool that researchers use.

`AL07.20261122T043012Z.000042.1.jpg` = unit, UTC time of the trigger, sequence number, frame. The
part before the frame number is the sequence's stem. Letters, digits and dots only. Rows hold these
paths. A sealed file has its mark (`store/seals.py`) and `.age` behind them on the card.
"""

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import NamedTuple

from trapnode.capture import Frame

__all__ = [
    "ELSEWHERE",
    "SEALED",
    "FileName",
    "file_of",
    "folder_of",
    "frame_path",
    "opened",
    "parse",
    "preview_file_of",
    "preview_path",
    "stem_of",
    "stored",
]

LAST_ADOPTED = 99_999_999  # A stranger's file must not use up the numbers that names can hold.
TIME = "%Y%m%dT%H%M%SZ"
PATTERN = (  # Compiled by its first use: no picture waits for it.
    r"(?P<stem>[A-Za-z0-9]{1,16}\.(?P<time>\d{8}T\d{6}Z)\.(?P<sequence>\d{6,9}))"
    r"\.(?P<number>\d{1,3})(?P<preview>\.preview)?\.jpg(\.(?P<mark>[0-9a-f]{32})\.age)?"
)
SEALED = ".age"
ELSEWHERE = "other"  # The dated folders below it are for days whose own cannot be written.


class FileName(NamedTuple):
    """What a frame's or preview's file name says."""

    stem: str
    at: datetime
    sequence: int
    number: int
    preview: bool
    mark: str = ""  # Of a sealed file.


def stem_of(unit: str, at: datetime, sequence: int) -> str:
    """Give the stem that the files of a sequence share."""
    return f"{unit}.{at.astimezone(UTC).strftime(TIME)}.{sequence:06d}"


def folder_of(at: datetime) -> PurePosixPath:
    """Give the dated folder, relative to the archive."""
    return PurePosixPath(at.astimezone(UTC).strftime("%Y/%m/%d"))


def frame_path(stem: str, at: datetime, number: int, top: str = "") -> str:
    """Give a frame's path, relative to the archive; `top` is a folder above the dated ones."""
    return str(top / folder_of(at) / f"{stem}.{number}.jpg")


def preview_path(path: str) -> str:
    """Give the path of a frame's preview."""
    return path.removesuffix(".jpg") + ".preview.jpg"


def stored(path: str, mark: str) -> str:
    """Give the path under which the card holds a file."""
    return f"{path}.{mark}{SEALED}" if mark else path


def opened(path: str) -> str:
    """Give the path of a file as it is when it lies open."""
    return path.removesuffix(SEALED).rpartition(".")[0] if path.endswith(SEALED) else path


def file_of(frame: Frame) -> str:
    """Give the path under which the card holds a frame."""
    return stored(frame.path, frame.mark)


def preview_file_of(frame: Frame) -> str:
    """Give the path under which the card holds a frame's preview."""
    return stored(frame.preview_path, frame.preview_mark)


def parse(name: str) -> FileName | None:
    """Read a file name; None if it is not one of ours."""
    match = re.fullmatch(PATTERN, name)
    if match is None:
        return None
    try:
        at = datetime.strptime(match["time"], TIME).replace(tzinfo=UTC)
    except ValueError:  # A month 13.
        return None
    return FileName(
        stem=match["stem"],
        at=at,
        sequence=int(match["sequence"]),
        number=int(match["number"]),
        preview=match["preview"] is not None,
        mark=match["mark"] or "",
    )
