"""kill -9 at any moment: no frame missing, no message lost, none sent with other bytes.

A seeded sample; `make rig` makes hundreds.
"""

import pytest

from tests.rig.kills import (
    LOOPS,
    PROCESSES,
    acknowledged,
    at_each_step,
    kill_at_moments,
    kill_at_step,
    verdict,
)


@pytest.fixture
def folder(card):
    (card / "state").mkdir()
    for process in ("station", "station", "sorter", "station"):
        assert not kill_at_step(card, process, 10_000)
    return card


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_may_kill_itself_between_any_two_steps(folder, process):
    assert at_each_step(folder, process) >= 3
    assert verdict(folder) == []


@pytest.mark.parametrize("seed", range(1))
def test_processes_may_be_killed_at_any_moment(folder, seed):
    assert kill_at_moments(folder, kills=4, seed=seed, longest_s=0.2) == 8
    assert verdict(folder) == []
    assert list(acknowledged(folder))


def test_the_verdict_bites(folder):
    """A kept frame that vanishes and a message whose bytes change are found out."""
    assert verdict(folder) == []
    next(folder.rglob("*.000002.1.jpg")).unlink()
    assert any("is lost" in each or "pixels are gone" in each for each in verdict(folder))


def test_every_process_has_a_victim():
    assert set(LOOPS) == set(PROCESSES)
