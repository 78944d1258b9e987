"""What the station needs of its PIR and its camera."""

from typing import Protocol

from trapnode.capture import Shot

__all__ = ["Camera", "Pir"]


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
