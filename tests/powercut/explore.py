"""From a life to a verdict on every card that a cut in it may leave."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.powercut.card import State, states
from tests.powercut.life import Life
from tests.powercut.recorder import recording
from tests.powercut.trace import Trace
from tests.powercut.verdict import check, everything_whole
from trapnode.store.database import connect
from trapnode.store.disk import RealDisk

__all__ = ["BAD", "GOOD", "LIVES", "Found", "Program", "broken", "explore", "fresh", "record"]

FEW_PAGES = 20  # Between two checkpoints; SQLite's 1,000 would be a year of this life.


class Hasty(RealDisk):
    """A program that never syncs a file."""

    def sync(self, path: Path) -> None:
        pass


class Nameless(RealDisk):
    """A program that never syncs a folder."""

    def sync_folder(self, folder: Path) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Program:
    """How a program treats its card."""

    disk: RealDisk = field(default_factory=RealDisk)
    synchronous: str = ""  # What SQLite is told; empty: what trapnode tells it.

    def connect(self, path: Path) -> sqlite3.Connection:
        """Open the database as trapnode does, but with checkpoints often."""
        connection = connect(path)
        connection.execute(f"PRAGMA wal_autocheckpoint={FEW_PAGES}")
        if self.synchronous:
            connection.execute(f"PRAGMA synchronous={self.synchronous}")
        return connection

    def live(self, life: str, root: Path, run: Path, tell: Callable[[object], None]) -> None:
        """Live one of LIVES below `root`."""
        LIVES[life](Life(root, run, tell, self.disk, self.connect))


LIVES = {"unit": Life.of_a_unit, "dump": Life.of_a_dump}
GOOD = Program()
BAD = {  # Each must be found out, or the harness is broken.
    "files are not synced": Program(Hasty()),
    "folders are not synced": Program(Nameless()),
    "SQLite syncs at checkpoints only": Program(synchronous="NORMAL"),
}


@dataclass
class Found:
    """How many states were checked, and what was wrong with which."""

    states: int = 0
    thorough: int = 0  # Of these, how many also took, sorted, sent and dumped once more.
    broken: list[str] = field(default_factory=list)


def record(life: str, program: Program = GOOD) -> Trace:
    """Let a program live one of LIVES, and give the trace of it."""
    with fresh() as root, fresh() as run, recording(root) as (trace, tell):
        program.live(life, root, run, tell)
    return trace


def explore(
    trace: Trace,
    *,
    weak: bool,
    chances: int,
    cuts: range,
    seed: int = 1,
    thorough_every: int = 12,
    enough: int = 20,
) -> Found:
    """Check the states of these cuts, until `enough` are broken."""
    found, whole = Found(), everything_whole(trace)
    for state in states(trace, weak, chances, cuts, seed):
        thorough = found.states % thorough_every == 0
        found.states += 1
        found.thorough += thorough
        with fresh() as folder:
            _put(state, folder)
            if wrong := broken(folder, state.told, whole, thorough):
                found.broken.append(f"{state}: {wrong}")
        if len(found.broken) >= enough:
            break
    return found


def broken(folder: Path, told: tuple[object, ...], whole: set[bytes], thorough: bool) -> str:
    """Say what is wrong with a surviving folder; empty if nothing is."""
    try:
        check(folder, told, whole, thorough)
    except Exception as error:  # Whatever it is that stops the unit.
        return f"{type(error).__name__}: {error}"
    return ""


def _put(state: State, folder: Path) -> None:
    for name in state.folders:
        os.mkdir(f"{folder}/{name}")
    for name, data in state.files.items():
        with open(f"{folder}/{name}", "wb", buffering=0) as file:
            file.write(data)


@contextlib.contextmanager
def fresh() -> Iterator[Path]:
    """Give a fresh folder in RAM, gone at the end."""
    shm = Path("/dev/shm")
    path = Path(tempfile.mkdtemp(dir=shm if shm.is_dir() else None))
    try:
        yield path
    finally:
        shutil.rmtree(path)
