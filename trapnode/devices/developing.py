"""A held frame of picamera2 as JPEG files, and how dark and bright it is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from picamera2 import MappedArray

from trapnode.errors import DeviceError

__all__ = ["jpeg", "levels"]

GREY = 128
PACKED = {"BGR888": "RGB", "RGB888": "BGR", "XBGR8888": "RGBX", "XRGB8888": "BGRX"}
"""libcamera names a format from the top of a little-endian word, simplejpeg in memory order."""


def jpeg(request: Any, stream: str, quality: int, *, grey: bool) -> bytes:
    """Give a stream of a request as JPEG; raise DeviceError for a format that we do not know."""
    with MappedArray(request, stream, write=False) as mapped:
        return _encoded(mapped.array, request.config[stream], quality, grey)


def levels(request: Any) -> tuple[float, float]:
    """Give the levels (0 to 255) that a fiftieth of the small stream is below, and above."""
    height = request.config["lores"]["size"][1]
    with MappedArray(request, "lores", write=False) as mapped:
        low, high = np.percentile(mapped.array[:height:4, ::4], (2, 98))
    return float(low), float(high)


def _encoded(
    pixels: NDArray[np.uint8], stream: Mapping[str, Any], quality: int, grey: bool
) -> bytes:
    form, (width, height) = stream["format"], stream["size"]
    if form in PACKED:  # No pipeline of a Pi answers so: grey would not be worth its code.
        packed = np.ascontiguousarray(pixels)
        return bytes(simplejpeg.encode_jpeg(packed, quality, PACKED[form], "420"))
    luma, below = pixels[:height, :width], pixels[height : height * 3 // 2]
    if form in ("NV12", "NV21"):  # Both chromas in turn.
        first, second = below[:, 0:width:2], below[:, 1:width:2]
    elif form in ("YUV420", "YVU420"):  # One after the other, in rows of half the length.
        halves = below.reshape(height, -1)
        first, second = halves[: height // 2, : width // 2], halves[height // 2 :, : width // 2]
    else:
        raise DeviceError(f"camera gives {form}, not one of YUV420, NV12, RGB")
    if grey:
        first = second = np.full(first.shape, GREY, np.uint8)
    chroma = [np.ascontiguousarray(each) for each in (first, second)]
    if form in ("NV21", "YVU420"):
        chroma.reverse()
    return bytes(simplejpeg.encode_jpeg_yuv_planes(luma, *chroma, quality))
