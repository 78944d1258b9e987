"""The first frame of a boot that is the trigger: on the card before anything else is loaded.

It goes by the writer of all frames (`store/burst.py`), and only where everything is as it was:
what is new or wrong - another configuration, keys, a full or a failed card - goes the ordinary
way, which knows what to do and costs seconds on a small machine. The frame goes along.
Nothing that is imported here, or by what is, may be slow to load: a test lists what is not.
"""

import contextlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trapnode.cli.glance import Glance, read_glance
from trapnode.cli.optics import Optics, eye_of
from trapnode.cli.options import Options
from trapnode.cli.wake import woken
from trapnode.errors import DeviceError
from trapnode.store.consent import read_wake
from trapnode.words import ClockTrust, WakeReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from trapnode.capture import Shot
    from trapnode.loop import Clock
    from trapnode.sim.world import World
    from trapnode.station import Camera, Pir
    from trapnode.store.burst import Begun
    from trapnode.store.store import Store

__all__ = ["First", "Here", "begin", "camera_of", "first_frame", "pir_of"]


class First(NamedTuple):
    """What was opened and taken; without a store, the frame is still to be saved."""

    opened: contextlib.ExitStack
    pir: "Pir"
    camera: "Camera"
    shot: "Shot"
    took_s: float
    store: "Store | None"
    begun: "Begun | None"


def first_frame(options: Options) -> First | None:
    """Take and save the first frame, if this boot is a trigger and nothing is unusual.

    Raise DeviceError, UsageError.
    """
    glance = read_glance(Path(options.config), options.twins)
    if glance is None:
        return None
    here, run = _here(options.twins), Path(glance.run)
    with contextlib.suppress(OSError):
        run.mkdir(parents=True, exist_ok=True)
    if read_wake(run) is not None:  # Tried before: what ended that is not as usual.
        return None
    if not woken(run, glance.waker, here.clock, here.world):
        return None
    with contextlib.ExitStack() as opened:
        pir = pir_of(glance.pir_pin, here, opened)  # First: an edge of now is in its queue.
        camera = camera_of(pir, here, opened, glance.optics, at_once=True)
        began_s = here.clock.monotonic()
        shot = camera.shoot()
        took_s = here.clock.monotonic() - began_s
        store, begun = _saved(glance, shot, camera.model, here)
        return First(opened.pop_all(), pir, camera, shot, took_s, store, begun)


class Here(NamedTuple):
    """The clock, how far it is to be trusted, and the world of the twins, if it is one."""

    clock: "Clock"
    trust: "Callable[[], ClockTrust]"
    world: "World | None"


def _here(twins: str | None) -> Here:
    if twins:
        from trapnode.sim.world import World

        world = World.enter(Path(twins))
        clock = world.clock()
        return Here(clock, clock.trust, world)
    from trapnode.devices.clock import SystemClock

    system = SystemClock()
    return Here(system, system.trust, None)


def pir_of(pin: int, here: Here, opened: contextlib.ExitStack) -> "Pir":
    """Open the PIR, or its twin; raise DeviceError."""
    if here.world:
        from trapnode.sim.scene import Scene

        scene = Scene(here.world.folder, here.clock.monotonic)
        return opened.enter_context(contextlib.closing(scene))
    try:
        from trapnode.devices.pir import GpioPir
    except ImportError as error:
        raise DeviceError(f"a library of the Pi is missing: {error}") from error
    return opened.enter_context(contextlib.closing(GpioPir(pin)))


def camera_of(
    pir: "Pir", here: Here, opened: contextlib.ExitStack, optics: Optics, *, at_once: bool
) -> "Camera":
    """Open the camera, or its twin before the scene that the PIR's twin sees; raise DeviceError."""
    clock = here.clock
    if here.world:
        from trapnode.sim.scene import ReplayCamera, Scene

        assert isinstance(pir, Scene)
        return ReplayCamera(pir.next_frame, clock.now, lambda s: clock.wait([], s))
    return eye_of(optics, clock, here.trust, opened, at_once=at_once)


def _saved(
    glance: Glance, shot: "Shot", model: str, here: Here
) -> "tuple[Store | None, Begun | None]":
    """Save the frame as its sequence's first; nothing, where the card is not as usual."""
    if glance.sealed:
        return None, None
    from trapnode.store.owner import as_owner
    from trapnode.store.store import open_store

    state = Path(glance.state)
    with contextlib.suppress(OSError), as_owner(state), contextlib.ExitStack() as opened:
        store = opened.enter_context(contextlib.closing(open_store(state)))
        if store.card_space()[0] >= glance.keep_free and store.archive.sealing.seals is None:
            found = begin(glance, store, shot, model, here)
            opened.pop_all()
            return store, found
    return None, None


def begin(glance: Glance, store: "Store", shot: "Shot", model: str, here: Here) -> "Begun":
    """Begin the burst of this boot with a frame, durably; raise StoreError."""
    from trapnode.capture import Trigger
    from trapnode.devices.clock import boot_id
    from trapnode.store.burst import Begun
    from trapnode.store.entries import expect_boot

    clock = here.clock
    kernel_id = here.world.boot_id if here.world else boot_id()
    reason = read_wake(Path(glance.run)) or WakeReason.PIR
    boot = expect_boot(store.database, kernel_id, clock.now(), reason, here.trust())
    now_s = clock.monotonic()
    trigger = Trigger(clock.now() - timedelta(seconds=now_s), 0.0)  # The boot itself.
    burst = store.archive.begin(glance.unit, glance.utc_offset_min, model, trigger, boot)
    burst.add(shot)
    burst.sync()
    return Begun(burst, trigger, [shot], now_s)
