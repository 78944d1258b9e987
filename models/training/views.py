"""What the models see of a picture, by the path of the unit: preview, squash, letterbox, crop."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trapnode.sim.scene import PREVIEW_WIDTH, preview_of

CROP_MARGIN = 0.15  # of the box's sides, on every side: an animal needs a little of its place
SQUASHED = {"mlwic_examples", "mlwic_CA-01"}  # by their source, from 4:3 to a square
Box = tuple[float, float, float, float]  # left, top, right, bottom as shares of the picture
Pixels = NDArray[np.uint8]


def unit_preview(jpeg: bytes) -> bytes:
    """Make the camera's small stream of a picture; one that is small already stays untouched."""
    with Image.open(io.BytesIO(jpeg)) as image:
        large = image.width > PREVIEW_WIDTH or image.format != "JPEG"
    return preview_of(jpeg) if large else jpeg


def unit_view(path: Path) -> Image.Image:
    """Decode a picture as the unit would see it: its preview, in the proportions of the scene."""
    picture = decode(unit_preview(path.read_bytes()))
    if not SQUASHED & set(path.parts):
        return picture
    return picture.resize(
        (round(picture.height * 4 / 3), picture.height), Image.Resampling.BILINEAR
    )


def decode(jpeg: bytes) -> Image.Image:
    """Decode a preview whole."""
    with Image.open(io.BytesIO(jpeg)) as image:
        return image.convert("RGB")


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


def crop(picture: Image.Image, box: Box) -> Image.Image:
    """Cut out a box with its margin, clipped at the frame."""
    left, top, right, bottom = box
    across, down = CROP_MARGIN * (right - left), CROP_MARGIN * (bottom - top)
    edges = (
        int(max(0.0, left - across) * picture.width),
        int(max(0.0, top - down) * picture.height),
        int(np.ceil(min(1.0, right + across) * picture.width)),
        int(np.ceil(min(1.0, bottom + down) * picture.height)),
    )
    return picture.crop((*edges[:2], max(edges[2], edges[0] + 1), max(edges[3], edges[1] + 1)))
