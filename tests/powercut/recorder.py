"""Recording what a program in this process does to files below a folder, without changing it.

Python tells of opens, renames, removals and new folders through its audit hooks, before they are
made; SQLite tells through `vfs`. `os.fsync` tells nobody, so it is wrapped. What was written into
an open file is found by looking at the file before the next operation.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.powercut.trace import Operation, Trace
from tests.powercut.vfs import seen_by

__all__ = ["recording"]

WRITING = os.O_WRONLY | os.O_RDWR
UNSEEN = ("-shm/",)  # SQLite's index: in memory, made anew.


class _Recorder:
    """One recording; its methods are called before the operation is made."""

    def __init__(self, root: Path, trace: Trace) -> None:
        self.trace = trace
        self._root = str(root.resolve()) + os.sep
        self._open: dict[int, tuple[str, tuple[int, int]]] = {}  # Files that may be written to.
        self._looking = False

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        """Take an audit event."""
        if event in HEARD and not self._looking:
            HEARD[event](self, *arguments)

    def opening(self, path: object, _mode: object, flags: int) -> None:
        if not flags & (WRITING | os.O_CREAT) or (name := self._name(path)) is None:
            return
        self._look()
        if not os.path.exists(self._root + name):
            if not flags & os.O_CREAT:
                return
            self.trace.create(name)
        inode = self.trace.inode(name)
        assert inode is not None, f"{name} was not made before our eyes"
        if flags & os.O_TRUNC and self.trace.contents[inode]:
            self.trace.truncate(inode, 0)
        self._open[inode] = (name, (0, 0))

    def renaming(self, path: object, target: object, *_: object) -> None:
        name, new = self._name(path), self._name(target)
        if name is not None and new is not None and self.trace.inode(name) is not None:
            self._look()
            self.trace.rename(name, new)
            inode = self.trace.inode(new)
            if inode in self._open:
                self._open[inode] = (new, (0, 0))

    def removing(self, path: object, *_: object) -> None:
        name = self._name(path)
        if name is not None and self.trace.inode(name) is not None:
            self._look()
            self._open.pop(self.trace.inode(name) or 0, None)
            self.trace.unlink(name)

    def making_folder(self, path: object, *_: object) -> None:
        if (name := self._name(path)) is None:
            return
        parent = os.path.dirname(name)
        if self.trace.inode(name) is None and self.trace.inode(parent) is not None:
            self._look()
            self.trace.create(name, is_folder=True)

    def finding_symbol(self, _library: object, symbol: object) -> None:
        if symbol == "syncfs":  # Its caller looks it up each time, and calls it at once.
            self._look()
            self.trace.sync_all()

    def synced(self, path: str, folder_too: bool = False) -> None:
        if (name := self._name(path)) is not None:
            self._look()
            self.trace.sync(name)
            if folder_too:
                self.trace.sync(os.path.dirname(name))

    def opened(self, path: str) -> None:
        if (name := self._name(path)) is not None and self.trace.inode(name) is None:
            self._look()
            self.trace.create(name)

    def deleted(self, path: str, folder_too: bool) -> None:
        self.removing(path)
        if folder_too and (name := self._name(path)) is not None:
            self.trace.sync(os.path.dirname(name))

    def written(self, path: str, offset: int, data: bytes) -> None:
        if (inode := self._inode(path)) is not None:
            self.trace.write(inode, offset, data)

    def truncated(self, path: str, size: int) -> None:
        if (inode := self._inode(path)) is not None:
            self.trace.truncate(inode, size)

    def tell(self, fact: object) -> None:
        self._look()
        self.trace.tell(fact)

    def fsync(self, fsync: Callable[[int], None]) -> Callable[[int], None]:
        def seen(descriptor: int) -> None:
            self.synced(os.readlink(f"/proc/self/fd/{descriptor}"))
            fsync(descriptor)

        return seen

    def _inode(self, path: str) -> int | None:
        self._look()
        name = self._name(path)
        return None if name is None else self.trace.inode(name)

    def _name(self, path: object) -> str | None:
        """Give a path relative to the root; None for what is not ours to see."""
        if not isinstance(path, str | os.PathLike):
            return None
        full = os.path.abspath(os.fspath(path)) + os.sep
        if full.endswith(UNSEEN) or not full.startswith(self._root):
            return None
        return full.removeprefix(self._root).rstrip(os.sep)

    def _look(self) -> None:
        """Note what was written since the last look."""
        self._looking = True
        for inode, (name, seen) in list(self._open.items()):
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(self._root + name)
                now = (found.st_mtime_ns, found.st_size)
                if now != seen:
                    self._open[inode] = (name, now)
                    self._note(inode, Path(self._root + name).read_bytes())
        self._looking = False

    def _note(self, inode: int, content: bytes) -> None:
        before = bytes(self.trace.contents[inode])
        if content == before:
            return
        kept = len(before) if content.startswith(before) else 0
        if not kept and before:
            self.trace.truncate(inode, 0)
        self.trace.write(inode, kept, content[kept:])


HEARD: dict[str, Callable[..., None]] = {
    "open": _Recorder.opening,
    "os.rename": _Recorder.renaming,
    "os.remove": _Recorder.removing,
    "os.mkdir": _Recorder.making_folder,
    "ctypes.dlsym": _Recorder.finding_symbol,
}


class _Counted(list[Operation]):
    """Operations that somebody waits for."""

    def __init__(self, before: Callable[[int], None]) -> None:
        self._before = before

    def append(self, operation: Operation) -> None:
        super().append(operation)
        self._before(len(self))


_now: list[_Recorder] = []  # At most one; an audit hook cannot be taken away again.


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _now:
        _now[0].hear(event, arguments)


_hooked: list[bool] = []


@contextlib.contextmanager
def recording(
    root: Path, before: Callable[[int], None] = lambda operations: None
) -> Iterator[tuple[Trace, Callable[[object], None]]]:
    """Record what happens below an empty folder; give the trace, and the way to tell the world.

    `before` hears the number of each operation, from 1, before it is made; of a write by Python,
    before the next one.
    """
    assert not _now, "one recording at a time"
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)
    recorder, fsync = _Recorder(root, Trace(_Counted(before))), os.fsync
    os.fsync = recorder.fsync(fsync)  # type: ignore[assignment]
    try:
        with seen_by(recorder):
            _now.append(recorder)
            yield recorder.trace, recorder.tell
    finally:
        _now.clear()
        os.fsync = fsync
