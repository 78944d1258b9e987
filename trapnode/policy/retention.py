"""What may go from a full card, in which order, and how much must. Targets never yield.

Whatever goes, its rows stay: scores, labels and counts cost nothing beside a picture.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from trapnode.model import ObservationType, taxon_of
from trapnode.policy.burst import BurstPlan

__all__ = [
    "DEFAULT",
    "ORDER",
    "Allowance",
    "CardLimits",
    "Value",
    "burst_bytes",
    "limits_of",
    "missing",
    "plan_within",
    "value_of",
]

MIB = 1 << 20
SHARE = 8  # A small card keeps an eighth of itself for rows and messages, another for bursts.
SPREAD = 1.25  # A frame may be so much larger than the one before.
NOBODY_KNOWS = (ObservationType.UNKNOWN, ObservationType.UNCLASSIFIED)
PEOPLE = (ObservationType.HUMAN, ObservationType.VEHICLE)


class Value(IntEnum):
    """What a sequence is worth on a full card, least first."""

    BLANK = 1  # Its pixels went by verdict; the preview of an old one is what may go.
    AUDIT = 2
    ANIMAL = 3
    PERSON = 4
    UNSORTED = 5  # Nobody knows what it shows: a leopard, for all we know.
    TARGET = 6


ORDER = tuple(value for value in Value if value is not Value.TARGET)
"""What goes first, and what after; a target is not in it."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How full any card may get, as the configuration says it."""

    reserve_mib: int = 256
    ahead_mib: int = 512
    audit_most: float = 0.1  # A share of the card.


DEFAULT = Allowance()


@dataclass(frozen=True, slots=True)
class CardLimits:
    """How full a card may get, bytes."""

    reserve: int  # Only rows and messages may use it.
    ahead: int  # Kept free beyond it for coming bursts.
    audit: int  # Most that blanks kept for audit may hold.


def limits_of(total: int, allowance: Allowance) -> CardLimits:
    """Give the limits of a card of `total` bytes; a small card keeps a share of itself free."""
    return CardLimits(
        reserve=min(allowance.reserve_mib * MIB, total // SHARE),
        ahead=min(allowance.ahead_mib * MIB, total // SHARE),
        audit=int(total * allowance.audit_most),
    )


def value_of(label: str | None, target: bool, audit: bool) -> Value:
    """Say what a sequence is worth, by its observation; a label of None is not sorted yet."""
    if target:
        return Value.TARGET
    if audit:
        return Value.AUDIT
    kind = taxon_of(label).observation_type if label is not None else ObservationType.UNKNOWN
    if kind in NOBODY_KNOWS:
        return Value.UNSORTED
    if kind in PEOPLE:
        return Value.PERSON
    return Value.BLANK if kind is ObservationType.BLANK else Value.ANIMAL


def missing(free: int, limits: CardLimits, wanted: int | None = None) -> int:
    """Say how many bytes must be freed for `wanted` more, or for the bursts to come."""
    return max(0, limits.reserve + (limits.ahead if wanted is None else wanted) - free)


def burst_bytes(plan: BurstPlan, shot_bytes: int) -> int:
    """Give the room for the longest burst, by the size of its first shot."""
    return round(plan.frames_max * shot_bytes * SPREAD)


def plan_within(plan: BurstPlan, room: int, shot_bytes: int) -> BurstPlan | None:
    """Give the burst that `room` bytes hold: the whole one, a single frame, or None."""
    if room >= burst_bytes(plan, shot_bytes):
        return plan
    if room >= shot_bytes * SPREAD:
        return replace(plan, frames=1, frames_max=1)
    return None
