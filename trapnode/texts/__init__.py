"""All that the console says, in the technician's language: `en.py`, and any file like it.

A language is a module here whose TEXTS has keys of `en.py` and `en_said.py`; what it leaves out
stays English, so half a translation is of use. A catalogue in other letters (Russian, Chinese)
makes the cable speak UTF-8; one written in ASCII, transliterated, works on any terminal. What is
typed stays ASCII.

What the other processes say (a fault, what a session came to) they say in English, for the log
and the desk; the keys `said.` tell how the console says it. What they do not know stays English.
"""

import importlib
import importlib.util
import re
from collections.abc import Mapping
from functools import cached_property

from trapnode.texts.en import TEXTS as ENGLISH

__all__ = ["ENGLISH", "PLACE", "Texts", "is_spoken", "speak"]

PLACE = re.compile(r"\{(\w*)[^}]*\}")
AGES = (("days", 172_800, 86_400), ("hours", 7_200, 3_600), ("minutes", 120, 60))  # From, of, s.
SAID_MOST = 200  # Characters of another process's words; a line has 80.


class Texts:
    """A catalogue: call it with a key and what goes into the text."""

    def __init__(self, table: Mapping[str, str] = ENGLISH) -> None:
        told = {key: text for key, text in table.items() if isinstance(text, str)}
        self._table = {key: told.get(key, text) for key, text in ENGLISH.items()}
        self.utf8 = not all(text.isascii() for text in self._table.values())
        """Whether the cable must carry more than ASCII."""

    def __call__(self, key: str, **values: object) -> str:
        """Give a text; of a translation with a wrong place in it, the English one."""
        try:
            return self._table[key].format(**values)
        except (LookupError, ValueError, AttributeError):
            return ENGLISH[key].format(**values)

    def lines(self, key: str) -> list[str]:
        """Give a text of several lines."""
        return self._table[key].split("\n")

    def age(self, seconds: float) -> str:
        """Give a length of time in a unit that says enough; before 0 the clock was set back."""
        for unit, least, of_s in AGES:
            if seconds >= least:
                return self(f"age.{unit}", n=f"{seconds / of_s:.0f}")
        return self("age.seconds", n=f"{seconds:.0f}")

    def word(self, kind: str, value: str) -> str:
        """Give a word of the rows, `rtc` of `trust`, for a person; one that is unknown as it is."""
        return self._table.get(f"{kind}.{value}", value)

    def said(self, text: str) -> str:
        """Give what another process said in English; what no key knows as it is."""
        for key, pattern in self._patterns.items():
            if found := pattern.fullmatch(text[:SAID_MOST]):
                return self(
                    key, **{name: self.said(part) for name, part in found.groupdict().items()}
                )
        return text

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        """Give for each sentence that this language says otherwise how it is known."""
        return {
            key: _pattern(ENGLISH[key])
            for key, text in self._table.items()
            if key.startswith("said.") and text != ENGLISH[key]
        }


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = PLACE.split(sentence)  # What is said, and between it the names of the places.
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = [f"(?P<{name}>.+?)" for name in parts[1::2]]
    return re.compile("".join(parts))


def is_spoken(language: str) -> bool:
    """Say whether there is a catalogue of a language."""
    return importlib.util.find_spec(f"trapnode.texts.{language}") is not None


def speak(language: str) -> Texts:
    """Give the catalogue of a language, or the English one where there is none."""
    try:
        found = importlib.import_module(f"trapnode.texts.{language}")
    except (ImportError, SyntaxError):
        return Texts()
    table = getattr(found, "TEXTS", None)
    return Texts(table) if isinstance(table, dict) else Texts()
