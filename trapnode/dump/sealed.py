"""What a dump says of sealed pictures, until `unseal` has opened them."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping

from trapnode.store import names
from trapnode.store.seals import Seals

__all__ = [
    "SEALED",
    "SEALED_LINE",
    "SEALED_MARK",
    "SEALED_XMP",
    "Words",
    "named",
    "recipients_in",
    "sealed_text",
    "words_in",
]

SEALED = "SEALED.txt"
SEALED_XMP = "SEALED.xmp.jsonl"  # The XMP that pictures get once they are open.
SEALED_MARK = "<!-- sealed -->"
SEALED_LINE = (  # A line of its own: `unseal` takes it out.
    f"\n<p class=warn>{SEALED_MARK}The pictures are sealed: <a href={SEALED}>{SEALED}</a> says who"
    " can open them.</p>\n"
)
TEXT = """\
The pictures of this package are sealed. All of them are opened by

    trapnode unseal DUMP --key KEY

where KEY holds the private half of any one of these keys:

{recipients}

Each one is an age file (age-encryption.org/v1), so this opens a single one, too:

    age --decrypt --identity KEY --output NAME.jpg NAME.jpg.age
"""


def named(path: str, mark: str) -> str:
    """Name a file in the dump: without its mark, which SHA256SUMS makes needless."""
    return path + names.SEALED if mark else path


def sealed_text(seals: Seals | None) -> str:
    """Give the text of SEALED.txt."""
    known = (
        seals.recipients + seals.earlier if seals else ("not known: ask whoever set the unit up",)
    )
    return TEXT.format(recipients="\n".join(f"    {each}" for each in known))


def recipients_in(text: str) -> list[str]:
    """Read the public halves out of SEALED.txt."""
    return [word for word in text.split() if word.startswith("age1")]


class Words:
    """The XMP of sealed pictures on its way; `put` takes the text, None: nothing is sealed."""

    def __init__(self, put: Callable[[str], object] | None) -> None:
        self._put = put
        self._known: dict[bytes, int] = {}  # As few as there are labels.

    def add(self, files: Mapping[int, str], marks: Mapping[int, bytes]) -> None:
        """Note the segments of a record's pictures that are sealed, both by frame number."""
        for number, path in files.items() if self._put else ():
            if path.endswith(names.SEALED):
                self._note(path, marks[number])

    def _note(self, path: str, segment: bytes) -> None:
        if segment not in self._known:
            self._known[segment] = len(self._known)
            self._line({"segment": base64.b64encode(segment).decode("ascii")})
        self._line({"path": path.removesuffix(names.SEALED), "has": self._known[segment]})

    def _line(self, content: dict[str, object]) -> None:
        assert self._put is not None
        self._put(json.dumps(content) + "\n")


def words_in(lines: Iterable[str]) -> dict[str, bytes]:
    """Read the segment of each picture, by its path; raise ValueError or LookupError."""
    segments: list[bytes] = []
    found = {}
    for line in lines:
        content = json.loads(line)
        if "segment" in content:
            segments.append(base64.b64decode(content["segment"], validate=True))
        else:
            found[content["path"]] = segments[content["has"]]
    return found
