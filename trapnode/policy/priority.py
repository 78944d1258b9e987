"""What the modem sends next: the most valuable first, and what is frozen before what is not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from trapnode.model import Message, MessageKind, Report
from trapnode.policy.report import is_due

__all__ = ["Terms", "next_to_send"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be sent now."""

    room: int  # Bytes of the longest message that the link takes,
    overhead: int  # and what of them is no report.
    full: int  # The most observations of a message.
    batch_s: float
    may: Callable[[int, int], bool]  # By priority and size: what is worth it, and affordable.


def next_to_send(
    frozen: Sequence[Message], waiting: Sequence[Report], now: datetime, terms: Terms
) -> Message | tuple[Report, ...] | None:
    """Choose a frozen message that may be tried, or reports to freeze into one.

    `frozen` and `waiting` are sorted, most valuable first. A message on its way goes before
    reports of the same priority; a fresh leopard goes before a stale status report.
    """
    messages = (each for each in frozen if terms.may(each.priority, len(each.payload)))
    first = next(messages, None)
    groups = [
        each
        for each in _groups(waiting, now, terms)
        if (size := terms.overhead + sum(len(report.body) for report in each)) <= terms.room
        and terms.may(each[0].priority, size)
    ]
    group = min(groups, key=lambda each: each[0].priority, default=None)
    if first and (group is None or first.priority <= group[0].priority):
        return first
    return group


def _groups(waiting: Sequence[Report], now: datetime, terms: Terms) -> list[tuple[Report, ...]]:
    """Join observations that are due: bytes in the same credit are free. The rest goes alone."""
    kind = MessageKind.OBSERVATIONS
    groups: list[tuple[Report, ...]] = [(each,) for each in waiting if each.kind is not kind]
    observations = tuple(each for each in waiting if each.kind is kind)
    if observations:
        fit = (terms.room - terms.overhead) // len(observations[0].body)
        full = max(1, min(terms.full, fit))
        if is_due(observations, now, full, terms.batch_s):
            groups.append(observations[:full])
    return groups
