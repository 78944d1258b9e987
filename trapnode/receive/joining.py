"""What goes into one downlink: the commands that fit, the oldest first, and an ack."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from trapnode.message.downlink import Ack, Command, SetTime, pack_commands, read_commands

__all__ = ["ACK_BITS", "Joined", "Waiting", "ack_of", "join", "only_acks"]

ACK_BITS = 64


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a person asked for, and its row."""

    id: int
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """The body of a downlink, which rows it takes along, and whether the ack had room."""

    body: bytes
    taken: tuple[int, ...]
    acks: bool


def ack_of(counters: Sequence[int]) -> Ack:
    """Make the ack of counters that arrived, the highest first; those too far below are left."""
    highest = counters[0]
    bits = (highest - 1 - each for each in counters[1:])
    return Ack(highest, sum(1 << bit for bit in bits if bit < ACK_BITS))


def only_acks(body: bytes) -> bool:
    """Say whether a downlink asks for nothing."""
    return all(isinstance(each, Ack) for each in read_commands(body))


def join(waiting: Sequence[Waiting], ack: Ack | None, now: datetime) -> Joined:
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
    acks = ack is not None and _fits([ack, *commands])
    if ack is not None and acks:
        commands.insert(0, ack)
    return Joined(pack_commands(commands), tuple(taken), acks)


def _fits(commands: Sequence[Command]) -> bool:
    try:
        pack_commands(commands)
    except ValueError:
        return False
    return True
