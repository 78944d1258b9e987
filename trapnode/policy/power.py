"""What a low battery, the cold and the heat leave the unit to do, and when it may switch off.

A picture of a leopard is the last thing to go: in every stage a trigger makes at least a frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trapnode.policy.burst import BurstPlan
from trapnode.policy.report import PRIORITY_PREVIEW, PRIORITY_STATUS, PRIORITY_TARGET
from trapnode.words import Stage

__all__ = [
    "Awake",
    "is_hot",
    "is_hung",
    "next_alarm",
    "plan_in",
    "reboot_cures",
    "stage_of",
    "stays_awake",
    "tells",
]

STAGES = tuple(Stage)
ENTER = {  # Share of the usable energy that is left: at or below it the stage begins.
    Stage.FEWER: 0.25,
    Stage.NO_PREVIEWS: 0.15,
    Stage.TARGETS: 0.08,
    Stage.STATUS: 0.04,
    Stage.OFF: 0.015,
}
HYSTERESIS = 0.03  # More than noise and a cell's recovery; a stage ends this far above its begin.
LOW_SHARE = ENTER[Stage.FEWER]  # What a voltage at `low_mv` counts as.
COLD_C = -30.0  # Below: a transmitting modem's peak is what browns a cold battery out (assumed).
HOT_C, COOL_C = 80.0, 75.0  # The Pi throttles from 80 (Raspberry Pi documentation).
FEWER_FRAMES = 2
ALARM_LEAST = timedelta(minutes=1)
HUNG_S = 300.0  # Five times the station's watchdog.
REBOOT_AFTER_S = 3600.0
RETRY_AT_NIGHT = timedelta(hours=4)  # What waits for the sky is not worth a boot any sooner.


def stage_of(
    before: Stage, left_share: float, battery_mv: int | None, *, low_mv: int, empty_mv: int
) -> Stage:
    """Give the stage after `before`, at most one step from it.

    One step a look: a voltage that sags under one burst of the modem costs one stage for ten
    seconds, not the day's pictures. The flat voltage of lithium cells says nothing above `low_mv`;
    below it the worse of both counts.
    """
    share = left_share
    if battery_mv is not None and battery_mv < low_mv:
        span = max(1, low_mv - empty_mv)
        share = min(share, LOW_SHARE * max(0, battery_mv - empty_mv) / span)
    place = STAGES.index(before)
    if place + 1 < len(STAGES) and share <= ENTER[STAGES[place + 1]]:
        return STAGES[place + 1]
    if place > 0 and share > ENTER[before] + HYSTERESIS:
        return STAGES[place - 1]
    return before


def plan_in(stage: Stage, plan: BurstPlan) -> BurstPlan:
    """Give what a trigger makes in a stage: from `fewer` on two frames, in `off` one."""
    if stage is Stage.FULL:
        return plan
    most = 1 if stage is Stage.OFF else FEWER_FRAMES
    return BurstPlan(min(plan.frames, most), min(plan.frames_max, most), plan.interval_s)


def tells(stage: Stage, priority: int, celsius: float | None = None) -> bool:
    """Say whether what has this priority is worth its energy now.

    In the cold only targets and the status go; previews end a stage before all else.
    """
    if stage is Stage.OFF:
        return False
    if stage is Stage.STATUS:
        return priority == PRIORITY_STATUS
    if stage is Stage.TARGETS or (celsius is not None and celsius < COLD_C):
        return priority in (PRIORITY_TARGET, PRIORITY_STATUS)
    return priority != PRIORITY_PREVIEW or stage in (Stage.FULL, Stage.FEWER)


def is_hot(before: bool, celsius: float | None) -> bool:
    """Say whether judging waits for the processor to cool; not below 75 degrees C."""
    return celsius is not None and celsius >= (COOL_C if before else HOT_C)


@dataclass(frozen=True, slots=True)
class Awake:
    """What a gated unit must know before it switches itself off; times in monotonic s."""

    now_s: float
    settled: bool  # All processes have said how they are.
    last_event_s: float  # The last trigger or, without one, the start.
    target: bool  # One of this life's observations is of a target.
    unsorted: int
    judging: bool  # The sorter can judge: without a judge what is unsorted waits anyway.
    due: int  # Messages that could go now, and are worth it.
    busy: Sequence[str] = ()  # Who asks for more time: a technician, a stick, an update.
    silent_s: float = 0.0  # Since the station last gave a sign of life.


def stays_awake(awake: Awake, stage: Stage, linger_s: float, linger_target_s: float) -> str:
    """Say why the unit stays awake, or nothing: then it may switch off."""
    if not awake.settled:
        return "still starting"
    if awake.busy:
        return ", ".join(awake.busy)
    wait_s = 0.0 if stage is Stage.OFF else linger_target_s if awake.target else linger_s
    if (more_s := awake.last_event_s + wait_s - awake.now_s) > 0:
        return f"lingers for {more_s:.0f} s"
    if stage is Stage.OFF:
        return ""
    if awake.unsorted and awake.judging:
        return f"{awake.unsorted} unsorted"
    return f"{awake.due} to send" if awake.due else ""


def is_hung(silent_s: float) -> bool:
    """Say whether the station hangs for good: systemd's watchdog would have ended it long ago.

    A camera in an endless wait in the kernel (state D) is cured by nothing but its power.
    """
    return silent_s >= HUNG_S


def reboot_cures(silent_s: float, up_s: float) -> bool:
    """Say whether a unit without a board shall reboot for its station; not twice an hour."""
    return is_hung(silent_s) and up_s >= REBOOT_AFTER_S


def next_alarm(now: datetime, status_hour: float, waiting: int) -> timedelta:
    """Give the time from now to when the unit shall wake by itself.

    At the hour of the status report, and within four hours while messages wait. A span, not a
    moment: the board counts it by its own clock, whatever the wall clock says.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = midnight + timedelta(hours=status_hour, seconds=30)
    status = today if today > now else today + timedelta(days=1)
    wait = status - now
    return max(ALARM_LEAST, min(wait, RETRY_AT_NIGHT) if waiting else wait)
