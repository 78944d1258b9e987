"""What the modem sends next: the most valuable first, and what is frozen before what is not."""

from collections.abc import Sequence
from datetime import datetime

from trapnode.model import Message, MessageKind, Report
from trapnode.policy.report import is_due

__all__ = ["next_to_send"]


def next_to_send(
    frozen: Sequence[Message],
    waiting: Sequence[Report],
    now: datetime,
    full: int,
    batch_s: float,
) -> Message | tuple[Report, ...] | None:
    """Choose a frozen message that may be tried, or up to `full` reports to freeze into one.

    `frozen` and `waiting` are sorted, most valuable first. A message on its way goes before
    reports of the same priority; a fresh leopard goes before a stale status report.
    """
    group = _group(waiting, full) if is_due(waiting, now, full, batch_s) else ()
    if frozen and (not group or frozen[0].priority <= group[0].priority):
        return frozen[0]
    return group or None


def _group(waiting: Sequence[Report], full: int) -> tuple[Report, ...]:
    """Take the first report and what may ride with it: bytes in the same credit are free."""
    kind = waiting[0].kind
    most = full if kind is MessageKind.OBSERVATIONS else 1
    return tuple(report for report in waiting if report.kind is kind)[:most]
