"""Puts the meter and the watch before PIR and camera; takes a first frame that waits for nobody."""

import contextlib
from typing import TYPE_CHECKING, cast

from trapnode.cli.first import First, Here, camera_of, pir_of
from trapnode.cli.metered import MeteredCamera
from trapnode.cli.optics import Idling, optics_of
from trapnode.cli.power import woken
from trapnode.cli.process import Process
from trapnode.store.busy import Busy
from trapnode.store.consent import read_wake
from trapnode.store.watched import WatchedPir

if TYPE_CHECKING:
    from trapnode.eye import Eye

__all__ = ["eyes"]


def eyes(
    own: Process, opened: contextlib.ExitStack, first: First | None = None
) -> tuple[WatchedPir, MeteredCamera]:
    """Open both, or take over what `first` has; the first frame comes before store, keys and rows.

    Raise DeviceError.
    """
    here = Here(own.clock, own.trust, own.world)
    found = first.pir if first else pir_of(own.config.trigger.pir_pin, here, opened)
    again = read_wake(own.run) is not None
    woke = first is not None or woken(own)
    watched = WatchedPir(found, own.run, own.clock, woke=woke)
    pir = opened.enter_context(contextlib.closing(watched))
    optics = optics_of(own.config)
    # Lit from its start on only in a boot: a camera that hangs would be, again and again.
    at_once = woke and not again
    eye = first.camera if first else camera_of(found, here, opened, optics, at_once=at_once)
    monotonic = own.clock.monotonic
    idling = None if own.world else Idling(own, cast("Eye", eye))
    camera = MeteredCamera(eye, Busy(own.run, "camera", monotonic), monotonic, idling)
    if first:
        camera.take_over(None if first.begun else first.shot, first.took_s)
    elif woke:
        camera.prime()
    elif pir.active:  # It may be low by the time that the store is open.
        watched.rose()
        camera.prime()
    return pir, camera
