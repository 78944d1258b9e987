"""What a dump says of sealed pictures, until `unseal` has opened them."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trapnode.dump.candidates import Candidate
from trapnode.errors import UsageError
from trapnode.store import names
from trapnode.store.seals import Seals

__all__ = [
    "SEALED",
    "SEALED_LINE",
    "SEALED_MARK",
    "SEALED_SUMS",
    "SEALED_XMP",
    "Told",
    "Words",
    "named",
    "read_words",
    "recipients_in",
    "sealed_text",
]

SEALED = "SEALED.txt"
SEALED_XMP = "SEALED.xmp.jsonl"  # The XMP of pictures once they are open.
SEALED_SUMS = "SHA256SUMS.sealed"  # Of the sealed files that `unseal` opened: `purge` needs them.
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
        for number, path in files.items():
            if path.endswith(names.SEALED):
                has = self._numbered(marks[number])
                self._line({"path": path.removesuffix(names.SEALED), "has": has})

    def offer(self, candidates: Sequence[Candidate]) -> None:
        """Note the frames of a sequence among which the sharpest is to be found."""
        if candidates:
            self._line({"sharpest": [self._offered(each) for each in candidates]})

    def _offered(self, each: Candidate) -> dict[str, object]:
        segments = {"plain": self._numbered(each.plain), "rated": self._numbered(each.rated)}
        rest = {"path": each.path, "box": each.box, "probability": each.probability}
        return {**rest, **segments, "row": dict(each.row)}

    def _numbered(self, segment: bytes) -> int:
        if segment not in self._known:
            self._known[segment] = len(self._known)
            self._line({"segment": base64.b64encode(segment).decode("ascii")})
        return self._known[segment]

    def _line(self, content: dict[str, object]) -> None:
        if self._put is not None:
            self._put(json.dumps(content) + "\n")


@dataclass(slots=True)
class Told:
    """What `Words` wrote: the segment of each picture, by its path, and who may be the sharpest."""

    segments: dict[str, bytes] = field(default_factory=dict)
    offers: list[tuple[Candidate, ...]] = field(default_factory=list)


def _words_in(lines: Iterable[str]) -> Told:
    """Read what `Words` wrote; raise ValueError, LookupError or TypeError."""
    segments: list[bytes] = []
    found = Told()
    for line in lines:
        content = json.loads(line)
        if "segment" in content:
            segments.append(base64.b64decode(content["segment"], validate=True))
        elif "sharpest" in content:
            found.offers.append(tuple(_offer(each, segments) for each in content["sharpest"]))
        else:
            found.segments[content["path"]] = segments[content["has"]]
    return found


def _offer(content: dict[str, Any], segments: Sequence[bytes]) -> Candidate:
    box = content["box"]
    return Candidate(
        content["path"],
        None if box is None else tuple(map(float, box)),  # type: ignore[arg-type]
        content["probability"],
        segments[content["plain"]],
        segments[content["rated"]],
        content["row"],
    )


def read_words(dest: Path) -> Told:
    """Read what a dump says of its sealed pictures; nothing where there is no such file.

    Raise UsageError.
    """
    try:
        with (dest / SEALED_XMP).open(encoding="ascii") as lines:
            return _words_in(lines)
    except FileNotFoundError:
        return Told()
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{dest / SEALED_XMP}: cannot be read: dump again") from error
