"""The catalogue: complete, on the screen, and ready for other letters."""

import importlib
import re
import sys
import types
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.technician import Cable, unit_at
from trapnode.console import VERBS
from trapnode.console.deploying import FEATURES
from trapnode.store import ram
from trapnode.texts import ENGLISH, Texts, speak
from trapnode.texts.screen import columns, cut, printable, wrapped
from trapnode.words import (
    CardState,
    ClockTrust,
    MessageKind,
    MessageState,
    Stage,
    Verdict,
    WakeReason,
)

HOUSE = Path(__file__).parents[1] / "trapnode"
USED = re.compile(r'"((?:status|row|test|ask|err|want|clock|unlock|aim|deploy|collect)\.[a-z_.]+)"')
PLACE = re.compile(r"\{[^}]*\}")
CATALOGUES = sorted(
    path.stem for path in (HOUSE / "texts").glob("*.py") if re.fullmatch("[a-z]{2}", path.stem)
)
COLUMNS = {"row.": 9, "feature.": 15}  # At most; of all others a line.


def wrong_with(table: dict[str, str]) -> list[str]:
    """Say what of a catalogue we would not ship: keys, places, width, what steers a terminal."""
    keys = [f"{key}: missing" for key in ENGLISH if key not in table]
    keys += [f"{key}: unknown" for key in table if key not in ENGLISH]
    return keys + [
        f"{key}: {fault}"
        for key, text in table.items()
        for fault in _faults(key, text, ENGLISH.get(key, text))
    ]


def _faults(key: str, text: str, english: str) -> list[str]:
    ours, theirs = sorted(PLACE.findall(text)), sorted(PLACE.findall(english))
    left_out = key.startswith("said.") and set(ours) <= set(theirs)  # A sentence may do without.
    most = next((n for start, n in COLUMNS.items() if key.startswith(start)), 80)
    lines = [PLACE.sub("", line) for line in text.split("\n")]
    return [
        *(["other places"] if ours != theirs and not left_out else []),
        *(["too wide"] if any(columns(line) > most for line in lines) else []),
        *(["not printable"] if any(printable(line, True) != line for line in lines) else []),
        *(["lines"] if len(lines) > max(1, english.count("\n") + 1) else []),
    ]


OTHERS = ("deploy", "collect", "aim", "help", "?")  # They ask, go on, or are as wide as they are.


def in_letters(text: str, letter: str) -> str:
    """A translation of sorts: every letter another one; what is typed and filled in stays."""
    parts = PLACE.split(text)
    places = [*PLACE.findall(text), ""]
    wide = columns(letter)  # A Chinese character stands for more than a letter.
    turned = [re.sub(f"[A-Za-z]{{1,{2 * wide - 1}}}", letter, part) for part in parts]
    return "".join(a + b for a, b in zip(turned, places, strict=True))


SCRATCH = Texts({key: in_letters(text, "\u0436") for key, text in ENGLISH.items()})


def test_every_text_that_the_code_asks_for_is_there() -> None:
    code = "".join(path.read_text("utf-8") for path in HOUSE.rglob("*.py"))
    asked = {each for each in USED.findall(code) if not each.endswith((".json", "."))}
    assert asked
    assert {key for key in asked if key not in ENGLISH} == set()


@pytest.mark.parametrize("language", CATALOGUES)
def test_a_catalogue_of_ours_is_whole_and_fits_the_screen(language: str) -> None:
    table = importlib.import_module(f"trapnode.texts.{language}").TEXTS
    assert wrong_with(table) == []
    assert len(table["help"].split("\n")) <= 22


@pytest.mark.parametrize(
    ("key", "text", "fault"),
    [
        ("lock.done", None, "missing"),
        ("lock.open", "x", "unknown"),
        ("clock.done", "set", "other places"),
        ("clock.done", "set: {now}", "other places"),
        ("said.silent", "{procces} is silent", "other places"),
        ("lock.done", "\u9501" * 41, "too wide"),
        ("row.battery", "\u7535\u6c60\u7535\u6c60\u7535", "too wide"),
        ("lock.done", "\x1b[2J", "not printable"),
        ("lock.done", "one\ntwo", "not printable"),
    ],
)
def test_a_catalogue_with_a_fault_is_not_ours(key: str, text: str | None, fault: str) -> None:
    table = {each: told for each, told in (ENGLISH | {key: text}).items() if told is not None}
    assert any(each.startswith(key) and fault in each for each in wrong_with(table)) or (
        fault == "not printable" and wrong_with(table)
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("card", CardState),
        ("trust", ClockTrust),
        ("reason", WakeReason),
        ("stage", set(Stage) - {Stage.FULL}),
        ("state", MessageState),
        ("kind", set(MessageKind) - {MessageKind.COMMANDS}),
        ("verdict", Verdict),
        ("feature", FEATURES),
    ],
)
def test_every_word_of_the_rows_that_is_shown_is_there(kind: str, words: Iterable[str]) -> None:
    assert {f"{kind}.{each}" for each in words} - set(ENGLISH) == set()


def test_what_the_other_processes_say_is_in_the_catalogue_as_they_say_it() -> None:
    code = "".join(
        path.read_text("utf-8") for path in HOUSE.rglob("*.py") if path.parent.name != "texts"
    )
    for key, text in ENGLISH.items():
        if key.startswith("said."):
            pieces = [each.strip(" :,") for each in PLACE.split(text)]
            for piece in (each for each in pieces if len(each) > 3):
                assert all(word in code for word in re.split("[:,]? ", piece)), (key, piece)


def test_a_fault_is_said_in_the_technicians_language() -> None:
    texts = Texts({"said.silent": "{process} \u043c\u043e\u043b\u0447\u0438\u0442 {seconds}"})
    (told,) = ram.process_faults(
        {"station": ram.Beat("station", 1.0, "")}, {"station": 9}, 100, True
    )
    assert texts.said(told[1]) == "station \u043c\u043e\u043b\u0447\u0438\u0442 99"
    assert texts.said("nobody knows this") == "nobody knows this"
    assert Texts().said(told[1]) == told[1]


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["radio: ", " tried in vain", ", last: ", "\n", "x" * 90])))
def test_whatever_is_said_is_said_at_once(parts: list[str]) -> None:
    assert SCRATCH.said("".join(parts)) is not None


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
    seen = [screen, *(cable.ask(verb) for verb in VERBS if verb not in OTHERS)]
    seen += [cable.console.say(each) for each in ("deploy", "IK", *"....", "\x03")]
    for line in (line for each in seen for line in each if not line.startswith("{")):
        assert sum(2 if each == "\u8c79" else 1 for each in line) <= 80, line


def test_half_a_translation_is_of_use() -> None:
    texts = Texts({"lock.done": "\u0437\u0430\u043f\u0435\u0440\u0442\u043e", "no.such": "x"})
    assert texts("lock.done") == "\u0437\u0430\u043f\u0435\u0440\u0442\u043e"
    assert texts("clock.done", at="now") == ENGLISH["clock.done"].format(at="now")


@pytest.mark.parametrize("wrong", ["{nobody}", "{0}", "{at", "{at.real.x:>{y}}"])
def test_a_translation_with_a_wrong_place_in_it_gives_way_to_english(wrong: str) -> None:
    assert Texts({"clock.done": wrong})("clock.done", at="now") == "set, UTC: now"


def test_a_language_that_nobody_wrote_is_english() -> None:
    assert speak("zz")("lock.done") == "locked"


@pytest.mark.parametrize("table", [None, [], {"lock.done": 5}, {5: "x"}])
def test_a_catalogue_that_is_none_is_english(table, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("trapnode.texts.xx")
    module.TEXTS = table
    monkeypatch.setitem(sys.modules, "trapnode.texts.xx", module)
    assert speak("xx")("lock.done") == "locked"


@given(st.text("ab \u8c79", min_size=1, max_size=300).map(lambda each: each.strip() or "x"))
def test_a_long_line_is_broken_and_nothing_of_it_is_lost(text: str) -> None:
    rows = wrapped(text, "    ")
    assert all(columns(row) <= 80 for row in rows)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")


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
    assert Texts().age(seconds) == text


@pytest.mark.parametrize("language", ["ru", "zh"])
def test_the_guide_in_a_language_quotes_what_its_console_says(language: str) -> None:
    guide = (HOUSE.parent / "docs" / f"field-guide.{language}.md").read_text("utf-8")
    table = importlib.import_module(f"trapnode.texts.{language}").TEXTS
    said = [PLACE.split(text) for text in table.values()]
    told = [" ".join(piece.split()) for pieces in said for piece in pieces]
    quoted = [each for each in re.findall("`([^`]+)`", guide) if not each.isascii()]
    assert len(quoted) > 20
    for each in quoted:
        typed = each.split(" ")[0] in VERBS
        wanted = [part.strip() for part in each.split("...") if part.strip()]
        assert typed or all(any(part in piece for piece in told) for part in wanted), each
