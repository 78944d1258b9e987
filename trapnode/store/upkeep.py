"""The keeper's work on the card: room ahead of need, bounds, whether it keeps what it is given."""

import logging
from dataclasses import dataclass

from trapnode.errors import CardFull
from trapnode.message import Faults
from trapnode.model import CardState
from trapnode.store.bounds import trim
from trapnode.store.probe import probe
from trapnode.store.refusal import store_error
from trapnode.store.store import Store
from trapnode.store.wear import per_day, written_bytes

__all__ = ["CardHealth", "Upkeep"]

log = logging.getLogger(__name__)

TRIM_S = 3600.0  # How often bounds are looked at; room is looked at in every round.


@dataclass(frozen=True, slots=True)
class CardHealth:
    """How the card is."""

    state: CardState
    fault: str  # Empty: none.
    free: int  # Bytes.
    total: int
    written: int | None  # Bytes since boot; None: not known.
    written_per_day: int | None

    @property
    def written_mib(self) -> int | None:
        """The MiB of a day; None: not known."""
        return None if self.written_per_day is None else self.written_per_day >> 20

    def faults(self) -> list[tuple[Faults, str]]:
        """Say what of it a technician must hear."""
        return [(Faults.CARD, self.fault)] if self.fault else []

    def as_snapshot(self) -> dict[str, object]:
        """Give it as part of the status snapshot."""
        return {
            "card_state": self.state.value,
            "card_free_bytes": self.free,
            "card_total_bytes": self.total,
            "card_written_bytes": self.written,
            "card_written_per_day_bytes": self.written_per_day,
        }


class Upkeep:
    """What a keeper does for one card; `failed` says why the real one takes no more writes."""

    def __init__(self, store: Store, failed: str = "") -> None:
        self._store = store
        self._failed = failed
        self._probed = ""
        self._trim_s = 0.0  # Monotonic: when bounds are due.

    def look(self, now_s: float) -> CardHealth:
        """Keep room and bounds, and say how the card is; raise StoreError."""
        full = self._full(now_s)
        free, total = self._store.card_space()
        if full:
            full = f"card: full, {free >> 20} MiB free, and nothing more may go"
        state, fault = CardState.OK, ""
        if self._failed:
            state, fault = CardState.FAILED, f"card: failed, pictures are in RAM: {self._failed}"
        elif self._probed:
            state, fault = CardState.FAILING, self._probed
        elif full:
            state, fault = CardState.FULL, full
        written = written_bytes(self._store.state)
        return CardHealth(state, fault, free, total, written, per_day(written, now_s))

    def probe(self, nonce: bytes) -> None:
        """Find out whether the card keeps what it is given; raise StoreError."""
        try:
            self._probed = probe(self._store.state, nonce)
        except CardFull as error:  # `look` says so.
            log.warning("%s", error)

    def _full(self, now_s: float) -> str:
        """Make room ahead of need; say what stands in the way, or nothing."""
        try:
            if now_s >= self._trim_s:
                self._trim_s = now_s + TRIM_S
                self._store.eviction.thin_audit(self._store.limits().audit)
                trim(self._store)
            return "" if self._store.make_room() >= self._store.limits().ahead else "no room"
        except CardFull as error:  # Not even room to say what goes.
            log.error("%s", error)
            return str(error)
        except OSError as error:
            raise store_error(f"{self._store.state}: upkeep", error) from error
