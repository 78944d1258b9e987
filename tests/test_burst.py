"""When a trigger counts, and how long its burst goes on."""

import pytest

from trapnode.policy.burst import BurstPlan, goes_on, quiet_until, sync_due

PLAN = BurstPlan(frames=3, frames_max=5, interval_s=0.3)


@pytest.mark.parametrize(
    ("taken", "active", "expected"),
    [(0, False, True), (2, False, True), (3, False, False), (3, True, True), (5, True, False)],
)
def test_a_burst_takes_its_frames_and_more_while_the_animal_moves(taken, active, expected):
    assert goes_on(taken, active, PLAN) is expected


def test_a_stuck_pir_ends_at_the_most_frames():
    assert not goes_on(PLAN.frames_max, True, PLAN)


def test_edges_are_ignored_until_the_camera_delay_and_the_burst_are_over():
    assert quiet_until(10.0, 11.0, 30.0) == 40.0
    assert quiet_until(10.0, 55.0, 30.0) == 55.0


@pytest.mark.parametrize(
    ("taken", "unsynced", "oldest_s", "expected"),
    [
        (1, 1, 0.0, True),
        (2, 1, 0.3, False),
        (5, 4, 0.9, True),
        (2, 1, 2.0, True),
        (2, 0, 9.0, False),
    ],
    ids=["first at once", "second may wait", "four", "two seconds", "nothing to sync"],
)
def test_frames_reach_the_card_at_once_after_four_or_after_two_seconds(
    taken, unsynced, oldest_s, expected
):
    assert sync_due(taken, unsynced, oldest_s) is expected
