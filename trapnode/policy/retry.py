"""When a message is tried again: retry is a moment in a row, never a sleeping loop."""

from datetime import datetime, timedelta

from trapnode.model import ClockTrust

__all__ = ["may_try", "next_attempt"]

RETRY_FIRST = timedelta(minutes=1)  # Rock7's power advice after a failed session.
RETRY_LONGEST = timedelta(hours=2)
HOLD_LONGEST = timedelta(days=1)  # The longest wait a network may ask for.


def next_attempt(attempts: int, now: datetime, retry_after_s: float | None = None) -> datetime:
    """Double the wait after each failed attempt, up to RETRY_LONGEST.

    `attempts` counts the failed ones, from 1. `retry_after_s` is the network's own word and
    wins where it is longer, up to HOLD_LONGEST.
    """
    doublings = min(max(attempts, 1) - 1, 16)  # 16 is past RETRY_LONGEST and far from overflow.
    wait = min(RETRY_FIRST * (1 << doublings), RETRY_LONGEST)
    if retry_after_s is not None:
        wait = max(wait, min(timedelta(seconds=retry_after_s), HOLD_LONGEST))
    return now + wait


def may_try(
    not_before: datetime, now: datetime, trust: ClockTrust, tried_s_ago: float | None
) -> bool:
    """Say whether a message may be attempted now.

    `tried_s_ago` is the monotonic time since its last attempt in this boot: None for none, 0 for
    one that nobody measured. A clock that nobody trusts allows one attempt a boot, and another
    after RETRY_LONGEST of monotonic time. A `not_before` further away than any wait we give was
    written by a clock that ran ahead.
    """
    if trust is ClockTrust.NONE:
        return tried_s_ago is None or tried_s_ago >= RETRY_LONGEST.total_seconds()
    return not timedelta(0) < not_before - now <= HOLD_LONGEST
