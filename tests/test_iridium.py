"""Iridium's statuses and its time."""

from datetime import UTC, datetime, timedelta

import pytest

from trapnode.protocols.iridium import ERAS, TICK, iridium_time, mo_status

BUILT = datetime(2026, 9, 1, tzinfo=UTC)
LATEST = datetime(2036, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("code", "wait_s"), [(15, 86400), (36, 180), (38, 180), (32, None)])
def test_the_network_may_say_how_long_to_wait(code, wait_s):
    assert mo_status(code).retry_after_s == wait_s


def ticks(moment: datetime, era: int) -> int:
    return (moment - ERAS[era]) // TICK


@pytest.mark.parametrize("era", [0, 1])
def test_the_network_may_count_from_either_epoch(era):
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    if era == 1:
        built = datetime(2025, 1, 1, tzinfo=UTC)
        noon = datetime(2026, 1, 10, 12, tzinfo=UTC)  # four days before the new epoch went live
        reading = iridium_time(ticks(noon, 1), built=built, latest=noon + timedelta(days=30))
    else:
        reading = iridium_time(ticks(noon, 0), built=BUILT, latest=LATEST)
    assert timedelta(0) <= noon - reading < TICK


def test_a_time_before_the_software_was_built_is_none():
    assert iridium_time(5, built=BUILT, latest=LATEST) is None
