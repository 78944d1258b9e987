"""What goes along with a session that happens anyway: the status report, counts, a preview.

A modem that is on, under a sky that is good, costs less for the next message than for a first one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from trapnode.message import FRAGMENT_COST, MAX_FRAGMENT_MESSAGE, SEALING_COST, pack_suppressed
from trapnode.model import MessageKind
from trapnode.policy.budget import Budget, Spent, credits_of, plenty
from trapnode.policy.report import PRIORITY_STATUS, status_may_ride
from trapnode.store.store import Store

__all__ = ["Plan", "Riders", "preview_credits"]

COUNTED = timedelta(days=1)  # What a rate limit held back is told this often,
COUNTED_EARLY = timedelta(hours=18)  # or sooner, with a session that happens anyway.


@dataclass(frozen=True, slots=True)
class Plan:
    """What the configuration says about sending."""

    batch_s: float
    status_hour: float
    budget: Budget


class Riders:
    """Puts into the outbox what is worth telling with something else."""

    def __init__(self, store: Store, plan: Plan) -> None:
        self._store = store
        self._plan = plan

    def tell_suppressed(self, now: datetime, after: timedelta = COUNTED) -> None:
        """Tell what a rate limit held back, once that has waited so long; raise StoreError."""
        found = self._store.radio.suppressed()
        if found is None or timedelta(0) <= now - found.since < after:
            return
        with self._store.database.transaction():
            body = pack_suppressed(found)
            self._store.outbox.tell(MessageKind.SUPPRESSED, body, PRIORITY_STATUS, now)
            self._store.radio.told_suppressed()

    def join(self, kind: MessageKind, credit: int, now: datetime, spent: Spent) -> None:
        """Let go now what is due soon, for a message of `kind` went; raise StoreError."""
        self.tell_suppressed(now, COUNTED_EARLY)
        outbox = self._store.outbox
        early = status_may_ride(now, outbox.last_status(), self._plan.status_hour)
        preview = self._spare_preview(credit, spent) if kind is MessageKind.STATUS else None
        if early or preview is not None:
            with self._store.database.transaction():
                if early:
                    outbox.want_status()
                if preview is not None:
                    self._store.previews.wish(preview)

    def _spare_preview(self, credit: int, spent: Spent) -> int | None:
        """Name the preview that nobody asked for and the credits allow; None: none."""
        found = self._store.previews.newest() if credit else None
        if found is None:
            return None
        newest, size = found
        cost = preview_credits(size, credit)
        return newest if plenty(cost, spent, self._plan.budget) else None


def preview_credits(size: int, credit: int) -> int:
    """Give the credits that a preview of `size` bytes costs in the longest fragments there are."""
    around = SEALING_COST + FRAGMENT_COST
    whole, rest = divmod(size, MAX_FRAGMENT_MESSAGE - around)
    last = credits_of(rest + around, credit) if rest else 0
    return whole * credits_of(MAX_FRAGMENT_MESSAGE, credit) + last
