"""Which sequences are one event: those closer than the independence interval."""

from trapnode.model import ClockTrust, Sequence

__all__ = ["event_of"]


def event_of(
    sequence: Sequence, previous: tuple[int, Sequence] | None, independence_interval_s: float
) -> int:
    """Give the event of a sequence: the previous one's if close enough, else a new one.

    `previous` is the last sequence with the same label, and its event. An event is named by the
    id of its first sequence. What nobody can date, or what lies before its predecessor, starts a
    new event: an animal told twice is better than one never told.
    """
    if previous is None:
        return sequence.id
    event, before = previous
    apart_s = _apart_s(before, sequence)
    if apart_s is not None and 0 <= apart_s <= independence_interval_s:
        return event
    return sequence.id


def _apart_s(before: Sequence, after: Sequence) -> float | None:
    """Give the time between two triggers: monotonic within a boot, else by trusted clocks."""
    if after.boot and after.boot == before.boot:
        return after.trigger.monotonic_s - before.trigger.monotonic_s
    if ClockTrust.NONE in (before.clock_trust, after.clock_trust):
        return None
    return (after.trigger.at - before.trigger.at).total_seconds()
