"""How long the next burst may be, by the battery and the room on the card."""

import logging
from pathlib import Path

from trapnode.errors import CardFailed, StoreError
from trapnode.model import Shot
from trapnode.policy.burst import BurstPlan
from trapnode.policy.power import plan_in
from trapnode.policy.retention import burst_bytes, plan_within
from trapnode.store.account import read_account
from trapnode.store.stage import UNTOLD, read_restraint
from trapnode.store.store import Store
from trapnode.words import Stage

__all__ = ["Room"]

log = logging.getLogger(__name__)


class Room:
    """The room for bursts on one card; `fault` says what it does not allow, or nothing."""

    def __init__(self, store: Store, plan: BurstPlan, run: Path) -> None:
        self.fault = ""
        self._store = store
        self._run = run
        self._whole = self._plan = plan
        self._missed = 0  # Triggers without a picture since there was room.
        self._shot_bytes = 0  # Of the last shot.

    def plan_for(self, first: Shot) -> BurstPlan | None:
        """Give the burst that there is room for, and make room if need be; None: none.

        Raise CardFailed.
        """
        self._plan = plan_in(self._stage(), self._whole)
        self._shot_bytes = len(first.frame) + len(first.preview)
        need = burst_bytes(self._plan, self._shot_bytes)
        try:
            room = self._store.room()
            if room < need:
                room = self._store.make_room(need)
        except CardFailed:
            raise
        except StoreError as error:
            log.error("making no room: %s", error)
            return self._plan  # The card itself will say how much it takes.
        plan = plan_within(self._plan, room, self._shot_bytes)
        self._say(plan)
        return plan

    def look_again(self) -> None:
        """Take the fault back once there is room, before the next trigger; raise StoreError."""
        if self.fault:
            plan = plan_within(self._plan, self._store.room(), self._shot_bytes)
            if plan == self._plan:
                self._say(plan)

    def _stage(self) -> Stage:
        """Give the battery's stage: the keeper's word, or at its start the last boot's."""
        told = read_restraint(self._run)
        return read_account(self._store.state).stage if told is UNTOLD else told.stage

    def _say(self, plan: BurstPlan | None) -> None:
        self._missed = 0 if plan else self._missed + 1
        if plan is None:
            self.fault = f"card full: {self._missed} triggers without a picture"
        else:
            self.fault = "" if plan == self._plan else "card full: bursts of one frame"
        if self.fault:
            log.error("%s", self.fault)
