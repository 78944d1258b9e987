"""What Iridium's network says in numbers: how a session ended, and what time it is."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

__all__ = [
    "ERAS",
    "MO_STATUS",
    "TICK",
    "WRITTEN",
    "MoStatus",
    "Outcome",
    "iridium_time",
    "mo_status",
]

TICK = timedelta(milliseconds=90)
WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)  # No unit ran this program earlier.
ERAS = (  # Latest first. Iridium moves the epoch before the 32-bit counter wraps (12.2 years).
    datetime(2025, 2, 14, 18, 14, 17, tzinfo=UTC),  # ERA3, on the air since January 2026.
    datetime(2014, 5, 11, 14, 23, 55, tzinfo=UTC),  # ERA2
)


class Outcome(Enum):
    """What becomes of the message."""

    DELIVERED = "delivered"
    RETRY = "try again"  # It may even have arrived: always with the same bytes.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class MoStatus:
    """What one MO status of SBDIX means to us."""

    outcome: Outcome
    meaning: str
    retry_after_s: float | None = None
    barred: bool = False  # Only a person can mend it.


DAY_S = 86_400.0
_SENT, _RETRY, _REFUSED = Outcome.DELIVERED, Outcome.RETRY, Outcome.REFUSED
MO_STATUS = {  # ISU AT command reference, +SBDIX; waits from the 9601 guide where given.
    0: MoStatus(_SENT, "sent"),
    1: MoStatus(_SENT, "sent; the downlink was too big"),
    2: MoStatus(_SENT, "sent; location update refused"),
    3: MoStatus(_SENT, "sent (reserved)"),
    4: MoStatus(_SENT, "sent (reserved)"),
    10: MoStatus(_RETRY, "gateway: call not completed in time"),
    11: MoStatus(_RETRY, "gateway: its queue of our messages is full", 300),  # Longest step of
    12: MoStatus(_REFUSED, "gateway: too many segments"),  # Iridium's own retry ladder: 300 s.
    13: MoStatus(_RETRY, "gateway: session incomplete"),  # 13, 17, 18: it may have arrived.
    14: MoStatus(_REFUSED, "gateway: invalid segment size"),
    15: MoStatus(_RETRY, "gateway: access denied: not provisioned or not paid", DAY_S, barred=True),
    16: MoStatus(_RETRY, "modem locked (+CULK)", DAY_S, barred=True),
    17: MoStatus(_RETRY, "gateway does not answer"),
    18: MoStatus(_RETRY, "connection lost (RF drop)"),
    19: MoStatus(_RETRY, "link failure"),
    32: MoStatus(_RETRY, "no network service"),  # Costs nothing.
    33: MoStatus(_RETRY, "antenna fault: check antenna and cable", barred=True),
    34: MoStatus(_RETRY, "radio was switched off"),  # send() switches it on (*R1).
    35: MoStatus(_RETRY, "modem busy"),
    36: MoStatus(_RETRY, "less than 3 minutes since the last registration", 180),
    37: MoStatus(_RETRY, "SBD temporarily disabled by the network", 180),
    38: MoStatus(_RETRY, "SBD held back by the network's traffic management", 180),
}


def mo_status(code: int) -> MoStatus:
    """Look an MO status up; all that the reference reserves above 4 are failures."""
    return MO_STATUS.get(code, MoStatus(Outcome.RETRY, "failed (reserved status)"))


def iridium_time(ticks: int, *, built: datetime, latest: datetime) -> datetime | None:
    """Turn the modem's counter into a time of the latest era that lies within both bounds."""
    for epoch in ERAS:
        moment = epoch + ticks * TICK
        if built <= moment <= latest:
            return moment
    return None
