"""How much is written to the card: the kernel's own count, since the machine started."""

import contextlib
import os
from pathlib import Path

__all__ = ["BLOCKS", "per_day", "written_bytes"]

BLOCKS = Path("/sys/dev/block")
SECTORS_WRITTEN = 6  # Of the kernel's Documentation/block/stat.rst, counted from 0;
SECTOR = 512  # always so many bytes there.
LEAST_S = 3600.0  # What a shorter life has written says nothing of a day.
DAY_S = 86_400.0


def written_bytes(folder: Path, blocks: Path = BLOCKS) -> int | None:
    """Give what was written to the folder's device since boot; None where nobody counts it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        device = folder.stat().st_dev
        stat = blocks / f"{os.major(device)}:{os.minor(device)}" / "stat"
        return int(stat.read_text("ascii").split()[SECTORS_WRITTEN]) * SECTOR
    return None


def per_day(written: int | None, up_s: float) -> int | None:
    """Give the bytes of a day at this rate; None where it is not known, or too early to say."""
    return None if written is None or up_s < LEAST_S else round(written * DAY_S / up_s)
