"""What every answer of the console knows of its unit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta, timezone
from pathlib import Path

from trapnode.loop import Clock
from trapnode.policy.session import Lock
from trapnode.store.store import Store
from trapnode.texts import Texts

__all__ = ["Unit"]


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit, as its console sees it; `opened` opens the store, for one question at a time.

    So a store that was begun anew in between costs no answer.
    """

    name: str
    run: Path
    opened: Callable[[], Store]
    clock: Clock
    texts: Texts
    lock: Lock
    utc_offset_min: int = 600
    state: Path = Path()  # Where the store is, for a card that is tried without opening it.
    gauge: bool = True  # Whether a battery gauge was asked for.
    modem: str = "sbd"
    journal: Callable[[], Sequence[str]] = lambda: ()

    @property
    def zone(self) -> timezone:
        """The unit's local time."""
        return timezone(timedelta(minutes=self.utc_offset_min))
