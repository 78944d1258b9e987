"""TRAPNODE.auth: who may carry pictures away, and every way it may be wrong."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trapnode.policy.authorisation import (
    FILE,
    MOST_BYTES,
    NotAuthorised,
    authorisation,
    check,
    read,
    unit_key,
)

SECRET = bytes(range(32))
KEY = unit_key(SECRET, "AL07")
DAY = date(2027, 1, 31)
GOOD = authorisation(SECRET, ["AL07", "AL08"], DAY)


def refusal(content, unit="AL07", key=KEY, today=DAY):
    with pytest.raises(NotAuthorised) as caught:
        check(content, unit, key, today)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 61, "it stands on a screen behind: stick     refused: "
    return str(caught.value)


@pytest.mark.parametrize("unit", ["AL07", "AL08"])
def test_each_unit_that_is_named_lets_its_pictures_go_to_the_last_day(unit):
    check(GOOD, unit, unit_key(SECRET, unit), DAY)
    check(GOOD.replace(b"\n", b"\r\n"), unit, unit_key(SECRET, unit), DAY)


def test_the_bytes_are_as_the_specification_says():
    assert authorisation(SECRET, ["AL07"], None) == (
        b"trapnode stick 1\n"
        b"AL07 - a08752c4a9d2463626fce7b48cce48c223ceb8cd80a77d89a85c12d24a80f63c\n"
    )


def test_another_unit_another_secret_and_the_day_after_are_refused():
    assert refusal(GOOD, "AL09", unit_key(SECRET, "AL09")) == f"{FILE} does not name AL09"
    other = unit_key(bytes(32), "AL07")
    assert "is forged, or made with another secret" in refusal(GOOD, key=other)
    assert refusal(GOOD, today=date(2027, 2, 1)).endswith("ended 2027-01-31, today is 2027-02-01")


def test_the_key_of_one_unit_authorises_for_no_other():
    moved = GOOD.replace(b"AL07", b"AL09")
    assert "is forged" in refusal(moved, "AL09", unit_key(SECRET, "AL09"))


def test_a_longer_time_is_a_forgery():
    assert "forged" in refusal(GOOD.replace(b"2027", b"2099"))
    assert "forged" in refusal(GOOD.replace(b"2027-01-31", b"-"))


def test_a_unit_without_a_key_trusts_no_stick():
    assert "no stick.key" in refusal(GOOD, key=b"")
    assert "no stick.key" in refusal(authorisation(b"", ["AL07"], None), key=b"")


def test_without_a_clock_only_what_never_ends_counts():
    assert "this unit's clock is not set" in refusal(GOOD, today=None)
    check(authorisation(SECRET, ["AL07"], None), "AL07", KEY, None)


@pytest.mark.parametrize("at", range(len(GOOD)))
def test_a_file_with_one_bit_turned_lets_nothing_else_go(at):
    bent = bytearray(GOOD)
    bent[at] ^= 1
    try:
        check(bytes(bent), "AL07", KEY, DAY)
    except NotAuthorised:
        return
    assert read(bytes(bent))["AL07"] == read(GOOD)["AL07"]  # It was in the other unit's line.


def test_a_file_too_long_is_refused():
    assert f"more than {MOST_BYTES} bytes" in refusal(GOOD + bytes(MOST_BYTES))


@given(st.binary(max_size=300) | st.builds(lambda tail: GOOD + tail, st.binary(max_size=90)))
@example(b"trapnode stick 1\nAL07 9999-99-99 " + b"0" * 64)
@example("trapnode stick 1\nAL0\u0667 - ".encode() + b"0" * 64)
def test_any_bytes_are_read_or_refused_and_never_let_anything_go(content):
    try:
        grants = read(content)
    except NotAuthorised:
        return
    assert all(len(each.mac) == 32 for each in grants.values())
    for unit in {*grants, "AL07"} - ({"AL07", "AL08"} if content.startswith(GOOD) else set()):
        with pytest.raises(NotAuthorised):
            check(content, unit, unit_key(SECRET, unit), DAY)
