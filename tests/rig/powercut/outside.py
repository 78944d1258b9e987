"""The world outside a machine whose power is cut: what it was told, in a file that no cut touches.

usage: python -m tests.rig.powercut.outside LIFE PROGRAM FOLDER FILE    live there, and tell FILE
"""

import logging
import os
import pickle
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from tests.powercut.explore import BAD, GOOD, fresh
from tests.powercut.recorder import recording

__all__ = ["PROGRAMS", "facts", "live", "teller"]

PROGRAMS = {"trapnode": GOOD, **BAD}


def teller(path: Path) -> Callable[[object], None]:
    """Give the way to tell a file."""

    def tell(fact: object) -> None:
        with path.open("ab", buffering=0) as file:
            file.write(pickle.dumps(fact))

    return tell


def facts(path: Path, size: int | None = None) -> tuple[object, ...]:
    """Read what was told; only the first `size` bytes of it."""
    told, found = BytesIO(path.read_bytes()[:size] if path.exists() else b""), []
    while True:
        try:
            found.append(pickle.load(told))
        except EOFError:
            return tuple(found)


def live(life: str, program: str, folder: Path, told: Path, before: Callable[[int], None]) -> int:
    """Live below a folder, telling a file; give the number of operations. See `recording`."""
    logging.disable(logging.CRITICAL)
    outside, run = teller(told), told.with_name("run")
    run.mkdir(exist_ok=True)
    with recording(folder, before) as (trace, tell):

        def both(fact: object) -> None:
            outside(fact)
            tell(fact)

        PROGRAMS[program].live(life, folder, run, both)
    return len(trace.operations)


def main() -> None:
    """Live a life, unwatched."""
    logging.disable(logging.CRITICAL)
    life, program, folder, told = sys.argv[1:]
    with fresh() as run:
        PROGRAMS[program].live(life, Path(folder), run, teller(Path(told)))
    os._exit(0)  # As a process that is killed: nothing is written on the way out.


if __name__ == "__main__":
    main()
