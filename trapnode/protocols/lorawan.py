"""LoRaWAN in words and numbers: what becomes of a frame, what fits it, how long it is on the air.

Sizes are of LoRaMac-node's Region*.h and LoRaWAN RP002-1.0.5, table 73: application bytes
without MAC options, which may take up to 15 of them. Time on the air is Semtech's AN1200.13.
"""

from dataclasses import dataclass
from enum import Enum
from math import ceil

__all__ = [
    "LARGEST",
    "ORDINARY",
    "SEALED_OBSERVATION",
    "Downlink",
    "Outcome",
    "Region",
    "Uplink",
    "airtime_s",
    "lowest_rate",
    "room",
    "silence_s",
]

LARGEST = 242  # Bytes of a frame at the best data rate of every region.
SEALED_OBSERVATION = 22  # Bytes of the smallest message that tells an animal.
ORDINARY = 50  # Bytes of any message but a preview's fragment, at most.
OVERHEAD = 13  # Bytes of a frame around the message: header 1 + 7, port 1, integrity code 4.
PREAMBLE, SYMBOLS_MORE = 8, 4.25
SLOW_SYMBOL_S = 0.016  # Longer symbols are sent with the low data rate optimisation.


class Outcome(Enum):
    """What became of one frame."""

    DELIVERED = "the network server has it"
    ON_AIR = "it was sent, and nobody said that it arrived"
    RETRY = "try again with the same bytes: it may even have arrived"
    WAIT_OR_SPLIT = "longer than a frame at this data rate"


@dataclass(frozen=True, slots=True)
class Downlink:
    """What the network sent to a port of the unit."""

    port: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Uplink:
    """What one attempt to send did."""

    outcome: Outcome
    reason: str
    retry_after_s: float | None = None
    downlinks: tuple[Downlink, ...] = ()
    unanswered: bool = False  # A gateway should have confirmed it, and did not.
    room: int | None = None  # Bytes of one message at the data rate; None: nobody asked.


@dataclass(frozen=True, slots=True)
class _Rules:
    sizes: tuple[int, ...]  # By data rate from DR0; the last holds for those above, too.
    under_dwell: tuple[int, ...]
    duty: float  # Share of time that the band may be used; 1 for no limit.


_EUROPE = (51, 51, 51, 115, 242, 242)
_ASIA_DWELL = (0, 0, 11, 53, 125, 242)
_CHINA = (0, 23, 86, 184, 242, 242)


class Region(Enum):
    """Where the unit stands."""

    RU864 = "RU864"
    EU868 = "EU868"
    AS923 = "AS923"
    CN470 = "CN470"


_RULES = {
    Region.RU864: _Rules(_EUROPE, _EUROPE, 0.01),
    Region.EU868: _Rules(_EUROPE, _EUROPE, 0.01),
    Region.AS923: _Rules((51, 51, 115, 115, 242, 242), _ASIA_DWELL, 1.0),
    Region.CN470: _Rules(_CHINA, _CHINA, 1.0),
}


def room(region: Region, data_rate: int, *, dwell: bool = True) -> int:
    """Give the most bytes of one message; 0 where the data rate may not be used.

    `dwell` says whether a frame may last 400 ms only, as many countries of AS923 have it.
    """
    rules = _RULES[region]
    sizes = rules.under_dwell if dwell else rules.sizes
    return sizes[min(data_rate, len(sizes) - 1)]


def lowest_rate(region: Region, size: int = SEALED_OBSERVATION, *, dwell: bool = True) -> int:
    """Give the slowest data rate that carries `size` bytes: it reaches farthest."""
    return next(rate for rate in range(6) if room(region, rate, dwell=dwell) >= size)


def airtime_s(spreading: int, size: int, *, bandwidth_hz: float = 125e3) -> float:
    """Give how long a message of `size` bytes is on the air, coding rate 4/5."""
    symbol_s = (1 << spreading) / bandwidth_hz
    slow = 1 if symbol_s > SLOW_SYMBOL_S else 0
    bits = 8 * (size + OVERHEAD) - 4 * spreading + 28 + 16
    symbols = 8 + max(ceil(bits / (4 * (spreading - 2 * slow))) * 5, 0)
    return (PREAMBLE + SYMBOLS_MORE + symbols) * symbol_s


def silence_s(region: Region, on_air_s: float) -> float:
    """Give how long the band must rest after a frame that lasted `on_air_s`."""
    return on_air_s * (1 / _RULES[region].duty - 1)
