"""Other looks of a picture that keep its label: night infra-red, small, dim, badly compressed."""

import hashlib
import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from PIL.Image import Resampling

VERSION = 1  # Part of the features' cache key: raise it with every change here.
Random = np.random.Generator


def look(jpeg: bytes, number: int, blank: bool, key: str) -> bytes:
    """Give look `number` of a picture as a JPEG; 0 is the picture untouched.

    A part of a blank is blank, so blanks are also cropped; a part of another picture may have
    lost its animal.
    """
    if number == 0:
        return jpeg
    seed = hashlib.sha256(f"{key}/{number}".encode()).digest()[:8]
    random = np.random.default_rng(int.from_bytes(seed, "big"))
    with Image.open(io.BytesIO(jpeg)) as file:
        picture = file.convert("RGB")
    if blank:
        picture = _crop(picture, random)
    picture = LOOKS[(number - 1) % len(LOOKS)](picture, random)
    return as_jpeg(picture, int(random.integers(45, 92)))


def as_jpeg(picture: Image.Image, quality: int) -> bytes:
    """Give a picture as the bytes of a JPEG."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _day(picture: Image.Image, random: Random) -> Image.Image:
    return _light(_small(picture, random, 110, 272), random)


def infrared(picture: Image.Image, random: Random) -> Image.Image:
    """Make a mirrored grey picture under a lamp, with the sensor's noise."""
    picture = _small(ImageOps.mirror(picture), random, 130, 272)
    grey = np.asarray(picture.convert("L"), np.float32) / 255
    height, width = grey.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    beam = np.exp(-(x**2 + y**2) * random.uniform(0.1, 0.9))  # the lamp lights the middle
    grey = grey ** random.uniform(0.8, 1.6) * beam * random.uniform(0.6, 1.2)
    grey += random.normal(0, random.uniform(0.005, 0.04), grey.shape)
    return Image.fromarray((grey.clip(0, 1) * 255).astype(np.uint8)).convert("RGB")


def _damaged(picture: Image.Image, random: Random) -> Image.Image:
    picture = _small(ImageOps.mirror(picture), random, 70, 160)
    picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0, 1.2)))
    out = io.BytesIO()
    _light(picture, random).save(out, "JPEG", quality=int(random.integers(15, 50)))
    with Image.open(out) as file:
        return file.convert("RGB")


def _small(picture: Image.Image, random: Random, low: int, high: int) -> Image.Image:
    side = int(random.integers(low, high + 1))
    if max(picture.size) <= side:
        return picture
    share = side / max(picture.size)
    size = (max(8, round(picture.width * share)), max(8, round(picture.height * share)))
    return picture.resize(size, Resampling.BILINEAR)


def _light(picture: Image.Image, random: Random) -> Image.Image:
    pixels = np.asarray(picture, np.float32) / 255
    tint = random.uniform(0.85, 1.15, 3)
    pixels = pixels ** random.uniform(0.7, 1.5) * random.uniform(0.7, 1.2) * tint
    return Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8))


def _crop(picture: Image.Image, random: Random) -> Image.Image:
    share = random.uniform(0.55, 1)
    width, height = int(picture.width * share), int(picture.height * share)
    left = int(random.integers(0, picture.width - width + 1))
    top = int(random.integers(0, picture.height - height + 1))
    return picture.crop((left, top, left + width, top + height))


LOOKS: tuple[Callable[[Image.Image, Random], Image.Image], ...] = (
    _day,
    infrared,
    _damaged,
    infrared,
)
COUNT = 1 + len(LOOKS)
