"""What a site looks like when nothing is there: small greys of its latest blanks.

A witness only: lost, torn or old ones cost a discard, never a picture. So they are written without
waiting for the card. Where pictures are sealed they stay in RAM: a thief must learn no place.
"""

import contextlib
import logging
from pathlib import Path

from trapnode.store.disk import PART, Disk

__all__ = ["MOST", "Site"]

log = logging.getLogger(__name__)

MOST = 16  # Blanks: a day and a night in every light; 19 KB each.
SUFFIX = ".grey"


class Site:
    """A bounded folder; the sorter alone writes it."""

    def __init__(self, folder: Path, disk: Disk, most: int = MOST) -> None:
        self._folder = folder
        self._disk = disk
        self._most = most
        self._known: dict[int, bytes] | None = None

    def past(self) -> list[bytes]:
        """Give the greys of the latest blanks, oldest first; what cannot be read is not there."""
        return list(self._read().values())

    def remember(self, sequence: int, grey: bytes) -> None:
        """Keep the grey of a blank sequence, and forget the oldest."""
        known = self._read()
        known[sequence] = grey
        path = self._folder / f"{sequence:08d}{SUFFIX}"
        part = path.with_name(path.name + PART)
        try:
            if not self._folder.is_dir():
                self._disk.make_folder(self._folder)
            self._disk.write(part, grey)
            self._disk.rename(part, path)
            for old in list(known)[: -self._most]:
                self._disk.remove(self._folder / f"{old:08d}{SUFFIX}")
                del known[old]
        except OSError as error:
            log.warning("%s: the site's memory is not kept: %s", path, error)

    def _read(self) -> dict[int, bytes]:
        if self._known is None:
            self._known = {}
            with contextlib.suppress(OSError):
                for path in sorted(self._folder.glob(f"*{SUFFIX}"))[-self._most :]:
                    with contextlib.suppress(OSError, ValueError):
                        self._known[int(path.stem)] = path.read_bytes()
        return self._known
