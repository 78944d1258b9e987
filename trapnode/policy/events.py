"""Which sequences are one event: those closer than the independence interval."""

from datetime import datetime, timedelta

__all__ = ["event_of"]


def event_of(
    sequence: int,
    at: datetime,
    previous: tuple[int, datetime] | None,
    independence_interval_s: float,
) -> int:
    """Give the event of a sequence: the previous one's if close enough, else a new one.

    `previous` is the event and the time of the last sequence with the same label. An event is
    named by the id of its first sequence. A clock that went back starts a new event.
    """
    if previous is None:
        return sequence
    event, before = previous
    apart = at - before
    if timedelta(0) <= apart <= timedelta(seconds=independence_interval_s):
        return event
    return sequence
