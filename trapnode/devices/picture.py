"""A JPEG as the models see it: decoded once, then squashed, letterboxed or cropped.

`models/training/views.py` is the same for training: keep both in step.
"""

import io
import math
import struct

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from trapnode.errors import TrapnodeError
from trapnode.model import Detection

__all__ = [
    "PictureUnreadable",
    "crop",
    "decode",
    "grey",
    "is_blur",
    "letterbox",
    "nothing_to_judge",
    "squash",
    "to_tensor",
]

MAX_PIXELS = 100_000_000  # The largest stills of trail cameras have 64 million.
TORN_ZEROS = 512  # One sector: what a card leaves where a write was cut.
BROKEN = (OSError, SyntaxError, ValueError, LookupError, TypeError, struct.error, MemoryError)
CROP_MARGIN = 0.15  # Of the box's sides, on every side: an animal needs a little of its place.
GREY = (160, 120)
# Grey levels: the flattest of 6,500 real frames spans 31 between its tails of 2 %, a covered lens
# fewer than 20. Something small and bright in the dark, an animal in the flash, stands out by SPOT.
CONTRAST, SPOT = 30, 40
# The sharpest edges of a grey, as a share of its contrast: 0.29 and more in 1,700 clear frames,
# 0.10 and less behind a film of ice (such frames, blurred and hazed), 0.03 of a hand on the lens.
SHARPEST = 0.15
Pixels = NDArray[np.uint8]


class PictureUnreadable(TrapnodeError):
    """This picture cannot be decoded whole: keep it, and judge the others."""


def decode(jpeg: bytes, width: int, height: int) -> Image.Image:
    """Decode a JPEG, a large one to not less than width x height; raise PictureUnreadable."""
    try:
        picture: Image.Image = JpegImagePlugin.JpegImageFile(io.BytesIO(jpeg))
        if picture.width * picture.height > MAX_PIXELS:
            raise ValueError(f"{picture.width}x{picture.height} is over {MAX_PIXELS} pixels")
        if jpeg.endswith(bytes(TORN_ZEROS)) and not jpeg.rstrip(b"\0").endswith(b"\xff\xd9"):
            raise ValueError("ends in zeros instead of an end marker: a torn write")
        picture.draft("RGB", (width, height))  # the decoder skips what the size does not need
        if picture.mode != "RGB":
            return picture.convert("RGB")
        picture.load()
        return picture
    except BROKEN as error:
        raise PictureUnreadable(f"picture of {len(jpeg)} bytes: {error}") from error


def to_tensor(jpeg: bytes, width: int, height: int) -> Pixels:
    """Decode a JPEG and squash it to height x width x 3; raise PictureUnreadable if torn."""
    return squash(decode(jpeg, width, height), width, height)


def squash(picture: Image.Image, width: int, height: int) -> Pixels:
    """Give the classifier's view: all of the picture, its sides not in proportion."""
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


def letterbox(picture: Image.Image, width: int, height: int) -> tuple[Pixels, tuple[int, int]]:
    """Give the detector's view and the size of the picture in it: top left, the rest black."""
    fit = min(width / picture.width, height / picture.height)
    inner = max(1, round(picture.width * fit)), max(1, round(picture.height * fit))
    tensor = np.zeros((height, width, 3), np.uint8)
    tensor[: inner[1], : inner[0]] = picture.resize(inner, Image.Resampling.BILINEAR)
    return tensor, inner


def crop(picture: Image.Image, box: Detection) -> Image.Image:
    """Cut out a box with its margin, clipped at the frame."""
    across, down = CROP_MARGIN * box.width, CROP_MARGIN * box.height
    left = int(max(0.0, box.x - across) * picture.width)
    top = int(max(0.0, box.y - down) * picture.height)
    right = math.ceil(min(1.0, box.x + box.width + across) * picture.width)
    bottom = math.ceil(min(1.0, box.y + box.height + down) * picture.height)
    return picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


def grey(picture: Image.Image) -> Pixels:
    """Give the small grey picture in which motion and a covered lens are looked for."""
    return np.asarray(picture.convert("L").resize(GREY, Image.Resampling.BILINEAR))


def is_blur(small: Pixels) -> bool:
    """Say whether a grey picture has no edge anywhere: frost, dew or dirt on the lens, or fog."""
    wide = small.astype(np.int16)
    middle = 4 * wide[1:-1, 1:-1]
    edges = abs(middle - wide[:-2, 1:-1] - wide[2:, 1:-1] - wide[1:-1, :-2] - wide[1:-1, 2:])
    dark, bright = np.quantile(small, (0.02, 0.98))
    return bool(np.quantile(edges, 0.995) < SHARPEST * max(1.0, bright - dark))


def nothing_to_judge(small: Pixels) -> str:
    """Say why nothing can be seen in a grey picture: dark, white or covered; or say nothing.

    Robust: a few hot pixels do not make a picture of a dark frame.
    """
    dark, middle, bright, brightest = np.quantile(small, (0.02, 0.5, 0.98, 0.995))
    if bright - dark >= CONTRAST or brightest - middle >= SPOT:
        return ""
    if middle < 32:
        return "the frame is dark"
    return "the frame is white" if middle > 223 else "the lens is covered"
