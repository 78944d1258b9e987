"""A doorbell that may be lost, flooded or never hung: the loop looks for itself."""

import select

from trapnode.store.doorbell import MOST_RINGS, SORTER, Doorbell, ring


def rings(bell: Doorbell) -> bool:
    return bool(select.select([bell], [], [], 0)[0])


def test_a_ring_is_heard_once(run):
    bell = Doorbell(run, SORTER)
    assert not rings(bell)
    ring(run, SORTER)
    assert rings(bell)
    assert bell.answered()
    assert not rings(bell)
    assert not bell.answered()
    bell.close()


def test_ringing_where_nobody_is_at_home_is_fine(run, tmp_path):
    ring(run, SORTER)
    ring(tmp_path / "none", SORTER)


def test_a_flood_neither_blocks_the_ringer_nor_holds_the_loop(run):
    bell = Doorbell(run, SORTER)
    for _ in range(3 * MOST_RINGS):
        ring(run, SORTER)
    assert bell.answered()
    bell.close()


def test_the_bell_of_an_earlier_life_is_replaced(run):
    first = Doorbell(run, SORTER)
    second = Doorbell(run, SORTER)
    ring(run, SORTER)
    assert second.answered()
    assert not first.answered()
    first.close()
    second.close()


def test_a_missing_run_folder_costs_only_the_bell(tmp_path, caplog):
    bell = Doorbell(tmp_path / "none", SORTER)
    assert not rings(bell)
    assert not bell.answered()
    assert "nobody can ring" in caplog.text
    bell.close()
