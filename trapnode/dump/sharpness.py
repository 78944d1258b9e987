"""How sharp a picture is where the animal is: the variance of its Laplacian.

Pech-Pacheco et al. 2000 (ICPR), LAP4 in Pertuz et al. 2013. On half the resolution, where the
noise of a night does not pass for fur; on the box, where a background's leaves do not either.
Numbers compare frames of one burst, never two places.
"""

from pathlib import Path
from typing import BinaryIO

from trapnode.model import Detection

__all__ = ["sharpness"]

LAPLACE = (0, 1, 0, 1, -4, 1, 0, 1, 0)
SMALLEST = 8  # Pixels; in a smaller box there is nothing to see.


def sharpness(picture: Path | BinaryIO, box: Detection | None) -> float | None:
    """Measure a JPEG, within a box where there is one; None in what cannot be decoded."""
    from PIL import Image, ImageFilter, ImageStat  # Only where there is a target.

    try:
        with Image.open(picture, formats=["JPEG"]) as opened:
            opened.draft("L", (opened.width // 2, opened.height // 2))
            gray = opened.convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    if box is not None:
        gray = gray.crop(_pixels(box, *gray.size))
    if min(gray.size) < SMALLEST:
        return None
    kernel = ImageFilter.Kernel((3, 3), LAPLACE, scale=2, offset=128)  # Edges do not clip at 2.
    inner = (1, 1, gray.width - 1, gray.height - 1)  # The filter leaves the border as it was.
    return round(4.0 * ImageStat.Stat(gray.filter(kernel).crop(inner)).var[0], 1)


def _pixels(box: Detection, width: int, height: int) -> tuple[int, int, int, int]:
    return (
        max(0, round(box.x * width)),
        max(0, round(box.y * height)),
        min(width, round((box.x + box.width) * width)),
        min(height, round((box.y + box.height) * height)),
    )
