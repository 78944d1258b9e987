"""File names say which frame it is, and are safe for every tool."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapnode.store import names

AT = datetime(2026, 11, 22, 4, 30, 12, tzinfo=UTC)


def test_a_frame_is_named_by_unit_time_sequence_and_number():
    stem = names.stem_of("AL07", AT, 42)
    assert stem == "AL07.20261122T043012Z.000042"
    path = names.frame_path(stem, AT, 1)
    assert path == "2026/11/22/AL07.20261122T043012Z.000042.1.jpg"
    assert names.preview_path(path).endswith(".000042.1.preview.jpg")


@given(
    st.from_regex(r"[A-Za-z0-9]{1,16}", fullmatch=True, alphabet=st.characters(codec="ascii")),
    st.datetimes(datetime(1970, 1, 1), datetime(2106, 1, 1), timezones=st.just(UTC)),
    st.integers(1, 999_999_999),
    st.integers(1, 999),
    st.booleans(),
)
def test_a_name_comes_back_as_it_was_given(unit, at, sequence, number, preview):
    stem = names.stem_of(unit, at, sequence)
    path = names.frame_path(stem, at, number)
    name = (names.preview_path(path) if preview else path).rsplit("/", 1)[1]
    found = names.parse(name)
    assert found == names.FileName(stem, at.replace(microsecond=0), sequence, number, preview)
    assert len(name) < 100


@pytest.mark.parametrize(
    "name",
    [
        "",
        "IMG_0001.JPG",
        "AL07.20261322T043012Z.000042.1.jpg",
        "AL07.20261122T043012Z.42.1.jpg",
        "AL07.20261122T043012Z.000042.jpg",
        "AL07.20261122T043012Z.000042.1.jpg.part",
        "AL07.20261122T043012Z.000042.1.jpg\n",
        "AL 07.20261122T043012Z.000042.1.jpg",
        "../AL07.20261122T043012Z.000042.1.jpg",
    ],
)
def test_a_name_that_is_not_ours_is_nobodys(name):
    assert names.parse(name) is None


@given(st.text())
def test_any_text_is_a_name_or_is_not(text):
    names.parse(text)
    names.parse(f"AL07.{text}.jpg")
