"""The camera with its own light: by day it takes the frame that waits, by night it lights one.

Our light is on from before a frame's first row until its last, and off in between, so that what the
camera sees between two frames tells whether it is still night. While nobody knows that, a frame is
lit: light harms no frame, and a black first frame is a lost leopard. The camera's own exposure
control would follow a light that blinks, so night frames have a fixed exposure and our own gain.
"""

import logging
from collections.abc import Callable
from datetime import datetime

from trapnode.capture import Shot
from trapnode.lens import Flash, Held, Lens
from trapnode.light import Daylight, Exposure, Reading
from trapnode.policy.light import (
    Dusk,
    NightPlan,
    Seed,
    after,
    as_wanted,
    is_grey,
    lux_of,
    next_gain,
    shows_nothing,
)

__all__ = ["Eye"]

log = logging.getLogger(__name__)

STALE_S = 1.0  # An older frame was taken before whatever we are asked to look at.
FRAMES_MOST = 12  # The camera takes over an exposure within 3 to 5; then we take what there is.
SWITCH_FRAMES = 4
LAG_S = 0.15  # What a frame tells of the light is the frame's before it.
UNTIMED = 3  # Frames after which one is lit for certain, where none says when it was taken.


class Eye:
    """What the station sees through; every call may raise DeviceError.

    `lens` is opened with what its first frame is exposed with, and with what it calls just before
    it starts. `at_once` says that a frame is wanted as soon as it did; `seed` is what still holds
    of the light. Without `flash` there is no night: the camera exposes as it can.
    """

    def __init__(
        self,
        lens: Callable[[Exposure | None, Callable[[], None]], Lens],
        flash: Flash | None,
        plan: NightPlan,
        monotonic: Callable[[], float],
        *,
        seed: Seed | None = None,
        at_once: bool = False,
    ) -> None:
        self.flash = flash
        self._plan, self._monotonic = plan, monotonic
        self._dusk = Dusk(seed.light) if seed else Dusk()
        gain = seed.exposure.gain if seed and seed.light is Daylight.NIGHT else plan.gain_most
        self._night = Exposure(plan.exposure_us, min(gain, plan.gain_most))
        self._fixed = self._night if self._flash and self._dusk.light is Daylight.NIGHT else None
        first = self._fixed or (seed.exposure if seed else None)
        self._seeded = first is not None
        self._blind = self._switched = False
        self._on_s: float | None = None
        self._dark_s = -LAG_S  # Monotonic: our light has been off since.
        self._last: Reading | None = None
        lit = at_once and not self._by_day
        try:
            self._lens = lens(first, self._light_up if lit else lambda: None)
        except BaseException:
            self._darken()
            raise

    @property
    def model(self) -> str:
        """Name the camera as EXIF does."""
        return self._lens.model

    def seed(self, now: datetime) -> Seed | None:
        """Give what the next start may begin with."""
        if self._last is None or self._last.exposure is None:
            return None
        return Seed(now, self._dusk.light, self._last.exposure)

    def shoot(self) -> Shot:
        """Take one frame and its preview; one that shows nothing is taken again, once.

        Again it is exposed by the camera itself, in our light: what we believed of it was wrong.
        """
        shot, (low, high) = self._shot()
        if (
            (blind := shows_nothing(low, high))
            and not self._blind
            and (self._flash or self._seeded)
        ):
            log.info("a frame shows nothing (levels %.0f to %.0f): taking it again", low, high)
            self._dusk, self._switched = Dusk(), True
            self._expose(None)
            shot, (low, high) = self._shot(again=True)
            blind = shows_nothing(low, high)
        self._blind = blind  # A covered lens is not asked twice each time.
        self._learn(high)
        return shot

    def look(self) -> None:
        """See while nothing happens whether it is day or night, and be ready for it."""
        self._switched = False
        held = self._lens.hold()
        held.release()
        self._judge(held.reading)

    def close(self) -> None:
        """Put the light out; who opened the camera closes it."""
        self._darken()

    @property
    def _flash(self) -> Flash | None:
        """Our light, if it works."""
        return None if self.flash is None or self.flash.fault else self.flash

    @property
    def _by_day(self) -> bool:
        return self._flash is None or self._dusk.light is Daylight.DAY

    def _shot(self, *, again: bool = False) -> tuple[Shot, tuple[float, float]]:
        held = self._held(again=again)
        self._last = held.reading
        grey = self._flash is not None and is_grey(self._dusk.light, held.reading.lux)
        try:
            return held.develop(grey=grey)
        finally:
            held.release()

    def _held(self, *, again: bool) -> Held:
        """Take the frame that waits by day; else one lit from its first row to its last.

        Taken `again`, nothing is learnt before: that it is night would fix the exposure once more.
        """
        started_lit = self._on_s is not None
        if not started_lit:
            held = self._fresh()
            if not again:
                self._judge(held.reading)
            if self._by_day and not self._switched:
                return held
            held.release()
        if self._by_day:
            return self._await(0.0)
        try:
            if self._on_s is None:
                self._light_up()
            return self._await(self._on_s or 0.0, cold=started_lit)
        finally:
            self._darken()

    def _fresh(self) -> Held:
        held = self._lens.hold()
        began_s = held.reading.began_s
        if began_s is None or self._monotonic() - began_s <= STALE_S:
            return held
        held.release()
        return self._lens.hold()

    def _await(self, since_s: float, *, cold: bool = False) -> Held:
        """Take the first frame begun since then that is exposed as it should be.

        A camera that just started (`cold`) has held back its frames until that was so.
        """
        passed = SWITCH_FRAMES if self._switched and self._fixed is None else 0
        self._switched, good = False, 0
        for count in range(1, FRAMES_MOST + 1):
            held = self._lens.hold()
            began_s = held.reading.began_s
            good += cold or (count >= UNTIMED if began_s is None else began_s >= since_s)
            ready = good > passed and (cold or as_wanted(held.reading, self._fixed))
            if ready or count == FRAMES_MOST:
                return held
            held.release()
        raise AssertionError("unreachable")

    def _judge(self, reading: Reading) -> None:
        """Learn from a frame that our light was not in."""
        if self._flash is None:
            self._expose(None)
            return
        if reading.began_s is None or reading.began_s < self._dark_s + LAG_S:
            return
        own = self._fixed is None and not self._seeded
        dusk = after(self._dusk, lux_of(reading, own=own))
        if dusk.light is not self._dusk.light:
            log.info("light: %s, was %s", dusk.light, self._dusk.light)
            self._switched = self._switched or self._dusk.light is Daylight.NIGHT
        self._dusk = dusk
        self._expose(self._night if dusk.light is Daylight.NIGHT else None)

    def _learn(self, high: float) -> None:
        """Take what a frame showed into the next one's exposure."""
        if self._by_day or self._dusk.light is Daylight.UNKNOWN:
            self._expose(None)
        elif self._last is not None:
            gain = (self._last.exposure or self._night).gain
            gain = next_gain(gain, high, self._plan.gain_most)
            self._night = Exposure(self._plan.exposure_us, gain)
            self._expose(self._night)

    def _expose(self, fixed: Exposure | None) -> None:
        """Tell the camera only what is new to it."""
        if fixed != self._fixed or (self._seeded and fixed is None):
            self._lens.expose(fixed)
            self._seeded = False
        self._fixed = fixed

    def _light_up(self) -> None:
        if self._flash:
            self._flash.on()
            self._on_s = self._monotonic()

    def _darken(self) -> None:
        self._on_s, self._dark_s = None, self._monotonic()
        if self.flash:
            self.flash.off()
