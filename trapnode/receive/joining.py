"""What goes into one downlink: the commands that fit, the oldest first, and an ack."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trapnode.message.downlink import (
    ACK_BITS,
    Ack,
    Command,
    SetTime,
    pack_commands,
    read_commands,
)

__all__ = ["MOST_ACKS", "Joined", "Waiting", "acks_of", "join", "only_acks"]

MOST_ACKS = 3  # Of one downlink: 36 of its 39 bytes.


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a person asked for, and its row."""

    id: int
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """The body of a downlink, which rows it takes along, and whether an ack had room."""

    body: bytes
    taken: tuple[int, ...]
    acks: bool


def acks_of(counters: Sequence[int]) -> tuple[Ack, ...]:
    """Make acks of the counters that arrived, given the highest first.

    Each ack knows one counter and ACK_BITS below it; MOST_ACKS of them cost no more than one. So
    an ack that got lost costs nothing: the next one says it again.
    """
    acks: list[Ack] = []
    left = list(counters)
    while left and len(acks) < MOST_ACKS:
        highest = left[0]
        bits = (highest - 1 - each for each in left[1:])
        acks.append(Ack(highest, sum(1 << bit for bit in bits if bit < ACK_BITS)))
        left = [each for each in left if each < highest - ACK_BITS]
    return tuple(acks)


def only_acks(body: bytes) -> bool:
    """Say whether a downlink asks for nothing."""
    return all(isinstance(each, Ack) for each in read_commands(body))


def join(waiting: Sequence[Waiting], acks: Sequence[Ack], now: datetime) -> Joined:
    """Join what fits into one downlink; a command to set the time tells that of its sending.

    Raise ValueError where there is nothing to send.
    """
    commands: list[Command] = []
    taken: list[int] = []
    for each in waiting:
        more = [SetTime(now) if isinstance(one, SetTime) else one for one in each.commands]
        if not _fits([*commands, *more]):
            break
        commands += more
        taken.append(each.id)
    told = list(acks)
    while told and not _fits([*told, *commands]):
        told.pop()
    return Joined(pack_commands([*told, *commands]), tuple(taken), bool(told))


def _fits(commands: Sequence[Command]) -> bool:
    try:
        pack_commands(commands)
    except ValueError:
        return False
    return True
