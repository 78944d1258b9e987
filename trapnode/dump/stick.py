"""A stick in the unit: may it have the pictures, how far is it, may it be pulled.

What a technician sees of it is one line in RAM, which `status` shows, and the LED. The dump goes to
MOUNT/UNIT, with the places of MOUNT/deployments.toml if the desk put one there; nothing is ever
deleted from the unit. `systemd/trapnode-stick@.service` mounts, calls `copy`, unmounts, calls
`release`; once the stick is out, `gone`.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from trapnode.dump.camtrap_dp import write_dump
from trapnode.dump.durable import failing, sync_all
from trapnode.dump.summary import DumpSummary
from trapnode.errors import StoreError, TrapnodeError, UsageError
from trapnode.model import CardCause, ClockTrust
from trapnode.policy import authorisation
from trapnode.store import ram, reading
from trapnode.store.refusal import cause_of
from trapnode.store.selection import all_sealed
from trapnode.store.store import Store
from trapnode.words import Light, StickState

__all__ = ["DESK", "Lamp", "Stick", "Terms"]

DESK = "deployments.toml"
PULL = "done, pull it"
SAID_S = 1.0  # Between two words on how far it is.
LIGHTS = {
    StickState.COPYING: Light.SLOW,
    StickState.COPIED: Light.SLOW,
    StickState.DONE: Light.ON,
    StickState.REFUSED: Light.FAST,
    StickState.FULL: Light.FAST,
    StickState.FAILED: Light.FAST,
    StickState.PULLED: Light.OFF,
}

IsMount = Callable[[Path], bool]


class Lamp(Protocol):
    """What shows a technician how the stick is."""

    def show(self, light: Light) -> None:
        """Show it until something else is shown."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """Whose pictures they are, when it is, and on what terms they go."""

    unit: str
    utc_offset_min: int
    key: bytes  # This unit's, for the authorisation; empty: it has none.
    seals: bool  # Its pictures are sealed from now on.
    now: datetime
    trust: ClockTrust


class Stick:
    """The stick in the unit, or the one that was."""

    def __init__(self, mount: Path, run: Path, lamp: Lamp, is_mount: IsMount) -> None:
        self._mount = mount
        self._run = run
        self._lamp = lamp
        self._is_mount = is_mount
        self._far = ""  # How far the copying is, once it has begun.

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Show that the stick was noticed, and what came in its way.

        One at a time: raise UsageError, and say nothing, while another one is written to.
        """
        other, told = ram.stick_told_of(self._run), ram.read_stick(self._run)
        busy = told is not None and told[0] in (StickState.COPYING, StickState.COPIED)
        if busy and other is not None and other != self._mount and self._is_mount(other):
            raise UsageError(f"{self._mount}: another stick is written to: plug it in after that")
        self._say(StickState.COPYING, "copying, it has just begun")
        try:
            yield
        except StoreError as error:
            if self._far and cause_of(error) is CardCause.FULL:
                self._say(StickState.FULL, f"full: {self._far} were copied: take a bigger one")
            else:
                self._say(StickState.FAILED, f"failed: {self._brief(error)}")
            raise
        except TrapnodeError as error:
            self._say(StickState.REFUSED, f"refused: {self._brief(error)}")
            raise

    def copy(self, store: Store, terms: Terms, monotonic: Callable[[], float]) -> DumpSummary:
        """Bring the dump to the stick, begun or anew, and sync.

        Raise NotAuthorised, UsageError or ConfigError with nothing copied, or StoreError.
        """
        if not self._is_mount(self._mount):
            raise UsageError("it cannot be mounted: format it as FAT32 or exFAT")
        if not (terms.seals and all_sealed(store.database)):
            self._check(terms)
        desk, self._far = self._mount / DESK, "0 MB"
        summary = write_dump(
            store,
            self._mount / terms.unit,
            desk if desk.is_file() else None,
            terms.unit,
            terms.utc_offset_min,
            terms.now,
            self._teller(reading.size(store.database), monotonic),
        )
        with failing(self._mount):
            sync_all([], self._mount)
        size = f"{summary.sequences} sequences, {_megabytes(summary.bytes)} MB"
        self._say(StickState.COPIED, size)
        return summary

    def release(self) -> None:
        """Say, once it is unmounted, that it may be pulled."""
        if ram.stick_told_of(self._run) not in (None, self._mount):
            return
        state, text = ram.read_stick(self._run) or (StickState.COPYING, "")
        if state is StickState.COPYING:
            self._say(StickState.FAILED, "failed: the dump ended early: the journal says why")
        elif state is StickState.COPIED and self._is_mount(self._mount):
            self._say(StickState.FAILED, "failed: it cannot be unmounted")
        elif state is StickState.COPIED:
            self._say(StickState.DONE, f"{PULL}: {text}")

    def gone(self) -> None:
        """Note that it is out; the last word stays, for a board whose one port serves both."""
        if ram.stick_told_of(self._run) not in (None, self._mount):
            return
        state, text = ram.read_stick(self._run) or (StickState.PULLED, "")
        if state in (StickState.COPYING, StickState.COPIED):
            self._say(StickState.PULLED, "pulled, and not done: plug it in again")
        elif state is StickState.DONE:
            self._say(StickState.PULLED, text.replace(PULL, "done and pulled"))
        self._lamp.show(Light.OFF)

    def _teller(self, total: int, monotonic: Callable[[], float]) -> Callable[[int], None]:
        """Give what takes the bytes as they go by, and says how far it is."""
        done, began_s, said_s = 0, monotonic(), -SAID_S

        def tell(count: int) -> None:
            nonlocal done, said_s
            done += count
            now_s = monotonic()
            self._far = f"{_megabytes(done)}/{_megabytes(max(total, done))} MB"
            if now_s - said_s >= SAID_S:
                said_s = now_s
                left_s = (now_s - began_s) / done * max(0, total - done) if done else 0.0
                self._say(StickState.COPYING, f"copying {self._far}, {_left(left_s)}")

        return tell

    def _check(self, terms: Terms) -> None:
        """Raise NotAuthorised unless the stick may have open pictures of this unit."""
        path = self._mount / authorisation.FILE
        try:
            with path.open("rb") as file:
                content = file.read(authorisation.MOST_BYTES + 1)
        except FileNotFoundError:
            raise authorisation.NotAuthorised(f"{authorisation.FILE} is not on it") from None
        except OSError as error:
            raise authorisation.NotAuthorised(
                f"{authorisation.FILE} cannot be read: {error.strerror}"
            ) from error
        today = None
        if terms.trust is not ClockTrust.NONE:
            today = (terms.now + timedelta(minutes=terms.utc_offset_min)).date()
        authorisation.check(content, terms.unit, terms.key, today)

    def _say(self, state: StickState, text: str) -> None:
        ram.write_stick(self._run, state, text, self._mount)
        self._lamp.show(LIGHTS[state])

    def _brief(self, error: TrapnodeError) -> str:
        """Give the error's words; that it is on the stick goes without saying."""
        return str(error).replace(f"{self._mount}/", "")


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f}"


def _left(seconds: float) -> str:
    return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{seconds:.0f} s left"
