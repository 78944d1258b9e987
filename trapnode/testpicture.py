"""A look at a technician's test picture: how light, how sharp, and what it shows, in characters."""

import io

from trapnode.errors import DeviceError
from trapnode.policy.aim import Look

__all__ = ["COLUMNS", "ROWS", "look_at"]

COLUMNS, ROWS = 78, 20  # What an 80x24 terminal has room for, with a line of words and an OK.
RAMP = " .:-=+*#%@"
WIDTH = 320  # On which `policy.aim` has its numbers.
WHITE = 250
LAPLACE = (0, 1, 0, 1, -4, 1, 0, 1, 0)


def look_at(jpeg: bytes) -> Look:
    """Measure a preview; raise DeviceError for what is no picture."""
    from PIL import Image, ImageFilter, ImageOps, ImageStat  # Only while somebody aims.

    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as opened:
            opened.draft("L", (WIDTH, max(3, WIDTH * opened.height // opened.width)))
            grey = opened.convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DeviceError(f"test picture of {len(jpeg)} bytes: is no JPEG") from error
    grey = grey.resize((WIDTH, max(3, WIDTH * grey.height // grey.width)), Image.Resampling.BOX)
    kernel = ImageFilter.Kernel((3, 3), LAPLACE, scale=2, offset=128)  # Edges do not clip at 2.
    edges = grey.filter(kernel).crop((1, 1, grey.width - 1, grey.height - 1))
    small = ImageOps.autocontrast(grey.resize((COLUMNS, ROWS), Image.Resampling.BOX))
    levels = small.tobytes()
    rows = [levels[start : start + COLUMNS] for start in range(0, COLUMNS * ROWS, COLUMNS)]
    return Look(
        brightness=round(ImageStat.Stat(grey).mean[0]),
        clipped=round(100 * sum(grey.histogram()[WHITE:]) / (grey.width * grey.height)),
        focus=round(4 * ImageStat.Stat(edges).var[0]),
        rows=tuple("".join(RAMP[level * len(RAMP) // 256] for level in row) for row in rows),
    )
