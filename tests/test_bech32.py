"""A public half is known without the library that seals to it, and a mistyped one is not taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrage import RecipientError, x25519

from trapnode.age import new_key
from trapnode.bech32 import LETTERS, is_public_half

GOOD = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"  # Of age's README.


def library_takes(text: str) -> bool:
    try:
        x25519.Recipient.from_str(text)
    except RecipientError:
        return False
    return True


def test_keys_of_both_makers_are_public_halves():
    assert is_public_half(GOOD)
    assert all(is_public_half(new_key()[1]) for _ in range(20))


@given(st.integers(0, len(GOOD) - 1), st.sampled_from([*LETTERS, "1", "b", "A", " ", ""]))
def test_one_letter_decides_as_in_the_library(at, letter):
    text = GOOD[:at] + letter + GOOD[at + 1 :]
    assert is_public_half(text) == library_takes(text) == (text == GOOD)


@given(st.text(alphabet=[*LETTERS, "1", "a"], max_size=80))
def test_any_text_is_one_or_not_as_in_the_library(text):
    assert is_public_half(text) == library_takes(text)
    assert is_public_half("age1" + text) == library_takes("age1" + text)


@pytest.mark.parametrize(
    "text",
    ["", "age1", GOOD.upper(), new_key()[0], f" {GOOD}", GOOD + "\n"],
    ids=["empty", "head", "upper", "private", "space", "line"],
)
def test_what_is_not_exactly_one_is_none(text):
    assert not is_public_half(text)
