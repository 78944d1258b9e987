"""The station: trigger, burst, whole frames on the card. Nothing delays a picture.

Stops at once between bursts; a stop during a burst ends it after its usual frames. A camera that
fails ends the process: what was taken is synced first, and systemd starts it anew.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from trapnode.errors import StoreError
from trapnode.loop import Alive, Clock, Stopping
from trapnode.model import Boot, Shot, Trigger
from trapnode.policy.burst import BurstPlan, goes_on, quiet_until, sync_due
from trapnode.store.archive import Burst
from trapnode.store.doorbell import SORTER, ring
from trapnode.store.store import Store

__all__ = ["Camera", "Identity", "Pir", "Station"]

log = logging.getLogger(__name__)

ROUND_S = 5.0  # The watchdog hears from us at least this often.


class Pir(Protocol):
    """A passive infra-red sensor."""

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


class Camera(Protocol):
    """A still camera with a small second stream."""

    @property
    def model(self) -> str:
        """Name the camera as EXIF does."""
        ...

    def shoot(self) -> Shot:
        """Take one frame and its preview in one request; raise DeviceError."""
        ...


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


class Station:
    """The loop over one PIR and one camera."""

    def __init__(
        self, identity: Identity, plan: BurstPlan, camera_delay_s: float, store: Store, run: Path
    ) -> None:
        self._identity = identity
        self._plan = plan
        self._camera_delay_s = camera_delay_s
        self._store = store
        self._run = run
        self._fault = ""

    def run(self, pir: Pir, camera: Camera, clock: Clock, stopping: Stopping, alive: Alive) -> None:
        """Watch the PIR until told to stop; raise DeviceError, StoreError."""

        here = _Here(
            camera=camera,
            clock=clock,
            motion=lambda: pir.active and not stopping(),
            still_alive=lambda: alive(self._fault),
        )
        quiet = clock.monotonic()
        if pir.active:  # A pin already high gives no edge.
            quiet = self._capture(quiet, here)
        self._repair()
        while not stopping():
            here.still_alive()
            clock.wait([pir, stopping], ROUND_S)
            for edge_s in pir.edges():
                if edge_s >= quiet and not stopping():
                    quiet = self._capture(edge_s, here)

    def _repair(self) -> None:
        """Put right what the last power cut left; a card that refuses may still take frames."""
        try:
            self._store.repair()
        except StoreError as error:
            self._fault = f"the card is not repaired: {error}"
            log.error("%s", self._fault)
        ring(self._run, SORTER)

    def _capture(self, edge_s: float, here: _Here) -> float:
        """Make the burst of one trigger; give the moment until which edges are ignored."""
        clock, who = here.clock, self._identity
        began_s = clock.monotonic()
        at = clock.now() - timedelta(seconds=began_s - edge_s)
        first = here.camera.shoot()  # Before the card is asked for anything.
        burst = self._store.archive.begin(
            who.unit, who.utc_offset_min, here.camera.model, Trigger(at, edge_s), who.boot
        )
        try:
            self._fill(burst, first, began_s, here)
        finally:
            burst.close()
        log.info(
            "sequence %d: %d frames, %d bytes on the card",
            burst.sequence,
            burst.saved,
            burst.saved_bytes,
        )
        ring(self._run, SORTER)
        return quiet_until(edge_s, clock.monotonic(), self._camera_delay_s)

    def _fill(self, burst: Burst, shot: Shot, shot_s: float, here: _Here) -> None:
        """Save the first shot and take what else the burst has; `shot_s` is when it began."""
        clock, taken, unsynced_since = here.clock, 0, 0.0
        while True:
            burst.add(shot)
            taken += 1
            next_s = shot_s + self._plan.interval_s
            if burst.unsynced == 1:
                unsynced_since = clock.monotonic()
            if sync_due(taken, burst.unsynced, max(next_s, clock.monotonic()) - unsynced_since):
                burst.sync()
            here.still_alive()
            if not goes_on(taken, here.motion(), self._plan):
                return
            if (early_s := next_s - clock.monotonic()) > 0:
                clock.wait([], early_s)
            shot_s = clock.monotonic()
            shot = here.camera.shoot()
