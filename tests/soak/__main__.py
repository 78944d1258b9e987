"""A soak of the uplink: many seasons of faults. Exits 1 if anything is lost, doubled or believed.

usage: python -m tests.soak [SESSIONS [SEED]]
"""

import logging
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.soak.link import Link, LoraLink, SbdLink
from tests.soak.season import Found, Season

SESSIONS = 24_000
SESSIONS_A_SEASON = 400
LINKS: tuple[type[Link], ...] = (SbdLink, LoraLink)
WORKERS = 2


def season(seed: int) -> Found:
    """Live one season in a folder in RAM."""
    logging.disable(logging.CRITICAL)
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as folder:
        return Season(Path(folder), seed, _link(seed)).run(SESSIONS_A_SEASON)


def main(arguments: list[str]) -> int:
    """Live seasons until the radio was used so often, and say what came of it."""
    defaults = [str(SESSIONS), "1"]
    sessions, first = (int(each) for each in [*arguments, *defaults[len(arguments) :]])
    began_s, wrong = time.monotonic(), 0
    totals = {link: Counter[str]() for link in LINKS}
    seeds = range(first, first + -(-sessions // SESSIONS_A_SEASON))
    with ProcessPoolExecutor(WORKERS) as pool:
        for seed, found in zip(seeds, pool.map(season, seeds), strict=True):
            counts = {key: value for key, value in vars(found).items() if isinstance(value, int)}
            counts |= {f"arrivals {fate}": value for fate, value in found.fates.items()}
            totals[_link(seed)].update(counts)
            wrong += len(found.wrong)
            for each in found.wrong:
                print(f"seed {seed}: WRONG: {each}", flush=True)
    for link, total in totals.items():
        print(f"{link.__name__}: " + ", ".join(f"{n} {what}" for what, n in total.items()))
    used = sum(total["sessions"] for total in totals.values())
    took_s = time.monotonic() - began_s
    print(f"seeds {seeds[0]} to {seeds[-1]}: {used} sessions, {wrong} wrong; took {took_s:.0f} s")
    return 1 if wrong else 0


def _link(seed: int) -> type[Link]:
    return LINKS[seed % len(LINKS)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
