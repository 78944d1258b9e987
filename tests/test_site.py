"""The site's memory: bounded, a witness only, and no picture for a thief."""

import pytest

from tests.faults import every_cut
from trapnode.store.disk import RealDisk
from trapnode.store.site import Site


def grey(number: int) -> bytes:
    return bytes([number]) * (160 * 120)


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path / "site", RealDisk(), most=3)


def test_the_latest_blanks_are_known_after_a_boot_and_the_oldest_forgotten(site, tmp_path):
    for number in range(1, 6):
        site.remember(number, grey(number))
    assert site.past() == [grey(3), grey(4), grey(5)]
    again = Site(tmp_path / "site", RealDisk(), most=3)
    assert again.past() == [grey(3), grey(4), grey(5)]
    assert len(list((tmp_path / "site").iterdir())) == 3


def test_a_sequence_judged_twice_is_known_once(site):
    site.remember(7, grey(1))
    site.remember(7, grey(2))
    assert site.past() == [grey(2)]


def test_what_is_no_grey_of_ours_is_passed_over(site, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "README.grey").write_bytes(b"?")
    (tmp_path / "site" / "00000002.grey.part").write_bytes(b"half")
    assert site.past() == []


def test_a_card_that_takes_nothing_costs_the_memory_alone(tmp_path):
    (tmp_path / "site").write_bytes(b"a file where the folder should be")
    site = Site(tmp_path / "site", RealDisk(), most=3)
    site.remember(1, grey(1))
    assert site.past() == [grey(1)]


def test_a_power_cut_at_any_step_leaves_a_memory_that_opens_and_goes_on(tmp_path):
    def work(state, power):
        site = Site(state / "site", power.disk, most=3)
        for number in range(1, 6):
            site.remember(number, grey(number))

    def check(state, _power):
        site = Site(state / "site", RealDisk(), most=3)
        assert len(site.past()) <= 4  # The oldest goes after the newest came.
        site.remember(9, grey(9))
        assert site.past()[-1] == grey(9)
        assert len(site.past()) <= 3

    assert every_cut(tmp_path / "cuts", None, work, check) > 10
