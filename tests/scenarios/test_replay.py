"""The five real processes on twins, each killed once and started again, while bursts are replayed.

The rig kills each of them two hundred times.
"""

from pathlib import Path

from tests.rig.replay import replay


def test_each_of_the_five_processes_may_be_killed_in_a_replay(tmp_path: Path) -> None:
    assert "nothing lost" in replay(tmp_path, kills_of_each=1, seed=7)
