"""The doorbell: a datagram socket in RAM that the others ring after a commit.

A ring carries nothing and may be lost; every loop also looks for itself after its timeout.
"""

import contextlib
import socket
from pathlib import Path

__all__ = ["Doorbell", "ring"]

SORTER = "sorter"
UPLINKER = "uplinker"
KEEPER = "keeper"


class Doorbell:
    """One process's own doorbell, readable once rung."""

    def __init__(self, run: Path, name: str) -> None:
        path = _path(run, name)
        path.unlink(missing_ok=True)  # The socket of an earlier life.
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))

    def fileno(self) -> int:
        """Give the descriptor that turns readable when rung."""
        return self._socket.fileno()

    def answered(self) -> bool:
        """Take all rings so far; say whether there was one."""
        rung = False
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(16):
                rung = True
        return rung

    def close(self) -> None:
        """Take the doorbell down."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


def ring(run: Path, name: str) -> None:
    """Ring another process; nobody at home, or a full letter box, is fine."""
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as bell,
        contextlib.suppress(OSError),
    ):
        bell.sendto(b"!", str(_path(run, name)))


def _path(run: Path, name: str) -> Path:
    return run / f"{name}.bell"
