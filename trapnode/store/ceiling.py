"""How far a counter may have gone, in two files beside the database.

A database can break and be begun anew; what was ever sent under a counter cannot be unsent. So the
files, NAME and NAME.copy, are always ahead of the database, and a fresh database counts on from
there. Each is written whole, one after the other: what is there and holds no number comes from a
bad card, and the other one tells. Where both are lost, that must not silence a unit for ever: they
count as the next multiple of `lost` that was never reached; NAME.past.N, where it is the name
that counts, says that N times `lost` was.
"""

import logging
from pathlib import Path

from trapnode.store.disk import Disk, write_whole
from trapnode.store.refusal import store_error

__all__ = ["BLOCK", "COPY", "FAR", "Ceiling"]

log = logging.getLogger(__name__)

BLOCK = 100  # Two durable writes for so many counters.
FAR = 1 << 16  # Years of messages; and as far as a receiver follows a counter that jumps.
MOST = 1 << 31  # What is higher is no number of ours.
NONE, TORN = -1, 0  # Instead of a number: there is no file, or it holds none.
COPY = ".copy"
PAST = ".past."


class Ceiling:
    """A number that no counter has reached, on the card."""

    def __init__(self, path: Path, disk: Disk, block: int = BLOCK, lost: int = FAR) -> None:
        self._files = (path, path.with_name(path.name + COPY))
        self._disk = disk
        self._block = block
        self._lost = lost
        self._number: int | None = None
        self._twice = False  # Both files hold it.

    def number(self) -> int:
        """Give the lowest number that was surely never used; 1 on a new card."""
        if self._number is None:
            self._number = self._read()
        return self._number

    def cover(self, used: int) -> None:
        """Be above `used`, durably, before it is used. Raise StoreError."""
        number = self.number()
        try:
            if used >= number or not self._twice:
                number = max(number, used + self._block)
                for path in self._files:
                    write_whole(self._disk, path, str(number).encode("ascii"))
            if self._lost > 1 and (times := used // self._lost) and times > self._past():
                mark = self._files[0].with_name(f"{self._files[0].name}{PAST}{times}")
                write_whole(self._disk, mark, b"")
        except OSError as error:
            raise store_error(f"{self._files[0]}: cannot be written", error) from error
        self._number, self._twice = number, True

    def _read(self) -> int:
        found = [_read(path) for path in self._files]
        self._twice = found[0] == found[1] > TORN
        if max(found) > TORN:
            return max(found)
        if max(found) == NONE:
            return 1
        lost = self._lost * (self._past() + 1)
        log.error("%s is lost, and its copy: counts as %d", self._files[0], lost)
        return lost

    def _past(self) -> int:
        """Give how many times `lost` was surely reached."""
        name = f"{self._files[0].name}{PAST}"
        found = (each.name.removeprefix(name) for each in self._files[0].parent.glob(f"{name}*"))
        return max((int(each) for each in found if each.isdecimal()), default=0)


def _read(path: Path) -> int:
    """Give the number that a file holds, or NONE, or TORN."""
    try:
        number = int(path.read_text("ascii"))
        if not 0 < number <= MOST:
            raise ValueError(f"{number}: 1 to {MOST}")
    except FileNotFoundError:
        return NONE
    except (OSError, ValueError) as error:
        log.error("%s: cannot be read: %s", path, error)
        return TORN
    return number
