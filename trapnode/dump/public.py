"""What everybody may see of a dump: no exact place, no picture that may show a person.

Places become the centre of a grid cell of 1 or 0.1 degrees (A. D. Chapman 2020, "Current best
practices for generalizing sensitive species occurrence data", GBIF, sections 2.2 and 4.2;
https://doi.org/10.15468/doc-5jp4-5g10): all of a cell look the same, so no number of dumps tells
more than one. `coordinateUncertainty` is the way from the centre to the cell's farthest corner
and what was uncertain before. Words of the desk that may tell the place go.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import cos, floor, hypot, radians
from pathlib import Path
from typing import Any

import msgspec
import piexif

from trapnode.dump.deployments import Deployment, Project, read
from trapnode.dump.noted import completed
from trapnode.store.fieldnotes import FieldNote

__all__ = ["GRIDS", "generalised", "placeless", "read_for"]

GRIDS = (0.1, 1.0)  # Degrees: high sensitivity, and one step more.
DEGREE_M = 111_320.0  # Of the equator: the longest; WGS 84.
MERIDIAN_M = 111_694.0  # Of a meridian at the pole: the longest.
GPS_ASSUMED_M = 30  # What nobody measured was a handheld receiver's (Chapman & Wieczorek 2020).
SOI, SCAN, EXIF = b"\xff\xd8", b"\xda", b"Exif\x00\x00"
Fields = dict[str, Any]  # As piexif has them, by IFD.
TELLING = ("locationName", "deploymentTags", "deploymentComments")


def generalised(deployment: Deployment, degrees: float) -> Deployment:
    """Give a deployment as everybody may see it."""
    latitude, longitude = (
        _centre(each, degrees) for each in (deployment.latitude, deployment.longitude)
    )
    nearest = max(0.0, abs(latitude) - degrees / 2)  # The side of the cell that is longest.
    across = DEGREE_M * cos(radians(nearest)) * degrees / 2
    radius = hypot(across, MERIDIAN_M * degrees / 2)
    before = deployment.coordinateUncertainty or GPS_ASSUMED_M
    return msgspec.structs.replace(
        deployment,
        latitude=latitude,
        longitude=longitude,
        coordinateUncertainty=int(radius) + 1 + before,
        **dict.fromkeys(TELLING, ""),
    )


def read_for(
    path: Path | None,
    unit: str,
    utc_offset_min: int,
    degrees: float | None,
    notes: Sequence[FieldNote] = (),
) -> tuple[Project | None, tuple[Deployment, ...]]:
    """Read the desk's file as those may see it who get the dump; None: they may see all.

    What was noted at the unit fills what the desk left empty; who noted it is nobody's business.
    Raise ConfigError.
    """
    if path is None:
        return None, ()
    shown = notes if degrees is None else [replace(each, by="") for each in notes]
    project, stood = read(path, unit, utc_offset_min, lambda desk: completed(desk, shown))
    if degrees is None:
        return project, stood
    hidden = tuple(generalised(each, degrees) for each in stood)
    return msgspec.structs.replace(project, coordinatePrecision=degrees), hidden


def placeless(jpeg: bytes) -> bytes | None:
    """Give a JPEG without the place that it may tell; None where it tells none.

    A unit writes none; a file that somebody laid on the card may. So the one segment of words
    that is let through is EXIF without GPS: XMP, IPTC, comments go. Pixels are not touched.
    """
    segments = list(_segments(jpeg))
    words = [jpeg[start:end] for start, end in segments if _may_tell(jpeg, start)]
    exif = [each for each in words if each[4:10] == EXIF]
    fields = _fields(jpeg) if exif else {}
    if len(words) == len(exif) <= 1 and not fields.get("GPS"):
        return None
    kept = [jpeg[start:end] for start, end in segments if not _may_tell(jpeg, start)]
    pixels = jpeg[segments[-1][1] if segments else 2 :]
    return b"".join([SOI, _exif({**fields, "GPS": {}}) if fields else b"", *kept, pixels])


def _segments(jpeg: bytes) -> Iterator[tuple[int, int]]:
    """Give where each segment before the pixels starts and ends."""
    start = len(SOI)
    while jpeg[start : start + 1] == b"\xff" and jpeg[start + 1 : start + 2] != SCAN:
        end = start + 2 + int.from_bytes(jpeg[start + 2 : start + 4], "big")
        if end > len(jpeg) or end < start + 4:
            return
        yield start, end
        start = end


def _may_tell(jpeg: bytes, start: int) -> bool:
    """Say whether a segment holds words: APP1 to APP15, or a comment."""
    return 0xE1 <= jpeg[start + 1] <= 0xEF or jpeg[start + 1] == 0xFE


def _fields(jpeg: bytes) -> Fields:
    """Read the EXIF; what cannot be read is lost, and so is the place in it."""
    try:
        fields: Fields = piexif.load(jpeg)
        piexif.dump(fields)
    except (piexif.InvalidImageDataError, ValueError, LookupError, TypeError, struct.error):
        return {"GPS": {"unreadable": True}}
    return fields


def _exif(fields: Fields) -> bytes:
    if "0th" not in fields:
        return b""
    content: bytes = piexif.dump(fields)
    return b"\xff\xe1" + (len(content) + 2).to_bytes(2, "big") + content


def _centre(degrees: float, side: float) -> float:
    return round((floor(degrees / side) + 0.5) * side, 6)
