"""What a program did to its files, one operation after the other, and what it told the world.

Files and folders go by inode numbers, the root is 1: a rename takes along what was not synced.
"""

import os
from dataclasses import dataclass, field

__all__ = [
    "ROOT",
    "Create",
    "Operation",
    "Rename",
    "Sync",
    "SyncAll",
    "Told",
    "Trace",
    "Truncate",
    "Unlink",
    "Write",
]

ROOT = 1


@dataclass(frozen=True, slots=True)
class Create:
    """A new file or folder."""

    inode: int
    folder: int
    name: str
    is_folder: bool


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes into a file."""

    inode: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file cut or stretched to a size."""

    inode: int
    size: int


@dataclass(frozen=True, slots=True)
class Rename:
    """A file that gets another name, perhaps in another folder."""

    inode: int
    folder: int
    name: str
    to_folder: int
    to_name: str


@dataclass(frozen=True, slots=True)
class Unlink:
    """A name that goes."""

    inode: int
    folder: int
    name: str


@dataclass(frozen=True, slots=True)
class Sync:
    """A file's bytes, or a folder's names, are durable once this is through."""

    inode: int


@dataclass(frozen=True, slots=True)
class SyncAll:
    """Everything is durable (`syncfs`)."""


@dataclass(frozen=True, slots=True)
class Told:
    """The world outside has heard this: no power cut takes it back."""

    fact: object


Operation = Create | Write | Truncate | Rename | Unlink | Sync | SyncAll | Told


@dataclass
class Trace:
    """The operations below a root, given by paths relative to it."""

    operations: list[Operation] = field(default_factory=list)
    contents: dict[int, bytearray] = field(default_factory=dict)  # As a running program sees them.
    _inodes: dict[str, int] = field(default_factory=lambda: {"": ROOT})
    _last: int = ROOT

    def inode(self, path: str) -> int | None:
        """Give the inode of a path, None where nothing is."""
        return self._inodes.get(path)

    def paths(self) -> list[str]:
        """List what is there, the root as an empty path."""
        return list(self._inodes)

    def create(self, path: str, is_folder: bool = False) -> int:
        """Note a new file or folder; one that is there already stays as it is."""
        if path in self._inodes:
            return self._inodes[path]
        self._last += 1
        folder, name = self._place(path)
        self._inodes[path] = self._last
        if not is_folder:
            self.contents[self._last] = bytearray()
        self.operations.append(Create(self._last, folder, name, is_folder))
        return self._last

    def write(self, inode: int, offset: int, data: bytes) -> None:
        """Note bytes that were written."""
        content = self.contents[inode]
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data
        self.operations.append(Write(inode, offset, data))

    def truncate(self, inode: int, size: int) -> None:
        """Note a file's new size."""
        content = self.contents[inode]
        content.extend(bytes(max(0, size - len(content))))
        del content[size:]
        self.operations.append(Truncate(inode, size))

    def rename(self, path: str, target: str) -> None:
        """Note that a file got another name."""
        inode = self._inodes.pop(path)
        self._inodes[target] = inode
        self.operations.append(Rename(inode, *self._place(path), *self._place(target)))

    def unlink(self, path: str) -> None:
        """Note that a name went."""
        self.operations.append(Unlink(self._inodes.pop(path), *self._place(path)))

    def sync(self, path: str) -> None:
        """Note that a file or folder was synced."""
        if (inode := self._inodes.get(path)) is not None:
            self.operations.append(Sync(inode))

    def sync_all(self) -> None:
        """Note that all was synced."""
        self.operations.append(SyncAll())

    def tell(self, fact: object) -> None:
        """Note what the world has heard."""
        self.operations.append(Told(fact))

    def _place(self, path: str) -> tuple[int, str]:
        folder, name = os.path.split(path)
        return self._inodes[folder], name
