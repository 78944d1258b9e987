"""The PIR as the unit hears it: an edge takes the consent to power off back before all else.

Edges while our own radio transmits are a known field problem: its bursts couple into the PIR's
wire. Masked and counted is only what was seen to be over sooner than any animal's pulse. An edge
that waited longer, for a burst or a step of the repair, nobody could watch: it is taken. The same
goes for every edge, once a wire is noise: on a good one no picture waits to be sure.
"""

import contextlib
import json
import select
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

from trapnode.loop import Clock
from trapnode.policy.pir import PirCount, is_noisy
from trapnode.store import ram
from trapnode.store.busy import read_busy
from trapnode.store.consent import asked, consent, consented, settle, veto
from trapnode.store.doorbell import WATCH, Doorbell

__all__ = ["WatchedPir", "read_pir"]

FILE = "pir.json"
AFTER_S = 0.5  # A transmitter's supply rings on (assumed).
HOLD_S, LOOK_S = 0.25, 0.05  # A PIR module holds its pulse for 0.3 s and longer (parts.md).


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

    def __init__(
        self,
        pir: Pir,
        run: Path,
        clock: Clock,
        *,
        woke: bool = False,
    ) -> None:
        self._pir = pir
        self._clock = clock
        self._count = self._told = PirCount()
        self._run = run
        self._risen = [0.0] if woke else []  # Edges that the sensor cannot tell of.
        self._owes = woke
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

    def rose(self) -> None:
        """Take a pin that is high at the start, which gives no edge, for an edge of now."""
        self._risen.append(self._clock.monotonic())

    def edges(self) -> list[float]:
        """Take the edges since the last call; with none, and no motion, consent to an open ask."""
        self._bell.answered()
        edges = self._pir.edges()
        if self._risen:
            edges, self._risen = [*self._risen, *edges], []
        elif self._owes:  # Asked again: its burst is on the card.
            self._owes = False
            settle(self._run)
        if edges or self._pir.active:
            veto(self._run)
        elif (number := asked(self._run)) is not None and not consented(self._run, number):
            consent(self._run, number)
        if edges:
            return self._heard(edges)
        self._tell()  # Now that no picture waits for it.
        return []

    def _heard(self, edges: list[float]) -> list[float]:
        """Count edges; leave out those of radio and noise that were seen to be over at once."""
        radio = read_busy(self._run, "modem")
        ours = [each for each in edges if radio.covers(each, AFTER_S)]
        doubtful = edges if is_noisy(self._told) else ours
        gone = {each for each in doubtful if not self._holds(each)}
        masked = gone.intersection(ours)
        count = self._count
        self._count = replace(
            count,
            edges=count.edges + len(edges),
            masked=count.masked + len(masked),
            held=count.held + len(ours) - len(masked),
            noise=count.noise + len(gone) - len(masked),
        )
        return [each for each in edges if each not in gone]

    def _holds(self, edge_s: float) -> bool:
        """Say whether the PIR stays active until HOLD_S after an edge, or nobody knows."""
        while (left_s := edge_s + HOLD_S - self._clock.monotonic()) > 0:
            if not self._pir.active:
                return False
            self._clock.wait([], min(left_s, LOOK_S))
        return True

    def _tell(self) -> None:
        """Tell the keeper the counts, if they are others than before."""
        count = replace(self._count, spikes=getattr(self._pir, "spikes", 0))
        if count != self._told:
            self._told = count
            ram.replace(self._run / FILE, asdict(count))

    def close(self) -> None:
        """Take the doorbell down and the consent back: nobody watches any more."""
        veto(self._run)
        self._both.close()
        self._bell.close()


def read_pir(run: Path) -> PirCount:
    """Read the PIR's counts of this boot; none while the station has not told."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        found = json.loads((run / FILE).read_text("utf-8"))
        return PirCount(**{name: int(value) for name, value in found.items()})
    return PirCount()
