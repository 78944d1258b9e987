"""When a trigger counts, and how long its burst goes on."""

from dataclasses import dataclass

__all__ = ["BurstPlan", "goes_on", "held_again_s", "quiet_until", "sync_due"]

SYNC_FRAMES = 4  # At the latest every 4 frames or 2 s, after the first frame on its own.
SYNC_S = 2.0
HELD_FIRST_S = 2.0
HELD_LONGEST_S = 300.0


@dataclass(frozen=True, slots=True)
class BurstPlan:
    """What a trigger may make: `frames` always, up to `frames_max` while the PIR stays active."""

    frames: int
    frames_max: int
    interval_s: float


def quiet_until(trigger_s: float, burst_end_s: float, camera_delay_s: float) -> float:
    """Give the moment until which edges are ignored: the burst's end, or the camera delay's."""
    return max(trigger_s + camera_delay_s, burst_end_s)


def goes_on(taken: int, pir_active: bool, plan: BurstPlan) -> bool:
    """Say whether the burst takes another frame after `taken` of them."""
    return taken < plan.frames or (pir_active and taken < plan.frames_max)


def held_again_s(times: int) -> float:
    """Give the wait until a PIR that is still high counts as a trigger once more.

    Retriggerable modules hold the pin while anything moves, and cubs follow; a pin that is stuck
    must not fill the card. So the wait doubles each time, from 2 s to 5 minutes.
    """
    return float(min(HELD_FIRST_S * (1 << min(times, 16)), HELD_LONGEST_S))


def sync_due(taken: int, unsynced: int, oldest_s: float) -> bool:
    """Say whether the frames taken since the last sync must reach the card now.

    The first frame is synced at once; later ones after four, or when the oldest would be 2 s
    old (`oldest_s`) by the time of the next frame.
    """
    if unsynced == 0:
        return False
    return taken == 1 or unsynced >= SYNC_FRAMES or oldest_s >= SYNC_S
