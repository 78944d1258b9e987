"""The catalogue: complete, on the screen, and ready for other letters."""

import re
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.technician import Cable, unit_at
from trapnode.console import VERBS
from trapnode.store import ram
from trapnode.texts import ENGLISH, Texts, speak
from trapnode.texts.screen import age_text, cut, printable

HOUSE = Path(__file__).parents[1] / "trapnode"
USED = re.compile(r'"((?:status|row|test|ask|err|want|clock|unlock|aim|deploy|collect)\.[a-z_.]+)"')
PLACE = re.compile(r"\{[^}]*\}")


def in_letters(text: str, letter: str) -> str:
    """A translation of sorts: every letter another one; what is typed and filled in stays."""
    parts = PLACE.split(text)
    places = [*PLACE.findall(text), ""]
    turned = [re.sub("[A-Za-z]", letter, part) for part in parts]
    return "".join(a + b for a, b in zip(turned, places, strict=True))


def test_every_text_that_the_code_asks_for_is_there() -> None:
    code = "".join(path.read_text("utf-8") for path in HOUSE.rglob("*.py"))
    asked = {each for each in USED.findall(code) if not each.endswith((".json", "."))}
    assert asked
    assert {key for key in asked if key not in ENGLISH} == set()


def test_every_text_fits_the_screen() -> None:
    for key, text in ENGLISH.items():
        for line in text.split("\n"):
            assert len(PLACE.sub("", line)) <= 80, key
    assert len(ENGLISH["help"].split("\n")) <= 22


def test_the_english_texts_are_ascii() -> None:
    assert not Texts().utf8


@pytest.mark.parametrize("letter", ["\u0436", "\u8c79"])  # Russian; Chinese, two columns wide.
def test_a_language_dropped_in_is_spoken(
    letter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("trapnode.texts.xx")
    module.TEXTS = {key: in_letters(text, letter) for key, text in ENGLISH.items()}
    monkeypatch.setitem(sys.modules, "trapnode.texts.xx", module)
    texts = speak("xx")
    assert texts.utf8
    ram.write_snapshot(tmp_path, {"unit": "AL07", "monotonic_s": 100.0, "faults": ["a \x1b fault"]})
    cable = Cable(unit_at(tmp_path, texts=texts))
    screen = cable.type(b"status\r").decode("utf-8").splitlines()
    english = set("".join(screen[1:-1])) & set("bcdhjknpqvwyz")  # Of our texts; data has others.
    assert letter in screen[1]
    assert english <= set("bcdhkpy")
    assert "\x1b" not in "".join(screen)
    columns = [sum(2 if each == "\u8c79" else 1 for each in line) for line in screen]
    assert max(columns) <= 80
    for verb in VERBS:
        assert cable.type(f"{verb}\r".encode()).decode("utf-8")


def test_half_a_translation_is_of_use() -> None:
    texts = Texts({"lock.done": "\u0437\u0430\u043f\u0435\u0440\u0442\u043e", "no.such": "x"})
    assert texts("lock.done") == "\u0437\u0430\u043f\u0435\u0440\u0442\u043e"
    assert texts("clock.done", at="now") == ENGLISH["clock.done"].format(at="now")


@pytest.mark.parametrize("wrong", ["{nobody}", "{0}", "{at", "{at.real.x:>{y}}"])
def test_a_translation_with_a_wrong_place_in_it_gives_way_to_english(wrong: str) -> None:
    assert Texts({"clock.done": wrong})("clock.done", at="now") == "set: now UTC"


def test_a_language_that_nobody_wrote_is_english() -> None:
    assert speak("zz")("lock.done") == "locked"


@pytest.mark.parametrize("table", [None, [], {"lock.done": 5}, {5: "x"}])
def test_a_catalogue_that_is_none_is_english(table, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("trapnode.texts.xx")
    module.TEXTS = table
    monkeypatch.setitem(sys.modules, "trapnode.texts.xx", module)
    assert speak("xx")("lock.done") == "locked"


@given(st.text(max_size=200), st.booleans())
def test_a_line_never_steers_a_terminal(text: str, utf8: bool) -> None:
    shown = printable(text, utf8)
    assert len(shown) == len(text)
    assert utf8 or shown.isascii()
    assert not {each for each in shown if ord(each) < 32 or 0x7F <= ord(each) < 0xA0}
    assert "\u202e" not in shown
    assert len(cut(text, utf8)) <= 80


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "-3 s"), (119, "119 s"), (600, "10 min"), (9000, "2 h"), (3e5, "3 days")],
)
def test_an_age_is_in_a_unit_that_says_enough(seconds: float, text: str) -> None:
    assert age_text(seconds) == text
