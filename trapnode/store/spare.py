"""The store in RAM that stands in for a card that takes no more writes. Lost with the power.

Pictures are sorted as ever; of messages there is one kind, for counters can no longer be kept. It
is bounded: the least valuable goes first, targets never, as on a card.
"""

import os
from datetime import datetime
from pathlib import Path

from trapnode.model import MessageKind
from trapnode.policy.retention import Allowance
from trapnode.store.outbox import Outbox
from trapnode.store.store import SPARE, Store, open_store

__all__ = ["SpareOutbox", "open_spare"]

MOST = 64 << 20  # Bytes of pictures: an eighth of the smallest machine's RAM.
ALLOWANCE = Allowance(reserve_mib=8, ahead_mib=8, audit_most=0.0)


class SpareOutbox(Outbox):
    """An outbox that tells that the card failed, and nothing else."""

    status_kind = MessageKind.CARD_FAILED

    def tell(
        self,
        kind: MessageKind,
        body: bytes,
        priority: int,
        made_at: datetime,
        observation: int | None = None,
    ) -> None:
        """Put in the word that the card failed; what else there is to tell stays in its rows."""
        if kind is self.status_kind:
            super().tell(kind, body, priority, made_at, observation)

    def _begin_counting(self) -> None:
        """There is nothing to count."""

    def _next_counter(self) -> int:
        """Give a random number: it only names the row, and seals nothing."""
        return int.from_bytes(os.urandom(6), "big")


def open_spare(run: Path) -> Store:
    """Open the store in RAM, making it if need be; raise StoreError."""
    store = open_store(run / SPARE, allowance=ALLOWANCE)
    store.outbox, store.most = SpareOutbox(store.database), MOST
    return store
