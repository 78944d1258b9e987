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

        def motion() -> bool:
            return pir.active and not stopping()

        def still_alive() -> None:
            alive(self._fault)

        quiet = clock.monotonic()
        if pir.active:  # A pin already high gives no edge.
            quiet = self._capture(quiet, motion, camera, clock, still_alive)
        self._repair()
        while not stopping():
            still_alive()
            clock.wait([pir, stopping], ROUND_S)
            for edge_s in pir.edges():
                if edge_s >= quiet and not stopping():
                    quiet = self._capture(edge_s, motion, camera, clock, still_alive)

    def _repair(self) -> None:
        """Put right what the last power cut left; a card that refuses may still take frames."""
        try:
            self._store.repair()
        except StoreError as error:
            self._fault = f"the card is not repaired: {error}"
            log.error("%s", self._fault)
        ring(self._run, SORTER)

    def _capture(
        self,
        edge_s: float,
        motion: Callable[[], bool],
        camera: Camera,
        clock: Clock,
        still_alive: Callable[[], None],
    ) -> float:
        """Make the burst of one trigger; give the moment until which edges are ignored."""
        at = clock.now() - timedelta(seconds=clock.monotonic() - edge_s)
        who = self._identity
        burst = self._store.archive.begin(
            who.unit, who.utc_offset_min, camera.model, Trigger(at, edge_s), who.boot
        )
        try:
            self._fill(burst, motion, camera, clock, still_alive)
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

    def _fill(
        self,
        burst: Burst,
        motion: Callable[[], bool],
        camera: Camera,
        clock: Clock,
        still_alive: Callable[[], None],
    ) -> None:
        taken, unsynced_since, next_s = 0, 0.0, clock.monotonic()
        while goes_on(taken, motion(), self._plan):
            if (early_s := next_s - clock.monotonic()) > 0:
                clock.wait([], early_s)
            next_s = clock.monotonic() + self._plan.interval_s
            burst.add(camera.shoot())
            taken += 1
            if burst.unsynced == 1:
                unsynced_since = clock.monotonic()
            if sync_due(taken, burst.unsynced, max(next_s, clock.monotonic()) - unsynced_since):
                burst.sync()
            still_alive()
