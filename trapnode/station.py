"""The station: trigger, burst, whole frames on the card. Nothing delays a picture.

Stops at once between bursts; a stop during a burst ends it after its usual frames. A camera that
fails ends the process: what was taken is synced first, and systemd starts it anew.
"""

import contextlib
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from trapnode.errors import CardFailed, CardFull, StoreError
from trapnode.lookout import Camera, Pir
from trapnode.loop import Alive, Clock, Stopping
from trapnode.model import Boot, Trigger
from trapnode.policy.burst import BurstPlan, goes_on, held_again_s, quiet_until, sync_due
from trapnode.store.burst import Begun, Burst
from trapnode.store.doorbell import SORTER, ring
from trapnode.store.room import Room
from trapnode.store.store import Store
from trapnode.store.visit import StationVisit

__all__ = ["Camera", "Identity", "Pir", "Station"]

log = logging.getLogger(__name__)

ROUND_S = 5.0  # The watchdog hears from us at least this often.
HELD_ROUND_S = 1.0  # A pin that stays high is looked at this often.


Spare = Callable[[CardFailed], "tuple[Store, Boot]"]
"""Open the store in RAM, for a card that takes no more writes, and give its row of this boot."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who takes the pictures, in which life of the machine."""

    unit: str
    utc_offset_min: int
    boot: Boot


@dataclass(frozen=True, slots=True)
class _Here:
    """What a burst needs of the world around it."""

    camera: Camera
    clock: Clock
    motion: Callable[[], bool]
    still_alive: Callable[[], None]
    visit: StationVisit


class Station:
    """The loop over one PIR and one camera."""

    def __init__(
        self,
        identity: Identity,
        plan: BurstPlan,
        camera_delay_s: float,
        store: Store,
        run: Path,
        spare: Spare | None = None,
    ) -> None:
        self._identity = identity
        self._plan = plan
        self._camera_delay_s = camera_delay_s
        self._store = store
        self._run = run
        self._spare = spare
        self._fault = ""
        self._room = Room(store, plan, run)
        self._early = ""  # Which burst the card cut short last.
        self._quiet_s = -math.inf  # Edges from before we looked count: the camera was opening.
        self._held_s = -math.inf  # A pin that is still high counts again from here,
        self._held = 0  # having counted so often since it rose.

    def run(
        self,
        pir: Pir,
        camera: Camera,
        clock: Clock,
        stopping: Stopping,
        alive: Alive,
        begun: Begun | None = None,
    ) -> None:
        """Go on with what is begun, watch until told to stop; raise DeviceError, StoreError."""
        with contextlib.closing(StationVisit(self._run)) as visit:
            here = _Here(
                *(camera, clock, lambda: pir.active and not stopping()),
                *(lambda: alive(self._fault or self._room.fault or self._early), visit),
            )
            if begun:
                self._take(begun, here)
            self._look_out(pir, here, stopping)

    def _look_out(self, pir: Pir, here: _Here, stopping: Stopping) -> None:
        self._watch(pir, here)  # Boot is the trigger.
        for _ in self._repair():
            if stopping():
                return
            here.still_alive()
            self._watch(pir, here)
        ring(self._run, SORTER)
        while not stopping():
            self._room.look_again()
            here.still_alive()
            round_s = ROUND_S if not pir.active else HELD_ROUND_S
            here.clock.wait([pir, here.visit, stopping], round_s)
            if not stopping():
                self._watch(pir, here)
                if here.visit.listen(here.clock.monotonic()):
                    here.visit.show(here.camera.shoot().preview)

    def _watch(self, pir: Pir, here: _Here) -> None:
        """Answer the edges that have come, and a pin that is high without one."""
        edges = pir.edges()
        if here.visit.counts(edges, pir.active, here.clock.monotonic()):
            return
        for edge_s in edges:
            if edge_s >= self._quiet_s:
                self._held = 0
                self._capture(edge_s, here)
        now_s = here.clock.monotonic()
        if not pir.active:
            self._held = 0
        elif now_s >= self._quiet_s and now_s >= self._held_s:
            self._held += 1
            self._capture(now_s, here)

    def _repair(self) -> Iterator[None]:
        """Put right what the last power cut left; a card that refuses may still take frames."""
        try:
            yield from self._store.repair_steps()
        except StoreError as error:
            self._fault = f"the card is not repaired: {error}"
            log.error("%s", self._fault)

    def _capture(self, edge_s: float, here: _Here) -> None:
        """Make the burst of one trigger, and note until when edges are ignored."""
        began_s = here.clock.monotonic()
        trigger = Trigger(here.clock.now() - timedelta(seconds=began_s - edge_s), edge_s)
        first = here.camera.shoot()  # Before the card is asked for anything.
        self._take(Begun(None, trigger, [first], began_s), here)

    def _take(self, begun: Begun, here: _Here) -> None:
        """Make what is left of a burst; where the card fails, in RAM."""
        try:
            self._burst(begun, here)
        except CardFailed as error:
            if self._spare is None:
                raise
            log.error("the card failed, going on in RAM: %s", error)
            self._store, boot = self._spare(error)
            self._room = Room(self._store, self._plan, self._run)
            self._identity = replace(self._identity, boot=boot)
            self._burst(begun._replace(burst=None, began_s=here.clock.monotonic()), here)

    def _burst(self, begun: Begun, here: _Here) -> None:
        """Save what is in `taken` and what else the burst has; leave there what is not saved."""
        who, trigger, taken = self._identity, begun.trigger, begun.taken
        plan = self._room.plan_for(taken[-1])
        if plan is None and begun.burst is None:
            self._pause(trigger.monotonic_s, here.clock.monotonic())
            return
        burst = begun.burst or self._store.archive.begin(
            who.unit, who.utc_offset_min, here.camera.model, trigger, who.boot
        )
        hidden: tuple[type[StoreError], ...] = ()
        try:
            for shot in taken[:-1]:
                burst.add(shot)
            self._fill(burst, begun, plan or replace(self._plan, frames=1, frames_max=1), here)
            self._early = burst.fault
        except CardFull as error:
            self._early = f"sequence {burst.sequence} ended early: {error}"
            log.error("%s", self._early)
        except CardFailed:
            hidden = (StoreError,)  # What follows from it says nothing new.
            raise
        finally:
            # A card that stalls in `close` must not swallow the next animal.
            self._pause(trigger.monotonic_s, here.clock.monotonic())
            taken[:] = burst.unsaved or taken[-1:]
            with contextlib.suppress(*hidden):
                self._close(burst)
        told = burst.sequence, burst.saved, burst.saved_bytes
        log.info("sequence %d: %d frames, %d bytes on the card", *told)
        ring(self._run, SORTER)

    def _pause(self, edge_s: float, ended_s: float) -> None:
        """Note until when edges are ignored, after what a trigger made."""
        self._quiet_s = quiet_until(edge_s, ended_s, self._camera_delay_s)
        self._held_s = ended_s + held_again_s(self._held)

    def _close(self, burst: Burst) -> None:
        """End a burst; rows that find no room are tried again after some was made."""
        try:
            burst.close()
        except CardFull as error:
            self._early = f"sequence {burst.sequence} is not whole: {error}"
            log.error("%s", self._early)
            self._store.make_room(0)
            burst.close()

    def _fill(self, burst: Burst, begun: Begun, plan: BurstPlan, here: _Here) -> None:
        """Save the last shot, unless the card has it, and take what else the burst has."""
        clock, taken, unsynced_since = here.clock, 0, 0.0
        shot_s, shot = begun.began_s, begun.taken[-1]
        while True:
            exposure_s = clock.monotonic() - shot_s
            if taken or burst is not begun.burst:
                burst.add(shot)
            taken += 1
            next_s = shot_s + plan.interval_s
            if burst.unsynced == 1:
                unsynced_since = clock.monotonic()
            next_saved_s = max(next_s, clock.monotonic()) + exposure_s
            if sync_due(taken, burst.unsynced, next_saved_s - unsynced_since):
                burst.sync()
            here.still_alive()
            if not goes_on(taken, here.motion(), plan):
                return
            if (early_s := next_s - clock.monotonic()) > 0:
                clock.wait([], early_s)
            shot_s = clock.monotonic()
            shot = here.camera.shoot()
