"""What the eye needs of a camera, and of a light beside it."""

from typing import Protocol

from trapnode.capture import Shot
from trapnode.light import Exposure, Reading

__all__ = ["Flash", "Held", "Lens"]


class Held(Protocol):
    """One frame, the camera's again once released."""

    @property
    def reading(self) -> Reading:
        """Say how it was taken."""
        ...

    def develop(self, *, grey: bool = False) -> tuple[Shot, tuple[float, float]]:
        """Give its pictures, and its levels of black and white; raise DeviceError."""
        ...

    def release(self) -> None:
        """Give it back, once."""
        ...


class Lens(Protocol):
    """A camera that exposes as it is told; every call may raise DeviceError."""

    @property
    def model(self) -> str:
        """Name it as EXIF does."""
        ...

    def expose(self, exposure: Exposure | None) -> None:
        """Expose coming frames so, or by itself."""
        ...

    def hold(self) -> Held:
        """Take the frame that waits, or the next one."""
        ...


class Flash(Protocol):
    """A light of our own."""

    @property
    def fault(self) -> str:
        """Say what is wrong with it, or nothing."""
        ...

    @property
    def lit_s(self) -> float:
        """Say how long it was on."""
        ...

    def on(self) -> None:
        """Light; one that cannot says so in the log, and no frame waits for it."""
        ...

    def off(self) -> None:
        """Go dark; raise DeviceError."""
        ...
