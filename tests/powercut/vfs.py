"""SQLite's own file operations, seen at its lowest layer: a copy of its VFS that tells of each.

The library that Python's sqlite3 runs on gets a second VFS, whose methods are those of the first
but for opening, deleting, writing, truncating and syncing. The shared-memory index is not seen:
SQLite makes it anew after a power cut.
"""

import _sqlite3
import contextlib
import ctypes
from collections.abc import Callable, Iterator
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p, cast, memmove
from typing import Protocol

__all__ = ["Witness", "seen_by"]

OPEN_CREATE, OPEN_MAIN_JOURNAL, OPEN_SUPER_JOURNAL, OPEN_WAL = 0x4, 0x800, 0x4000, 0x80000
SYNCS_FOLDER = OPEN_MAIN_JOURNAL | OPEN_SUPER_JOURNAL | OPEN_WAL  # unixOpen: once, when made.

# Names as pointers: SQLite keeps them, and reads what follows their end.
XOPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
XDELETE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
XWRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
XTRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
XSYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class Witness(Protocol):
    """Who is told, before each operation is made; paths are absolute."""

    def opened(self, path: str) -> None:
        """Learn that a file is about to be opened, and made if it is not there."""
        ...

    def deleted(self, path: str, folder_too: bool) -> None:
        """Learn that a file goes, and whether its folder is synced."""
        ...

    def written(self, path: str, offset: int, data: bytes) -> None:
        """Learn that bytes are written."""
        ...

    def truncated(self, path: str, size: int) -> None:
        """Learn of a new size."""
        ...

    def synced(self, path: str, folder_too: bool) -> None:
        """Learn that a file is synced, and whether its folder is, too."""
        ...


class _Vfs(Structure):
    _fields_ = [
        ("version", c_int),
        ("file_size", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", c_void_p),
        ("delete", c_void_p),
        ("others", c_void_p * 14),
    ]


class _Methods(Structure):
    _fields_ = [
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", c_void_p),
        ("truncate", c_void_p),
        ("sync", c_void_p),
        ("others", c_void_p * 13),
    ]


def _library() -> ctypes.CDLL:
    """Give the SQLite that Python's module is linked with."""
    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = POINTER(_Vfs)
    library.sqlite3_vfs_register.argtypes = [POINTER(_Vfs), c_int]
    return library


@contextlib.contextmanager
def seen_by(witness: Witness) -> Iterator[None]:
    """Let a witness see what every connection does that is opened inside; close them inside."""
    library = _library()
    first = library.sqlite3_vfs_find(None)
    seen = _Seen(witness, first.contents)
    library.sqlite3_vfs_register(ctypes.byref(seen.vfs), 1)
    try:
        yield
    finally:
        library.sqlite3_vfs_register(first, 1)
        library.sqlite3_vfs_unregister(ctypes.byref(seen.vfs))


class _Seen:
    """The second VFS."""

    def __init__(self, witness: Witness, first: _Vfs) -> None:
        self._witness = witness
        self._first = first
        self._paths: dict[int, str] = {}  # By the address of SQLite's file.
        self._new: set[int] = set()  # Files whose first sync syncs the folder.
        self._methods: dict[int, _Methods] = {}
        self._kept: list[object] = []  # What C points to must stay.
        self.vfs = _Vfs()
        memmove(ctypes.byref(self.vfs), ctypes.byref(first), ctypes.sizeof(_Vfs))
        self.vfs.name = b"seen"
        self.vfs.open = self._pointer(XOPEN, self._open)
        self.vfs.delete = self._pointer(XDELETE, self._delete)

    def _pointer(self, kind: type, function: Callable[..., int]) -> int | None:
        called = kind(function)
        self._kept.append(called)
        return cast(called, c_void_p).value

    def _open(self, vfs, name, file, flags, out) -> int:  # type: ignore[no-untyped-def]
        path = None if name is None else ctypes.string_at(name).decode()
        if path is not None:
            self._witness.opened(path)
        code: int = XOPEN(self._first.open)(ctypes.addressof(self._first), name, file, flags, out)
        if code == 0 and path is not None:
            self._paths[file] = path
            self._new.discard(file)
            if flags & OPEN_CREATE and flags & SYNCS_FOLDER:
                self._new.add(file)
            methods = cast(file, POINTER(c_void_p))
            methods[0] = ctypes.addressof(self._methods_over(methods[0]))
        return code

    def _delete(self, vfs, name, sync_folder) -> int:  # type: ignore[no-untyped-def]
        self._witness.deleted(ctypes.string_at(name).decode(), bool(sync_folder))
        return int(XDELETE(self._first.delete)(ctypes.addressof(self._first), name, sync_folder))

    def _methods_over(self, address: int) -> _Methods:
        if address not in self._methods:
            first = _Methods.from_address(address)
            over = _Methods()
            memmove(ctypes.byref(over), address, ctypes.sizeof(_Methods))
            over.write = self._pointer(XWRITE, self._write(XWRITE(first.write)))
            over.truncate = self._pointer(XTRUNCATE, self._truncate(XTRUNCATE(first.truncate)))
            over.sync = self._pointer(XSYNC, self._sync(XSYNC(first.sync)))
            self._methods[address] = over
        return self._methods[address]

    def _write(self, first: Callable[..., int]) -> Callable[..., int]:
        def write(file: int, data: int, count: int, offset: int) -> int:
            if file in self._paths:
                self._witness.written(self._paths[file], offset, ctypes.string_at(data, count))
            return first(file, data, count, offset)

        return write

    def _truncate(self, first: Callable[..., int]) -> Callable[..., int]:
        def truncate(file: int, size: int) -> int:
            if file in self._paths:
                self._witness.truncated(self._paths[file], size)
            return first(file, size)

        return truncate

    def _sync(self, first: Callable[..., int]) -> Callable[..., int]:
        def sync(file: int, flags: int) -> int:
            if file in self._paths:
                self._witness.synced(self._paths[file], file in self._new)
                self._new.discard(file)
            return first(file, flags)

        return sync
