"""All that the console says, in the technician's language: `en.py`, and any file like it.

A language is a module here whose TEXTS has keys of `en.py`; what it leaves out stays English, so
half a translation is of use. A catalogue in other letters (Russian, Chinese) makes the cable speak
UTF-8; one written in ASCII, transliterated, works on any terminal. What is typed stays ASCII.
"""

import importlib
from collections.abc import Mapping

from trapnode.texts.en import TEXTS as ENGLISH

__all__ = ["ENGLISH", "Texts", "speak"]


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


def speak(language: str) -> Texts:
    """Give the catalogue of a language, or the English one where there is none."""
    try:
        found = importlib.import_module(f"trapnode.texts.{language}")
    except (ImportError, SyntaxError):
        return Texts()
    table = getattr(found, "TEXTS", None)
    return Texts(table) if isinstance(table, dict) else Texts()
