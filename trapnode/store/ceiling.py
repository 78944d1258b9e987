"""How far a counter may have gone, in a file beside the database.

A database can break and be begun anew; what was ever sent under a counter cannot be unsent. So the
file is always ahead of the database, and a fresh database counts on from there. It is written
whole: one that is there and holds no number comes from a bad card. That must not silence a unit for
ever, so it counts as the number that `lost` names, and the next write heals it.
"""

import logging
from pathlib import Path

from trapnode.store.disk import Disk, write_whole
from trapnode.store.refusal import store_error

__all__ = ["BLOCK", "FAR", "Ceiling"]

log = logging.getLogger(__name__)

BLOCK = 100  # One durable write for so many counters.
FAR = 1 << 16  # Years of messages; and as far as a receiver follows a counter that jumps.
MOST = 1 << 31  # What is higher is no number of ours.


class Ceiling:
    """A number that no counter has reached, on the card."""

    def __init__(self, path: Path, disk: Disk, block: int = BLOCK, lost: int = FAR) -> None:
        self._path = path
        self._disk = disk
        self._block = block
        self._lost = lost
        self._number: int | None = None

    def number(self) -> int:
        """Give the lowest number that was surely never used; 1 on a new card."""
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
            number = int(self._path.read_text("ascii"))
            if not 0 < number <= MOST:
                raise ValueError(f"{number}: 1 to {MOST}")
        except FileNotFoundError:
            return 1
        except (OSError, ValueError) as error:
            log.error("%s: cannot be read, counts as %d: %s", self._path, self._lost, error)
            return self._lost
        return number
