"""EXIF of a frame: when, with what, by which unit; never where. Pixels are not touched.

Fields: Exif 2.32. DateTimeOriginal is the deployment's local time, OffsetTimeOriginal its offset.
UserComment holds JSON: sequence, frame, trigger, wake reason, boot, clock trust.
"""

import json
import struct
from datetime import datetime, timedelta, timezone
from io import BytesIO
from typing import NamedTuple

import piexif

from trapnode import __version__
from trapnode.capture import Boot, Trigger
from trapnode.late_log import LateLog

__all__ = ["Stamp", "stamped"]

log = LateLog(__name__)

MAKE = "trapnode"
ASCII = b"ASCII\x00\x00\x00"  # Exif 2.32, table 9: character code of UserComment.

Fields = dict[int, bytes | str | int | tuple[int, int]]

# What Exif 2.32, section 4.6.8, wants in every JPEG, as far as it does not need the pixels.
RESOLUTION: Fields = {
    piexif.ImageIFD.XResolution: (72, 1),
    piexif.ImageIFD.YResolution: (72, 1),
    piexif.ImageIFD.ResolutionUnit: 2,  # Inches.
    piexif.ImageIFD.YCbCrPositioning: 1,
}
FORMAT: Fields = {
    piexif.ExifIFD.ExifVersion: b"0232",
    piexif.ExifIFD.FlashpixVersion: b"0100",
    piexif.ExifIFD.ComponentsConfiguration: b"\x01\x02\x03\x00",  # Y, Cb, Cr.
    piexif.ExifIFD.ColorSpace: 1,  # sRGB.
}


class Stamp(NamedTuple):
    """What the frames of a sequence share."""

    unit: str
    utc_offset_min: int
    camera: str
    sequence: int
    trigger: Trigger
    boot: Boot


def stamped(jpeg: bytes, image_id: str, number: int, captured_at: datetime, stamp: Stamp) -> bytes:
    """Give the JPEG with our EXIF; one that cannot be stamped comes back as it is, never lost."""
    try:
        if not jpeg.startswith(b"\xff\xd8"):  # piexif would take it for the name of a file.
            raise ValueError("it does not begin as a JPEG")
        written = BytesIO()
        piexif.insert(piexif.dump(_fields(image_id, number, captured_at, stamp)), jpeg, written)
        return written.getvalue()
    except (piexif.InvalidImageDataError, ValueError, struct.error, IndexError) as error:
        log.warning("%s goes to the card without EXIF: %s", image_id, error)
        return jpeg


def _fields(image_id: str, number: int, captured_at: datetime, stamp: Stamp) -> dict[str, Fields]:
    local = captured_at.astimezone(timezone(timedelta(minutes=stamp.utc_offset_min)))
    comment = {
        "sequence": stamp.sequence,
        "frame": number,
        "trigger": stamp.trigger.source.value,
        "captureMethod": stamp.trigger.capture_method.value,
        "triggeredAt": stamp.trigger.at.isoformat(timespec="milliseconds"),
        "wakeReason": stamp.boot.wake_reason.value,
        "boot": stamp.boot.id,
        "clock": stamp.boot.clock_trust.value,
    }
    return {
        "0th": {
            piexif.ImageIFD.Make: MAKE,
            piexif.ImageIFD.Model: stamp.camera,
            piexif.ImageIFD.Software: f"trapnode {__version__}",
            **RESOLUTION,
            piexif.ImageIFD.DateTime: local.strftime("%Y:%m:%d %H:%M:%S"),
        },
        "Exif": {
            **FORMAT,
            piexif.ExifIFD.DateTimeOriginal: local.strftime("%Y:%m:%d %H:%M:%S"),
            piexif.ExifIFD.OffsetTimeOriginal: local.strftime("%z")[:3]
            + ":"
            + local.strftime("%z")[3:],
            piexif.ExifIFD.SubSecTimeOriginal: f"{local.microsecond // 1000:03d}",
            piexif.ExifIFD.BodySerialNumber: stamp.unit,
            piexif.ExifIFD.ImageUniqueID: image_id,
            piexif.ExifIFD.UserComment: ASCII + json.dumps(comment).encode("ascii"),
        },
    }
