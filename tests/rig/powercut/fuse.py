"""Recording a whole process from outside: a file system in memory that notes each operation.

It sees what the kernel passes on, whoever asked: Python, SQLite, anything. One thing it is not
told of is `syncfs`, so the life of a dump cannot be recorded here.
"""

import contextlib
import errno
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mfusepy

from tests.powercut.explore import fresh
from tests.powercut.trace import ROOT, Trace
from tests.rig.powercut.outside import facts

__all__ = ["record_outside", "served"]

HERE = Path(__file__).parents[3]
NOT_SEEN = "-shm"  # SQLite's index in memory: no state has it.
WAIT_S = 10.0


class Memory(mfusepy.Operations):  # type: ignore[misc]
    """Files in memory; the trace of them."""

    use_ns = True

    def __init__(self, told: Path) -> None:
        self.trace = Trace()
        self._told = told
        self._told_so_far = 0
        self._unseen: dict[str, bytearray] = {}

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        name = path.strip("/")
        if name in self._unseen:
            return _attributes(len(self._unseen[name]))
        inode = ROOT if not name else self.trace.inode(name)
        if inode is None:
            raise mfusepy.FuseOSError(errno.ENOENT)
        content = self.trace.contents.get(inode)
        return _attributes(None if content is None else len(content), inode)

    def readdir(self, path: str, fh: int) -> list[str]:
        below = path.strip("/") + "/" if path.strip("/") else ""
        inside = [each[len(below) :] for each in self.trace.paths() if each.startswith(below)]
        return [".", "..", *(each for each in inside if each and "/" not in each)]

    def open(self, path: str, flags: int) -> int:
        if flags & os.O_TRUNC:
            self.truncate(path, 0)
        return 0 if path.endswith(NOT_SEEN) else self.trace.inode(path.strip("/")) or 0

    def create(self, path: str, mode: int, fi: object = None) -> int:
        if path.endswith(NOT_SEEN):
            self._unseen[path.strip("/")] = bytearray()
            return 0
        self._listen()
        return self.trace.create(path.strip("/"))

    def mkdir(self, path: str, mode: int) -> int:
        self._listen()
        self.trace.create(path.strip("/"), is_folder=True)
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return bytes(self._content(path, fh)[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        if path.endswith(NOT_SEEN):
            content = self._content(path, fh)
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data
        else:
            self._listen()
            self.trace.write(fh, offset, bytes(data))
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        if path.endswith(NOT_SEEN):
            content = self._content(path, 0)
            content.extend(bytes(max(0, length - len(content))))
            del content[length:]
        else:
            self._listen()
            self.trace.truncate(fh or self.trace.inode(path.strip("/")) or 0, length)
        return 0

    def rename(self, old: str, new: str, flags: int = 0) -> int:
        self._listen()
        self.trace.rename(old.strip("/"), new.strip("/"))
        return 0

    def unlink(self, path: str) -> int:
        if self._unseen.pop(path.strip("/"), None) is None:
            self._listen()
            self.trace.unlink(path.strip("/"))
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._listen()
        self.trace.sync(path.strip("/"))
        return 0

    fsyncdir = fsync

    def statfs(self, path: str) -> dict[str, int]:
        free = 1 << 19
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": 2 * free, "f_bavail": free,
                "f_bfree": free, "f_namemax": 255}  # fmt: skip

    def flush(self, path: str, fh: int) -> int:
        return 0

    release = flush

    def chmod(self, path: str, mode: int) -> int:
        return 0

    def utimens(self, path: str, times: object = None) -> int:
        return 0

    def _content(self, path: str, fh: int) -> bytearray:
        name = path.strip("/")
        return self._unseen[name] if name in self._unseen else self.trace.contents[fh]

    def _listen(self) -> None:
        """Note what was told since the last operation."""
        told = facts(self._told)
        for fact in told[self._told_so_far :]:
            self.trace.tell(fact)
        self._told_so_far = len(told)


def _attributes(size: int | None, inode: int = 0) -> dict[str, int]:
    """Give what `stat` says of a file, of a folder where there is no size."""
    now = time.time_ns()
    mode = stat.S_IFDIR | 0o755 if size is None else stat.S_IFREG | 0o644
    return {"st_mode": mode, "st_nlink": 1, "st_size": size or 0, "st_ino": inode,
            "st_mtime": now, "st_ctime": now, "st_atime": now,
            "st_uid": os.getuid(), "st_gid": os.getgid()}  # fmt: skip


@contextlib.contextmanager
def served(files: mfusepy.Operations, folder: Path, *, cached: bool = True) -> Iterator[None]:
    """Serve a file system at a folder by a thread of this process; not `cached`: each read asks."""
    folder.mkdir()
    serve: Callable[[], object] = lambda: mfusepy.FUSE(  # noqa: E731
        files, str(folder), foreground=True, nothreads=True, hard_remove=True, direct_io=not cached
    )
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    end_s = time.monotonic() + WAIT_S
    while not os.path.ismount(folder):
        assert time.monotonic() < end_s, "FUSE does not mount"
        time.sleep(0.01)
    try:
        yield
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(folder)], check=True)
        thread.join(WAIT_S)


def record_outside(life: str, program: str = "trapnode") -> Trace:
    """Let a process live in a folder of ours; give the trace of it."""
    with fresh() as work:
        told = work / "told"
        files = Memory(told)
        with served(files, work / "m"):
            live_in(life, program, work / "m", told)
    return files.trace


def live_in(life: str, program: str, folder: Path, told: Path) -> None:
    """Let a process of its own live a life below a folder; raise CalledProcessError."""
    module = "tests.rig.powercut.outside"
    command = [sys.executable, "-m", module, life, program, str(folder), str(told)]
    subprocess.run(command, check=True, cwd=HERE)
