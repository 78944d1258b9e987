"""Opens the camera with the eye before it and the light beside it, and what is done in between.

What a first frame does not need is imported where it is used: see `trapnode.cli.first`.
"""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trapnode.errors import DeviceError
from trapnode.words import ClockTrust

if TYPE_CHECKING:
    from collections.abc import Callable

    from trapnode.cli.process import Process
    from trapnode.config import Config
    from trapnode.devices.flash import IrFlash
    from trapnode.eye import Eye
    from trapnode.lens import Lens
    from trapnode.light import Exposure
    from trapnode.loop import Clock

__all__ = ["Idling", "Optics", "eye_of", "optics_of"]

SEED_AGAIN_S = 120.0  # A seed holds five minutes; each is a write on the card.


class Optics(NamedTuple):
    """What the configuration says of camera and light, and where the last seed is."""

    flash_pin: int
    focus_m: float
    night_exposure_ms: float
    night_gain: float
    state: str


def optics_of(config: "Config") -> Optics:
    """Take it from the configuration."""
    camera = config.camera
    night = camera.night_exposure_ms, camera.night_gain
    return Optics(camera.flash_pin, camera.focus_m, *night, config.paths.state)


def eye_of(
    optics: Optics,
    clock: "Clock",
    trust: "Callable[[], ClockTrust]",
    opened: contextlib.ExitStack,
    *,
    at_once: bool,
) -> "Eye":
    """Open light and camera; `at_once`: a frame is wanted as soon as it runs; raise DeviceError."""
    from trapnode.eye import Eye
    from trapnode.policy.light import NightPlan, is_fresh
    from trapnode.store.seed import read_seed

    def lens(first: "Exposure | None", starting: "Callable[[], None]") -> "Lens":
        try:
            from trapnode.devices.camera import PiCamera
        except ImportError as error:
            raise DeviceError(f"a library of the Pi is missing: {error}") from error
        camera = PiCamera(clock.now, focus_m=optics.focus_m, first=first, starting=starting)
        return opened.enter_context(contextlib.closing(camera))

    plan = NightPlan(round(optics.night_exposure_ms * 1000), optics.night_gain)
    seed = read_seed(Path(optics.state))
    if seed and not is_fresh(seed, clock.now(), trusted=trust() is not ClockTrust.NONE):
        seed = None
    flash = _flash(optics.flash_pin, opened)
    eye = Eye(lens, flash, plan, clock.monotonic, seed=seed, at_once=at_once)
    opened.callback(eye.close)
    return eye


def _flash(pin: int, opened: contextlib.ExitStack) -> "IrFlash | None":
    if pin < 0:
        return None
    from trapnode.devices.flash import IrFlash

    return opened.enter_context(contextlib.closing(IrFlash(pin)))


class Idling:
    """What is done while no picture waits: look at the light, tell of it, leave a seed."""

    def __init__(self, own: "Process", eye: "Eye") -> None:
        from trapnode.store.busy import Busy

        self._own, self._eye = own, eye
        self._busy = Busy(own.run, "light", own.clock.monotonic)
        self._told_s = 0.0
        self._seed_s: float | None = None

    @property
    def fault(self) -> str:
        """Say what is wrong with the light, or nothing."""
        return self._eye.flash.fault if self._eye.flash else ""

    def __call__(self) -> None:
        """Do it; raise DeviceError: a camera that hangs is noticed before an animal comes."""
        self._eye.look()
        flash = self._eye.flash
        if flash and flash.lit_s > self._told_s:
            self._busy.add(flash.lit_s - self._told_s)
            self._told_s = flash.lit_s
        self._leave_seed(self._own.clock.monotonic())

    def _leave_seed(self, now_s: float) -> None:
        from trapnode.store.seed import write_seed

        if self._seed_s is not None and now_s - self._seed_s < SEED_AGAIN_S:
            return
        if self._own.trust() is ClockTrust.NONE:
            return
        if seed := self._eye.seed(self._own.clock.now()):
            write_seed(Path(self._own.config.paths.state), seed)
            self._seed_s = now_s
