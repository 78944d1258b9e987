"""The desk's file as it is now: read again when it changes; a broken one changes nothing."""

import logging
from collections.abc import Callable
from pathlib import Path

from trapnode.errors import ConfigError
from trapnode.receive.units import Desk, read

__all__ = ["Watched"]

log = logging.getLogger(__name__)


class Watched:
    """Gives the desk when called; looks at the file each time, reads it when it is another."""

    def __init__(self, path: Path, changed: Callable[[Desk], object]) -> None:
        """Read the file; raise ConfigError. `changed` hears of each later desk."""
        self._path = path
        self._changed = changed
        self._mark = self._look()
        self._desk = read(path)

    def __call__(self) -> Desk:
        """Give what the file says, or said before it broke."""
        mark = self._look()
        if mark != self._mark:
            self._mark = mark
            try:
                self._desk = read(self._path)
            except ConfigError as error:
                log.error("%s; going on with what it said before", error)
            else:
                log.info("%s: read again: %d units", self._path, len(self._desk.units))
                self._changed(self._desk)
        return self._desk

    def _look(self) -> tuple[int, ...]:
        """Tell one state of the file from another."""
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_size, found.st_mtime_ns
