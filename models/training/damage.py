"""What the field does to a frame: fog, snow on the lens, washed-out flash, dark, rain, tilt."""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Random = np.random.Generator
Pixels = NDArray[np.float32]


def _pixels(picture: Image.Image) -> Pixels:
    return np.asarray(picture, np.float32) / 255


def _picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8))


def fog(picture: Image.Image, random: Random) -> Image.Image:
    """Mix in grey, most towards the top, where the distance is."""
    pixels = _pixels(picture)
    depth = np.linspace(0.75, 0.45, pixels.shape[0], dtype=np.float32)[:, None, None]
    return _picture(pixels * (1 - depth) + 0.75 * depth)


def snow_on_lens(picture: Image.Image, random: Random) -> Image.Image:
    """Cover a third of the frame with blurred white blots."""
    cover = Image.new("L", picture.size)
    draw, (width, height) = ImageDraw.Draw(cover), picture.size
    while np.asarray(cover).mean() < 255 * 0.33:
        x, y, r = random.uniform(0, width), random.uniform(0, height), random.uniform(0.05, 0.15)
        draw.ellipse((x - r * width, y - r * width, x + r * width, y + r * width), fill=255)
    cover = cover.filter(ImageFilter.GaussianBlur(width / 60))
    return Image.composite(Image.new("RGB", picture.size, (232, 235, 240)), picture, cover)


def washed_out(picture: Image.Image, random: Random) -> Image.Image:
    """Overexpose a grey frame as an infra-red flash does near the camera."""
    grey = _pixels(picture.convert("L"))
    height, width = grey.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    beam = np.exp(-(x**2 + y**2)).astype(np.float32)
    return _picture(grey * 1.3 + 0.55 * beam).convert("RGB")


def dark(picture: Image.Image, random: Random) -> Image.Image:
    """Keep an eighth of the light, grey, with the sensor's noise."""
    grey = _pixels(picture.convert("L")) * 0.12
    noise = random.normal(0, 0.012, grey.shape).astype(np.float32)
    return _picture(grey + noise + 0.02).convert("RGB")


def rain(picture: Image.Image, random: Random) -> Image.Image:
    """Draw bright slanted streaks over a slightly blurred frame."""
    wet = picture.filter(ImageFilter.GaussianBlur(0.6))
    draw, (width, height) = ImageDraw.Draw(wet, "RGBA"), picture.size
    for _ in range(250):
        x, y, fall = random.uniform(0, width), random.uniform(0, height), random.uniform(0.03, 0.1)
        draw.line((x, y, x + fall * height / 5, y + fall * height), fill=(235, 235, 245, 110))
    return wet


def night(picture: Image.Image, random: Random) -> Image.Image:
    """Light a grey frame with the camera's own lamp, the sensor at its highest gain."""
    grey = _pixels(picture.convert("L"))
    height, width = grey.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    beam = np.exp(-1.2 * (x**2 + y**2)).astype(np.float32)
    noise = random.normal(0, 0.05, grey.shape).astype(np.float32)
    return _picture(grey * beam + noise).convert("RGB")


def fallen(picture: Image.Image, random: Random) -> Image.Image:
    """Tilt the camera by 20 degrees; mirrored edges fill what it did not see."""
    pixels, pad = np.asarray(picture), max(picture.size) // 3
    around = np.pad(pixels, ((pad, pad), (pad, pad), (0, 0)), mode="symmetric")
    tilted = Image.fromarray(around).rotate(20, Image.Resampling.BILINEAR)
    return tilted.crop((pad, pad, pad + picture.width, pad + picture.height))


def badly_compressed(picture: Image.Image, random: Random) -> Image.Image:
    """Save at JPEG quality 10."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=10)
    with Image.open(out) as file:
        return file.convert("RGB")


def torn(picture: Image.Image, random: Random) -> Image.Image:
    """Lose the lower half, as a decoder shows a file that ends early."""
    pixels = np.array(picture)
    pixels[pixels.shape[0] // 2 :] = 128
    return Image.fromarray(pixels)


DAMAGES: dict[str, Callable[[Image.Image, Random], Image.Image]] = {
    "fog": fog,
    "snow on a third of the lens": snow_on_lens,
    "infra-red washed out": washed_out,
    "infra-red night": night,
    "darkness: an eighth of the light": dark,
    "rain": rain,
    "fallen: tilted by 20 degrees": fallen,
    "JPEG quality 10": badly_compressed,
    "lower half lost": torn,
}
