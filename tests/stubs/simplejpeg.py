"""A hand-written simplejpeg for tests, on Pillow: the two functions our adapter uses.

Kept against simplejpeg 1.9.0.
"""

import io

import numpy as np
from PIL import Image


def encode_jpeg(image, quality=85, colorspace="rgb", colorsubsampling="444", fastdct=False):
    if not image.flags.c_contiguous:
        raise ValueError("ndarray is not C-contiguous")
    assert image.dtype == np.uint8
    order = [colorspace.upper().index(each) for each in "RGB"]
    return _jpeg(Image.fromarray(np.ascontiguousarray(image[..., order]), "RGB"), quality)


def encode_jpeg_yuv_planes(Y, U, V, quality=85, fastdct=False):
    assert Y.shape == (U.shape[0] * 2, U.shape[1] * 2)
    assert U.shape == V.shape
    planes = [Image.fromarray(np.ascontiguousarray(each), "L") for each in (Y, U, V)]
    planes = [planes[0], *(each.resize(planes[0].size) for each in planes[1:])]
    return _jpeg(Image.merge("YCbCr", planes), quality)


def _jpeg(image, quality):
    written = io.BytesIO()
    image.save(written, "JPEG", quality=quality)
    return written.getvalue()
