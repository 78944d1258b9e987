"""`make powercut`: every engine over the lives of a unit and of a dump, and over bad programs.

usage: python -m tests.rig.powercut            all engines, two at a time; exits 1 if a card is
                                               broken, or a bad program is not found out
       python -m tests.rig.powercut ENGINE     one of them
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from tests.powercut.explore import LIVES, record
from tests.rig.powercut import blocks, ext4, fuse
from tests.rig.powercut.card import Result
from tests.rig.powercut.model import KINDS, bad, spread
from tests.rig.powercut.outside import PROGRAMS

CHANCES = 130  # States by chance at each operation: a hundred thousand in all.
SEED = 1
LEAST = 100_000
NO_SYNC, NO_FOLDER = "files are not synced", "folders are not synced"
NORMAL = "SQLite syncs at checkpoints only"
FOUND_IN = {NORMAL: tuple(KINDS), NO_SYNC: tuple(KINDS), NO_FOLDER: ("weak",)}
BY_FUSE = "recorded by FUSE"


def model(life: str, kind: str) -> Iterator[Result]:
    """Check what the recorder in the process itself has seen."""
    yield spread(record(life), life, kind, CHANCES, SEED, processes=1)


def outside() -> Iterator[Result]:
    """Check what FUSE has seen of a whole process."""
    seen = fuse.record_outside("unit")
    for kind in KINDS:
        yield spread(seen, "unit", kind, 4, SEED, processes=1, name=BY_FUSE)


def images() -> Iterator[Result]:
    """Check the images of a real ext4."""
    for life in LIVES:
        yield ext4.images(life)


def sweeps(life: str) -> Iterator[Result]:
    """Shut a real ext4 down."""
    for flag in ext4.FLAGS:
        yield ext4.sweep(life, flag, step=8)


def log(life: str) -> Iterator[Result]:
    """Replay the blocks of a real ext4."""
    yield blocks.blocks(life, chances=3, most=1500)


def found_out() -> Iterator[Result]:
    """Let each engine find out a bad program."""
    for program, kinds in FOUND_IN.items():
        inside, seen = record("unit", PROGRAMS[program]), fuse.record_outside("unit", program)
        for kind in kinds:
            yield bad(inside, program, kind)
            yield bad(seen, program, kind, BY_FUSE)
    yield ext4.images("unit", NORMAL, enough=1)
    yield ext4.sweep("unit", "nothing unsynced", 7, NORMAL, first=80, enough=1)
    yield ext4.sweep("unit", "names without bytes", 7, NO_SYNC, first=80, enough=1)
    yield blocks.blocks("unit", 0, 10_000, NORMAL, enough=1)


ENGINES: dict[str, Callable[[], Iterator[Result]]] = {
    **{
        f"model-{life}-{kind}": lambda life=life, kind=kind: model(life, kind)  # type: ignore[misc]
        for life in LIVES
        for kind in KINDS
    },
    **{f"sweep-{life}": lambda life=life: sweeps(life) for life in LIVES},  # type: ignore[misc]
    **{f"blocks-{life}": lambda life=life: log(life) for life in LIVES},  # type: ignore[misc]
    "images": images,
    "fuse": outside,
    "bad": found_out,
}


def run(engine: str) -> list[Result]:
    """Run one engine in a process of its own."""
    began_s = time.monotonic()
    command = [sys.executable, "-m", "tests.rig.powercut", engine]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3], check=False
    )
    found = [Result(**json.loads(line)) for line in done.stdout.splitlines() if line[:1] == "{"]
    if done.returncode:
        found.append(Result(engine, "-", "-", broken=[f"ended with {done.returncode}"]))
    print(f"{engine}: {time.monotonic() - began_s:.0f} s", file=sys.stderr)
    return found


def is_well(result: Result) -> bool:
    """Say whether trapnode broke nothing, or a bad program was found out."""
    return bool(result.broken) is (result.program not in ("trapnode", "-"))


def _checks(result: Result) -> str:
    """Say how many states a boot's check had to mend before they mounted."""
    return ", ".join(f"e2fsck {how}: {count}" for how, count in result.mended.items()) or "-"


def needs() -> str:
    """Say what is missing here; empty if nothing is."""
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists():
        return "root and loop devices"
    if not Path("/dev/fuse").exists() or shutil.which("fusermount3") is None:
        return "FUSE (Debian: apt install fuse3)"
    return "" if shutil.which("mkfs.ext4") else "mkfs.ext4 (Debian: apt install e2fsprogs)"


def main(arguments: list[str]) -> int:
    """Run one engine, or all and tell."""
    logging.disable(logging.CRITICAL)  # A repair after each cut is what is wanted here.
    if missing := needs():
        print(f"needs {missing}", file=sys.stderr)
        return 2
    if arguments:
        for result in ENGINES[arguments[0]]():
            print(json.dumps(asdict(result)), flush=True)
        return 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = [each for found in pool.map(run, ENGINES) for each in found]
    for each in results:
        print(" | ".join(map(str, (each.engine, each.life, each.program, each.states,
                                   len(each.broken), _checks(each)))))  # fmt: skip
        print("".join(f"    {wrong}\n" for wrong in each.broken if not is_well(each)), end="")
    good = [each for each in results if each.program == "trapnode"]
    states, wrong = sum(each.states for each in good), sum(len(each.broken) for each in good)
    bad_ones = len(results) - len(good)
    well = all(map(is_well, results)) and states >= LEAST
    print(f"{states} states, {wrong} broken; {bad_ones} bad programs, each must be found out")
    return int(not well)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
