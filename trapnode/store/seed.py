"""What the last frames were exposed with, beside the database: the next cold start begins with it.

Not synced, on purpose: it is worth no write of its own, and what a power cut leaves is an old one,
or none, or a torn one that is none. A start without it takes some frames longer.
"""

import contextlib
import json
import logging
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from trapnode.light import Daylight, Exposure
from trapnode.policy.light import Seed

__all__ = ["read_seed", "write_seed"]

log = logging.getLogger(__name__)

FILE = "light.json"
US_MOST, GAIN_MOST = 1_000_000, 64.0


def read_seed(state: Path) -> Seed | None:
    """Read it; None where there is none, or only a broken one."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        found = json.loads((state / FILE).read_text("utf-8"))
        at, exposure = datetime.fromisoformat(found["at"]), found["exposure"]
        gains = exposure["colour_gains"]
        red_blue = None if gains is None else (float(gains[0]), float(gains[1]))
        us, gain = int(exposure["us"]), float(exposure["gain"])
        if at.utcoffset() is not None and 0 < us <= US_MOST and 1.0 <= gain <= GAIN_MOST:
            return Seed(at, Daylight(found["light"]), Exposure(us, gain, red_blue))
    return None


def write_seed(state: Path, seed: Seed) -> None:
    """Leave it for the next start; a card that does not take it costs nothing else."""
    told = {"at": seed.at.isoformat(), "light": seed.light, "exposure": asdict(seed.exposure)}
    part = state / f"{FILE}.part"
    try:
        part.write_text(json.dumps(told), "utf-8")
        part.replace(state / FILE)
    except OSError as error:
        log.debug("%s: not written: %s", state / FILE, error)
