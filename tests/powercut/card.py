"""What a card may hold after a power cut: what was surely synced, and some of what was not.

Two kinds of card. A *journalled* one (ext4) keeps names in order, and every sync makes all names
before it durable. A *weak* one (the least that POSIX promises; vfat is near it) makes durable only
what was itself synced, and keeps any of the rest in any order. On both, unsynced bytes may be
lost, kept, zeros with the right length, or torn between sectors of 512 bytes.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from tests.powercut.trace import (
    ROOT,
    Create,
    Operation,
    Rename,
    Sync,
    SyncAll,
    Told,
    Trace,
    Truncate,
    Unlink,
    Write,
)

__all__ = ["Card", "State", "states"]

SECTOR = 512

Naming = Create | Rename | Unlink
Change = Write | Truncate


class Fate(Enum):
    """What becomes of what was not synced."""

    LOST = "lost"
    KEPT = "kept"
    NAMES = "names and lengths only"
    BYTES = "bytes only"
    CHANCE = "some of it"


SURE = (Fate.LOST, Fate.KEPT, Fate.NAMES, Fate.BYTES)


@dataclass(frozen=True, slots=True)
class State:
    """One card as the next boot finds it, and what the world had heard by then."""

    files: dict[str, bytes]
    folders: tuple[str, ...]  # Parents first.
    told: tuple[object, ...]
    cut: int  # How many operations were made.
    fate: Fate

    def __str__(self) -> str:
        return f"cut after {self.cut} operations, unsynced: {self.fate.value}"


@dataclass(slots=True)
class _File:
    sure: bytes = b""
    unsynced: list[Change] = field(default_factory=list)


class Card:
    """A card that follows a trace."""

    def __init__(self, weak: bool) -> None:
        self._weak = weak
        self._files: dict[int, _File] = {}
        self._names: dict[int, dict[str, int]] = {ROOT: {}}
        self._unsynced: list[Naming] = []
        self.told: list[object] = []

    def take(self, operation: Operation) -> None:
        """Go on by one operation."""
        match operation:
            case Told(fact):
                self.told.append(fact)
            case Write(inode) | Truncate(inode):
                self._files[inode].unsynced.append(operation)
            case Sync(inode):
                self._sync(inode)
            case SyncAll():
                self._commit(self._unsynced)
                for file in self._files.values():
                    _settle(file)
            case Create(inode, _, _, is_folder):
                if is_folder:
                    self._names.setdefault(inode, {})
                else:
                    self._files[inode] = _File()
                self._unsynced.append(operation)
            case Rename() if self._weak and operation.folder != operation.to_folder:
                self._unsynced += _apart(operation)
            case _:
                self._unsynced.append(operation)

    def left(self, fate: Fate, dice: random.Random) -> tuple[dict[str, bytes], list[str]]:
        """Give the files and folders that are left if the power goes now."""
        names = {folder: dict(entries) for folder, entries in self._names.items()}
        for naming in self._kept(fate, dice):
            _apply(naming, names)
        files: dict[str, bytes] = {}
        folders: list[str] = []
        waiting = [(ROOT, "")]
        while waiting:
            inode, path = waiting.pop()
            for name, each in sorted(names[inode].items()):
                if each in names:
                    folders.append(path + name)
                    waiting.append((each, f"{path}{name}/"))
                else:
                    files[path + name] = _content(self._files[each], fate, dice)
        return files, sorted(folders)

    def _sync(self, inode: int) -> None:
        if inode in self._files:
            _settle(self._files[inode])
        if not self._weak:
            self._commit(self._unsynced)
        elif inode in self._names:
            self._commit([each for each in self._unsynced if inode in _folders(each)])

    def _commit(self, namings: list[Naming]) -> None:
        for naming in namings:
            _apply(naming, self._names)
        done = set(map(id, namings))
        self._unsynced = [each for each in self._unsynced if id(each) not in done]

    def _kept(self, fate: Fate, dice: random.Random) -> list[Naming]:
        """Choose the unsynced names that are kept."""
        if fate in (Fate.KEPT, Fate.NAMES):
            return self._unsynced
        if fate is not Fate.CHANCE:
            return []
        if self._weak:
            return [each for each in self._unsynced if dice.random() < 0.5]
        return self._unsynced[: dice.randint(0, len(self._unsynced))]


def states(trace: Trace, weak: bool, chances: int, cuts: range, seed: int) -> Iterator[State]:
    """Give the different states that cuts of a trace leave: the sure fates and some by chance."""
    card, seen = Card(weak), set()
    for cut, operation in enumerate(trace.operations, 1):
        card.take(operation)
        if cut not in cuts:
            continue
        dice = random.Random(f"{seed}/{cut}")
        for fate in SURE + (Fate.CHANCE,) * chances:
            files, folders = card.left(fate, dice)
            key = hash((frozenset(files.items()), tuple(folders), len(card.told)))
            if key not in seen:
                seen.add(key)
                yield State(files, tuple(folders), tuple(card.told), cut, fate)


def _apart(rename: Rename) -> tuple[Naming, Naming]:
    """Split a rename between two folders: a weak card may keep one half of it."""
    return (
        Create(rename.inode, rename.to_folder, rename.to_name, is_folder=False),
        Unlink(rename.inode, rename.folder, rename.name),
    )


def _folders(naming: Naming) -> tuple[int, ...]:
    return (naming.folder, naming.to_folder) if isinstance(naming, Rename) else (naming.folder,)


def _apply(naming: Naming, names: dict[int, dict[str, int]]) -> None:
    if not isinstance(naming, Create):
        entries = names[naming.folder]
        if entries.get(naming.name) == naming.inode:
            del entries[naming.name]
    if isinstance(naming, Rename):
        names[naming.to_folder][naming.to_name] = naming.inode
    elif isinstance(naming, Create):
        names[naming.folder][naming.name] = naming.inode


def _settle(file: _File) -> None:
    if file.unsynced:
        file.sure = _content(file, Fate.KEPT, random.Random(0))
        file.unsynced.clear()


def _content(file: _File, fate: Fate, dice: random.Random) -> bytes:
    """Give the bytes of a file of which the unsynced changes have this fate."""
    if not file.unsynced or fate is Fate.LOST:
        return file.sure
    content = bytearray(file.sure)
    for change in file.unsynced:
        if isinstance(change, Truncate):
            if fate is not Fate.CHANCE or dice.random() < 0.5:
                content.extend(bytes(max(0, change.size - len(content))))
                del content[change.size :]
        else:
            _write(content, change, fate, dice)
    return bytes(content)


def _write(content: bytearray, change: Write, fate: Fate, dice: random.Random) -> None:
    how = dice.choice(("kept", "lost", "zeros", "torn", "torn"))
    if fate is Fate.CHANCE and how == "lost":
        return
    end = change.offset + len(change.data)
    content.extend(bytes(max(0, end - len(content))))
    if fate is Fate.NAMES or (fate is Fate.CHANCE and how == "zeros"):
        return
    if fate is Fate.CHANCE and how == "torn":
        _tear(content, change, dice)
    else:
        content[change.offset : end] = change.data


def _tear(content: bytearray, change: Write, dice: random.Random) -> None:
    """Bring some of the sectors of a write."""
    at, end = change.offset, change.offset + len(change.data)
    while at < end:
        next_at = min(end, (at // SECTOR + 1) * SECTOR)
        if dice.random() < 0.5:
            content[at:next_at] = change.data[at - change.offset : next_at - change.offset]
        at = next_at
