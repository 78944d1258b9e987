"""The doorbell: a datagram socket in RAM that the others ring after a commit.

A ring carries nothing and may be lost; every loop also looks for itself after its timeout.
"""

import contextlib
import logging
import socket
from pathlib import Path

__all__ = ["Doorbell", "ring"]

log = logging.getLogger(__name__)

SORTER = "sorter"
STATION = "station"
UPLINKER = "uplinker"
KEEPER = "keeper"
WATCH = "watch"  # The station's, for the keeper that wants to switch off.
MOST_RINGS = 1000  # A flood must not hold the loop.


class Doorbell:
    """One process's own doorbell, readable once rung."""

    def __init__(self, run: Path, name: str) -> None:
        self._path = _path(run, name)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._path.unlink(missing_ok=True)  # The socket of an earlier life.
            self._socket.bind(str(self._path))
        except OSError as error:  # The loop still looks for itself.
            log.warning("%s: nobody can ring: %s", self._path, error)

    def fileno(self) -> int:
        """Give the descriptor that turns readable when rung."""
        return self._socket.fileno()

    def answered(self) -> bool:
        """Take the rings so far, within reason; say whether there was one."""
        rung = False
        with contextlib.suppress(BlockingIOError):
            for _ in range(MOST_RINGS):
                self._socket.recv(16)
                rung = True
        return rung

    def close(self) -> None:
        """Take the doorbell down."""
        self._socket.close()
        with contextlib.suppress(OSError):
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
