"""A card whose power can go at any step, and the loop over all steps (littlefs's habit).

`Power` counts the steps of one life: file operations, SQL writes, what a modem does. At step
`cut` it raises PowerCut, and from then on refuses everything: the machine is dead. `tear` then
does to the files what a card may do to what was not synced, in a way that `seed` decides.

What SQLite has committed is taken as durable and what it has not as gone; the rig on real block
devices proves that part.
"""

import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from trapnode.store.disk import RealDisk
from trapnode.store.store import Store, open_store

UNDO_ALL, KEEP_ALL = 0, 1  # Seeds; any other keeps some of the unsynced names, in order.
MOST_STEPS = 5_000


class PowerCut(BaseException):
    """The power went: nothing in the program may catch it."""


@dataclass
class Power:
    """One life of the machine, which ends before its step number `cut`."""

    cut: int | None = None
    seed: int = 0
    steps: int = 0
    dead: bool = False
    make_disk: "Callable[[Power], FailingDisk]" = field(default=lambda power: FailingDisk(power))
    told: list[object] = field(default_factory=list)  # What the world heard before the cut.
    connections: list[sqlite3.Connection] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.disk = self.make_disk(self)

    def step(self) -> None:
        """Do one more thing, if there is power."""
        if not self.dead:
            self.steps += 1
            self.dead = self.steps == self.cut
        if self.dead:
            raise PowerCut(f"at step {self.steps}")

    def connect(self, path: Path) -> sqlite3.Connection:
        """Open a database that dies with the power; give it to `open_store`."""
        connection = sqlite3.connect(path, timeout=5.0, isolation_level=None, factory=CutConnection)
        self.connections.append(connection)
        connection.power = self
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")  # A cut here is a raise: nothing to sync.
        connection.execute("PRAGMA foreign_keys=ON")
        return connection

    def open(self, state: Path) -> Store:
        """Open the store of this life."""
        return open_store(state, self.disk, self.connect)

    def end(self) -> None:
        """Let the machine go, and what was not synced with it if the power was cut."""
        for connection in self.connections:
            sqlite3.Connection.close(connection)
        self.connections.clear()
        if self.dead:
            self.disk.tear(random.Random(f"{self.seed}/{self.steps}"), self.seed)


class CutConnection(sqlite3.Connection):
    """A connection whose power may go before and after each transaction, and before its commit.

    Between two statements of one transaction nothing durable differs, so those are no steps.
    """

    power: Power

    def execute(self, sql: str, *rest: object) -> sqlite3.Cursor:  # type: ignore[override]
        if sql in ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"):
            self.power.step()
        cursor = super().execute(sql, *rest)  # type: ignore[arg-type]
        if sql == "COMMIT":
            self.power.step()
        return cursor

    def executescript(self, sql: str, /) -> sqlite3.Cursor:
        self.power.step()
        cursor = super().executescript(sql)
        self.power.step()
        return cursor


@dataclass(frozen=True)
class _Entry:
    """A change of names that no folder sync has made durable yet."""

    folders: tuple[Path, ...]
    undo: Callable[[], None]


class FailingDisk(RealDisk):
    """A real folder behind which a card remembers what was never synced."""

    def __init__(self, power: Power) -> None:
        self._power = power
        self._unsynced: dict[Path, bytes] = {}
        self._entries: list[_Entry] = []

    def write(self, path: Path, data: bytes) -> None:
        self._power.step()
        if not path.exists():
            self._entry((path.parent,), lambda: path.unlink(missing_ok=True))
        super().write(path, data)
        self._unsynced[path] = data

    def sync(self, path: Path) -> None:
        self._power.step()
        self._unsynced.pop(path, None)

    def rename(self, path: Path, target: Path) -> None:
        self._power.step()
        before = target.read_bytes() if target.exists() else None
        super().rename(path, target)
        self._moved(path, target)

        def undo() -> None:
            target.rename(path)
            self._moved(target, path)
            if before is not None:
                target.write_bytes(before)

        self._entry((path.parent, target.parent), undo)

    def _moved(self, path: Path, target: Path) -> None:
        """Go on remembering a file, or what is in a folder, under its new name."""
        for each in [each for each in self._unsynced if each.is_relative_to(path)]:
            self._unsynced[target / each.relative_to(path)] = self._unsynced.pop(each)

    def sync_folder(self, folder: Path) -> None:
        self._power.step()
        assert folder.is_dir()
        self._entries = [each for each in self._entries if folder not in each.folders]

    def make_folder(self, folder: Path) -> None:
        self._power.step()
        super().make_folder(folder)
        self._entry((folder.parent,), lambda: shutil.rmtree(folder, ignore_errors=True))

    def remove(self, path: Path) -> None:
        self._power.step()
        if path.exists():
            before = path.read_bytes()
            self._entry((path.parent,), lambda: path.write_bytes(before) and None)
        super().remove(path)

    def tear(self, dice: random.Random, seed: int) -> None:
        """Undo the last of the unsynced names, and spoil unsynced bytes."""
        kept = {UNDO_ALL: 0, KEEP_ALL: len(self._entries)}.get(
            seed, dice.randint(0, len(self._entries))
        )
        for entry in reversed(self._entries[kept:]):
            entry.undo()
        for path, data in self._unsynced.items():
            if path.exists():
                path.write_bytes(dice.choice(SPOILERS)(data, dice))

    def _entry(self, folders: tuple[Path, ...], undo: Callable[[], None]) -> None:
        self._entries.append(_Entry(folders, undo))


def _truncated(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randint(0, max(0, len(data) - 1))]


def _zeros(data: bytes, _dice: random.Random) -> bytes:
    return bytes(len(data))


def _zero_tail(data: bytes, dice: random.Random) -> bytes:
    cut = dice.randint(0, max(0, len(data) - 1))
    return data[:cut] + bytes(len(data) - cut)


def _whole(data: bytes, _dice: random.Random) -> bytes:
    return data


SPOILERS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _truncated,
    _zeros,
    _zero_tail,
    _whole,
)


class ForgetfulDisk(FailingDisk):
    """A disk that only says it synced a file: every harness must find it out."""

    def sync(self, path: Path) -> None:
        self._power.step()


class NamelessDisk(FailingDisk):
    """A disk that only says it synced a folder."""

    def sync_folder(self, folder: Path) -> None:
        self._power.step()


Work = Callable[[Path, Power], None]
Check = Callable[[Path, Power], None]


def every_cut(
    folder: Path,
    template: Path | None,
    work: Work,
    check: Check,
    *,
    seeds: range = range(3),
    make_disk: Callable[[Power], FailingDisk] = FailingDisk,
    make_power: Callable[..., Power] = Power,
) -> int:
    """Cut `work` before each of its steps, and check what is left; give the number of cuts.

    Each life begins with a copy of `template` (None: an empty card). `check` is also given the
    life that nobody cut.
    """
    cuts = 0
    for seed in seeds:
        for cut in range(1, MOST_STEPS):
            state = folder / f"{seed}-{cut}"
            shutil.copytree(template, state) if template else state.mkdir(parents=True)
            power = make_power(cut, seed, make_disk=make_disk)
            try:
                work(state, power)
            except PowerCut:
                cuts += 1
            finally:
                power.end()
            check(state, power)
            shutil.rmtree(state)
            if not power.dead:
                break
        else:
            raise AssertionError(f"still not through after {MOST_STEPS} steps")
    return cuts
