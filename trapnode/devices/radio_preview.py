"""The picture of a target that a radio can carry: its box, grey, in about a kilobyte.

Codec and size were chosen by measuring them at that size on real pictures: `docs/uplink.md` has the
figures, `models/training/radio_previews.py` makes them. A Pillow without the first codec takes
the next.
"""

import io
from collections.abc import Iterable, Mapping

from PIL import Image, JpegImagePlugin, WebPImagePlugin

from trapnode.devices.picture import crop, decode
from trapnode.model import Detection

__all__ = ["CODECS", "MOST_BYTES", "SIDE", "encoded", "radio_preview", "subject"]

MOST_BYTES = 1200  # An age file for two recipients adds 414.
SIDE = 128  # Pixels of the longer side.
CODECS: Mapping[str, Mapping[str, object]] = {  # Best first.
    "WEBP": {"method": 6},
    "JPEG": {"optimize": True},
}
WIDTH, HEIGHT = 640, 480
PLUGINS = (
    JpegImagePlugin,
    WebPImagePlugin,
)  # Registered by their import: all others stay unloaded.


def radio_preview(
    jpeg: bytes,
    box: Detection | None,
    most: int = MOST_BYTES,
    codecs: Iterable[str] = CODECS,
) -> bytes:
    """Make the picture of what is in the box, at most so many bytes; empty where none is as small.

    Raise PictureUnreadable.
    """
    codec = next(each for each in codecs if each in Image.SAVE)
    picture, side = subject(jpeg, box), SIDE
    while side >= SIDE // 4:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
        if found := encoded(picture, codec, most, CODECS[codec]):
            return found
        side = side * 3 // 4
    return b""


def subject(jpeg: bytes, box: Detection | None) -> Image.Image:
    """Cut what is in the box, with its margin, out of a picture, in grey."""
    picture = decode(jpeg, WIDTH, HEIGHT)
    return (crop(picture, box) if box else picture).convert("L")


def encoded(picture: Image.Image, codec: str, most: int, options: Mapping[str, object]) -> bytes:
    """Give the best quality that fits; empty where none does."""
    best, low, high = b"", 1, 95
    while low <= high:
        quality, out = (low + high) // 2, io.BytesIO()
        picture.save(out, codec, quality=quality, **options)
        data = out.getvalue()
        if len(data) <= most:
            best, low = data, quality + 1
        else:
            high = quality - 1
    return best
