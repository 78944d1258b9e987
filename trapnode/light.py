"""What the camera tells of the light, and what it is told: values of device, policy and loop."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Daylight", "Exposure", "Reading"]


class Daylight(StrEnum):
    """Whether the camera sees without our light."""

    UNKNOWN = "unknown"
    DAY = "day"
    NIGHT = "night"


@dataclass(frozen=True, slots=True)
class Exposure:
    """How the sensor takes light; without colour gains (red, blue) the camera finds them itself."""

    us: int
    gain: float
    colour_gains: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a frame tells of how it was taken; None where the camera does not say."""

    began_s: float | None = None  # Monotonic: when the exposure of its first row began.
    exposure: Exposure | None = None
    lux: float | None = None
    settled: bool = True  # The camera's own exposure control has nothing left to change.
