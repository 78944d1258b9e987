"""How far a counter may have gone, in a file beside the database.

A database can break and be begun anew; what was ever sent under a counter cannot be unsent. So the
file is always ahead of the database, and a fresh database counts on from there. It is written
whole: one that is there and holds no number comes from a bad card, and nothing is guessed from it.
"""

from pathlib import Path

from trapnode.errors import StoreError
from trapnode.store.disk import Disk, write_whole
from trapnode.store.refusal import store_error

__all__ = ["Ceiling"]

BLOCK = 100  # One durable write for so many counters.


class Ceiling:
    """A number that no counter has reached, on the card."""

    def __init__(self, path: Path, disk: Disk, block: int = BLOCK) -> None:
        self._path = path
        self._disk = disk
        self._block = block
        self._number: int | None = None

    def number(self) -> int:
        """Give the lowest number that was surely never used; 1 on a new card. Raise StoreError."""
        if self._number is None:
            self._number = self._read()
        return self._number

    def cover(self, used: int) -> None:
        """Be above `used`, durably, before it is used. Raise StoreError."""
        if used < self.number():
            return
        try:
            write_whole(self._disk, self._path, str(used + self._block).encode("ascii"))
        except OSError as error:
            raise store_error(f"{self._path}: cannot be written", error) from error
        self._number = used + self._block

    def _read(self) -> int:
        try:
            return int(self._path.read_text("ascii"))
        except FileNotFoundError:
            return 1
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{self._path}: cannot be read, and a counter must never repeat: {error}"
            ) from error
