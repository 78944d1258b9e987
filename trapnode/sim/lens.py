"""A camera's twin before a place with daylight and our own light: what the eye is tried on.

Frames follow one another every `FRAME_S`. What is told of exposure reaches them some frames later,
as with a real sensor, and one frame waits for whoever asks, as with picamera2.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from trapnode.errors import DeviceError
from trapnode.light import Exposure, Reading
from trapnode.model import Shot

__all__ = ["SimHeld", "SimLens"]

FRAME_S = 0.07  # Camera Module 3 at full resolution: 14 a second.
TAKEN_OVER = 3  # Frames until a new exposure is a frame's.
SETTLES = 4  # Frames that the camera's own control takes.
OWN_LEVEL = 0.25
PER_LUX_US = OWN_LEVEL / 15e6  # Brightness of one lux in one microsecond at gain 1.
LONGEST_US, HIGHEST = 66_666, 16.0
EPOCH = datetime(2026, 11, 22, tzinfo=UTC)


class SimLens:
    """The camera; `lux` is the daylight, `lit` says whether our light is on, which is worth `ours`.

    `tells` is what it has besides pixels: "exposure", "lux", "time".
    """

    model = "sim"

    def __init__(
        self,
        monotonic: Callable[[], float],
        step: Callable[[float], object],
        lit: Callable[[], bool],
        first: Exposure | None = None,
    ) -> None:
        self.lux, self.ours, self.hangs = 400.0, 400.0, False
        self.tells = {"exposure", "lux", "time"}
        self.held, self.seen = 0, 0
        self.told: list[Exposure | None] = [] if first is None else [first]
        self.shots: list[tuple[float, bool]] = []  # Brightness, grey.
        self._monotonic, self._step, self._lit = monotonic, step, lit
        self._pending: list[tuple[int, Exposure | None]] = []
        self._fixed = first
        self._past: list[float] = []
        self._ended_s = monotonic()

    def expose(self, exposure: Exposure | None) -> None:
        """Take it over, some frames later."""
        self.told.append(exposure)
        self._pending.append((self.seen + TAKEN_OVER, exposure))

    def hold(self) -> "SimHeld":
        """Give the next frame; raise DeviceError."""
        if self.hangs:
            raise DeviceError("camera gave no frame within 10 s")
        began_s, lit_before = self._monotonic(), self._lit()
        self._step(FRAME_S)
        self.seen += 1
        for due, exposure in list(self._pending):
            if due <= self.seen:
                self._fixed = exposure
                self._pending.remove((due, exposure))
        lux = self.lux + (self.ours if lit_before and self._lit() else 0.0)
        self.held += 1
        between = int((began_s - self._ended_s) / FRAME_S)  # Frames that nobody took.
        self._past = [*self._past, *[lux] * min(between, SETTLES)][-SETTLES:] or [lux]
        metered, before = self._past[0], self._past[-1]
        self._past, self._ended_s = [*self._past, lux][-SETTLES:], self._monotonic()
        exposure = self._fixed or _own(metered)
        told = Reading(
            began_s if "time" in self.tells else None,
            exposure if "exposure" in self.tells else None,
            before if "lux" in self.tells else None,  # Its statistics are the last frame's.
            abs(metered - lux) < 0.2 * lux,
        )
        return SimHeld(self, told, lux * exposure.us * exposure.gain * PER_LUX_US)


def _own(lux: float) -> Exposure:
    """Give the exposure that a camera finds for itself."""
    total = OWN_LEVEL / (PER_LUX_US * max(lux, 0.1))
    us = max(1, min(LONGEST_US, round(total)))
    return Exposure(us, min(HIGHEST, max(1.0, total / us)))


class SimHeld:
    """A frame of it."""

    def __init__(self, lens: SimLens, reading: Reading, level: float) -> None:
        self._lens, self._level = lens, min(1.0, level)
        self.reading = reading

    def develop(self, *, grey: bool = False) -> tuple[Shot, tuple[float, float]]:
        """Give two pictures of nothing, and the level of all."""
        self._lens.shots.append((self._level, grey))
        level = 255.0 * self._level
        at = EPOCH + timedelta(seconds=self.reading.began_s or 0.0)
        return Shot(b"frame", b"preview", at), (level, level)

    def release(self) -> None:
        """Give it back, once."""
        assert self._lens.held > 0, "released twice"
        self._lens.held -= 1
