"""Camera, judge and modem with a meter before them: how long each was busy, for the energy."""

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from trapnode.store.busy import Busy

if TYPE_CHECKING:
    from trapnode.judging import Judge
    from trapnode.model import Shot
    from trapnode.sorter import Judges
    from trapnode.station import Camera

__all__ = ["MeteredCamera", "MeteredJudges", "metered"]

BETWEEN_FRAMES_S = 2.0  # Shots closer than this are one burst: the camera streams between them.

Device = TypeVar("Device")


class Idle(Protocol):
    """What a camera is asked while no picture waits."""

    @property
    def fault(self) -> str:
        """Say what is wrong that stops no picture, or nothing."""
        ...

    def __call__(self) -> None:
        """Ask; raise DeviceError."""
        ...


class MeteredCamera:
    """A camera whose bursts are counted; `tell` writes the count, when no picture waits.

    `idle` is called then, too, but not between the frames of a burst, nor all the time.
    """

    def __init__(
        self,
        camera: "Camera",
        busy: Busy,
        monotonic: Callable[[], float],
        idle: Idle | None = None,
    ) -> None:
        self._camera = camera
        self._busy = busy
        self._monotonic = monotonic
        self._idle = idle
        self._ended_s: float | None = None
        self._untold_s = 0.0
        self._idled_s = -math.inf
        self._primed: Shot | None = None

    @property
    def model(self) -> str:
        """Name the camera as EXIF does."""
        return self._camera.model

    def take_over(self, shot: "Shot | None", took_s: float) -> None:
        """Count a frame that was taken before us; one that is not saved is the next to give."""
        self._primed = shot
        self._untold_s += took_s
        self._ended_s = self._monotonic()

    @property
    def fault(self) -> str:
        """Say what is wrong that stops no picture, or nothing."""
        return self._idle.fault if self._idle else ""

    def prime(self) -> None:
        """Take a frame now, for the next `shoot` to give; raise DeviceError."""
        self._primed = self.shoot()

    def shoot(self) -> "Shot":
        """Take one frame and its preview, or give the one that was taken; raise DeviceError."""
        if self._primed:
            shot, self._primed = self._primed, None
            return shot
        began_s = self._monotonic()
        shot = self._camera.shoot()
        now_s, ended_s = self._monotonic(), self._ended_s
        if ended_s is not None and began_s - ended_s <= BETWEEN_FRAMES_S:
            began_s = ended_s
        self._untold_s += now_s - began_s
        self._ended_s = now_s
        return shot

    def tell(self) -> None:
        """Write what was not written yet; raise DeviceError."""
        if self._untold_s:
            self._busy.add(self._untold_s)
            self._untold_s = 0.0
        now_s = self._monotonic()
        if self._idle and now_s - max(self._ended_s or 0.0, self._idled_s) > BETWEEN_FRAMES_S:
            self._idled_s = now_s
            self._idle()


class MeteredJudges:
    """A source of judges whose judging is counted."""

    def __init__(self, judges: "Judges", busy: Busy) -> None:
        self._judges = judges
        self._busy = busy

    @property
    def fault(self) -> str:
        """Say what is wrong with the choice that `load` made, or nothing."""
        return self._judges.fault

    def load(self) -> "Judge":
        """Load the set that judges now; raise TrapnodeError."""
        return metered(self._judges.load(), self._busy, "judge")

    def changed(self) -> bool:
        """Say whether another set may be the one that judges since the last load."""
        return self._judges.changed()


def metered(
    device: Device, busy: Busy, *calls: str, rested: Callable[[], None] | None = None
) -> Device:
    """Give the same device, with the time of these calls of it marked as busy.

    `rested` hears of each call of `rest`.
    """
    return cast(Device, _Metered(device, busy, calls, rested))


class _Metered:
    def __init__(
        self,
        device: object,
        busy: Busy,
        calls: tuple[str, ...],
        rested: Callable[[], None] | None,
    ) -> None:
        self._device = device
        self._busy = busy
        self._calls = calls
        self._rested = rested

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._device, name)
        if name == "rest" and self._rested:
            self._rested()
        if name not in self._calls:
            return found

        @functools.wraps(found)
        def marked(*arguments: Any, **named: Any) -> Any:
            with self._busy.during():
                return found(*arguments, **named)

        return marked
