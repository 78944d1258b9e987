"""Opens PIR and camera, or their twins, and takes the first frame of a boot that is the trigger."""

import contextlib
from typing import TYPE_CHECKING

from trapnode.cli.metered import MeteredCamera
from trapnode.cli.power import woken
from trapnode.cli.process import Process
from trapnode.errors import DeviceError
from trapnode.store.busy import Busy
from trapnode.store.watched import WatchedPir

if TYPE_CHECKING:
    from trapnode.station import Camera, Pir

__all__ = ["eyes"]


def eyes(own: Process, opened: contextlib.ExitStack) -> tuple[WatchedPir, MeteredCamera]:
    """Open both; the first frame comes before store, keys and rows: nothing delays a picture.

    Raise DeviceError.
    """
    twins = _twins(own, opened) if own.world else None
    found = twins[0] if twins else _pir(own, opened)  # First: an edge of now is in its queue.
    woke = woken(own)
    watched = WatchedPir(found, own.run, own.clock, woke=woke)
    pir = opened.enter_context(contextlib.closing(watched))
    monotonic = own.clock.monotonic
    eye = twins[1] if twins else _camera(own, opened)
    camera = MeteredCamera(eye, Busy(own.run, "camera", monotonic), monotonic)
    if woke or pir.active:
        camera.prime()
    return pir, camera


def _twins(own: Process, opened: contextlib.ExitStack) -> "tuple[Pir, Camera]":
    from trapnode.sim.scene import ReplayCamera, Scene

    assert own.world is not None
    clock = own.clock
    scene = opened.enter_context(contextlib.closing(Scene(own.world.folder, clock.monotonic)))
    return scene, ReplayCamera(scene.next_frame, clock.now, lambda s: clock.wait([], s))


def _pir(own: Process, opened: contextlib.ExitStack) -> "Pir":
    try:
        from trapnode.devices.pir import GpioPir
    except ImportError as error:
        raise DeviceError(f"a library of the Pi is missing: {error}") from error
    return opened.enter_context(GpioPir(own.config.trigger.pir_pin))


def _camera(own: Process, opened: contextlib.ExitStack) -> "Camera":
    try:
        from trapnode.devices.camera import PiCamera
    except ImportError as error:
        raise DeviceError(f"a library of the Pi is missing: {error}") from error
    return opened.enter_context(PiCamera(own.clock.now))
