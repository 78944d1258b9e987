"""When a message is tried again: retry is a moment in a row, never a sleeping loop.

Iridium's vendors retry once at once, then after 0 to 5 s (2nd, 3rd), 0 to 30 s (4th, 5th), 90 to
240 s (6th to 11th), then every 300 s. Their units have mains and minutes; ours has a battery, where
a session costs as much as seven events, and hours. So:

1 min     the first five of theirs are one of ours: a satellite is in view for minutes, so what it
          does not hear now it will not hear in 5 s; Rock7 advises just this wait, the modem asleep.
2, 4 min  as theirs: the next satellite comes after about 10 min, under a canopy through a gap.
8 min ..  theirs would go on every 5 min for ever: a valley without sky would empty the battery.
2 h       the longest of ours: twelve sessions a day, a third of an hour awake.
1 day     the longest that a network may ask for, and what `LinkBarred` does: a person must come.

A success begins anew: the waits are a message's own.
"""

from datetime import datetime, timedelta

from trapnode.model import ClockTrust

__all__ = ["HOLD_LONGEST", "may_try", "next_attempt"]

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
