"""The PIR of a unit that may lose its power: an edge takes the consent back before all else."""

import contextlib
import select
from pathlib import Path
from typing import Any, Protocol

from trapnode.store.consent import asked, consent, consented, veto
from trapnode.store.doorbell import WATCH, Doorbell

__all__ = ["WatchedPir"]


class Pir(Protocol):
    """A passive infra-red sensor, as the station knows it."""

    @property
    def active(self) -> bool:
        """Say whether it sees motion now."""
        ...

    def fileno(self) -> int:
        """Give the descriptor that turns readable with an edge."""
        ...

    def edges(self) -> list[float]:
        """Take the rising edges since the last call: monotonic moments, s."""
        ...


class WatchedPir:
    """A PIR that answers the keeper's asks; `woke`: the boot itself is its first edge.

    The station asks for edges only between bursts, so a burst never consents.
    """

    def __init__(self, pir: Pir, run: Path, *, woke: bool = False) -> None:
        self._pir = pir
        self._run = run
        self._woke = woke
        self._bell = Doorbell(run, WATCH)
        self._both = select.epoll()
        with contextlib.suppress(OSError):  # A scripted PIR has nothing to select on.
            self._both.register(pir.fileno(), select.EPOLLIN)
        self._both.register(self._bell.fileno(), select.EPOLLIN)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pir, name)  # `next_s` of a scripted one.

    @property
    def active(self) -> bool:
        """Say whether it sees motion now."""
        return self._pir.active

    def fileno(self) -> int:
        """Give the descriptor that turns readable with an edge or an ask."""
        return self._both.fileno()

    def edges(self) -> list[float]:
        """Take the edges since the last call; with none, and no motion, consent to an open ask."""
        self._bell.answered()
        edges = self._pir.edges()
        if self._woke:
            self._woke, edges = False, [0.0, *edges]
        if edges or self._pir.active:
            veto(self._run)
        elif (number := asked(self._run)) is not None and not consented(self._run, number):
            consent(self._run, number)
        return edges

    def close(self) -> None:
        """Take the doorbell down and the consent back: nobody watches any more."""
        veto(self._run)
        self._both.close()
        self._bell.close()
