"""index.html and index.js: the dump for the eye, from file://, without a network.

index.js has a line for each sequence and grows as they go by, oldest first; index.html holds the
look (`look/`: one page, its style, its scripts) and the figures. A page at file:// may fetch
nothing, but it may load a script, so the rows are one. They name pictures as they are once open:
`unseal` need not touch them. Whatever comes from the card is data, never mark-up.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files as resources

from trapnode import __version__
from trapnode.dump.claims import UNKNOWN, Claim, claim_of, guess_of
from trapnode.dump.copying import Copier, Put
from trapnode.dump.sealed import SEALED_LINE
from trapnode.dump.summary import DumpSummary
from trapnode.message import Status
from trapnode.model import BLANK, TAXA, Verdict, taxon_of
from trapnode.store import health, names, reading
from trapnode.store.reading import Record
from trapnode.store.store import Store

__all__ = ["ROWS", "Page", "Rows", "write_page"]

ROWS = "index.js"
SCRIPTS = ("sheet.js", "charts.js", "review.js")
SLOT = re.compile(r"\{\{(\w+)\}\}")
INCOMPLETE_LINE = (
    "<p class=warn>This package is not complete: <a href=INCOMPLETE.txt>INCOMPLETE.txt</a>"
    " says what is missing.</p>"
)


class Rows:
    """index.js on its way; `put` takes the text."""

    def __init__(self, put: Put) -> None:
        self._put = put
        put("const SEQUENCES = [\n")

    def add(self, record: Record, claims: Mapping[int, Claim], files: Mapping[int, str]) -> None:
        """Write one sequence; `files` has the paths in DEST of the pictures that came."""
        self._put(_json(_row(record, claims, files)) + ",\n")

    def end(self) -> None:
        """Write what is left."""
        self._put("];\n")


@dataclass(frozen=True, slots=True)
class Page:
    """The figures of a dump, beside its rows."""

    unit: str
    utc_offset_min: int
    summary: DumpSummary  # Labels, doubtful times, whether it is sealed or not complete.
    counted: Mapping[str, object]  # Blanks and audit sample; what the card has forgotten, too.


def write_page(store: Store, copier: Copier, page: Page) -> None:
    """Write index.html, with the unit's health as the store has it; raise StoreError."""
    look = resources("trapnode.dump") / "look"

    def read(name: str) -> str:
        return (look / name).read_text("utf-8")

    slots = {
        "title": escape(f"Camera trap {page.unit}"),
        "style": read("page.css"),
        "warnings": (SEALED_LINE if page.summary.sealed else "")
        + ("" if page.summary.complete else INCOMPLETE_LINE),
        "facts": _json(_facts(store, page)),
        "version": escape(__version__),
        "script": "".join(map(read, SCRIPTS)),
    }
    copier.write("index.html", SLOT.sub(lambda slot: slots[slot[1]], read("page.html")))


def _json(content: object) -> str:
    """Write what may stand in a script, in HTML too: ASCII, and nothing that ends or begins one."""
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")


def _row(
    record: Record, claims: Mapping[int, Claim], files: Mapping[int, str]
) -> dict[str, object]:
    claim, observation = claim_of(record), record.observation
    guess = guess_of(record.scores.values()) if claim.label == UNKNOWN else None
    row = {
        "stem": record.stem,
        "at": int(record.sequence.trigger.at.timestamp()),
        "label": claim.label,
        "probability": None if claim.probability is None else round(claim.probability, 3),
        "guess": guess.label if guess else None,
        "count": observation.count if observation else None,
        "verdict": _verdict(record),
        "reason": observation.reason if observation else None,
        "clock": record.sequence.clock_trust.value,
        "best": _best(claim, claims, files),
        "frames": [[_opened(path), *_boxes(claims[n])] for n, path in files.items()],
    }
    return {name: value for name, value in row.items() if value}


def _verdict(record: Record) -> str:
    observation = record.observation
    if observation is None:
        return "unsorted"
    if observation.verdict is Verdict.KEEP:
        return "target" if observation.target else "kept"
    return "audit" if observation.audit else "discarded"


def _best(claim: Claim, claims: Mapping[int, Claim], files: Mapping[int, str]) -> int:
    """Say which picture shows best what is claimed, by its place among those that came."""
    sure = [claims[n].probability or 0.0 if claims[n].label == claim.label else -1.0 for n in files]
    return max(range(len(sure)), key=sure.__getitem__, default=0)


def _opened(path: str) -> str:
    return path.removeprefix("media/").removesuffix(names.SEALED)


def _boxes(claim: Claim) -> list[list[float]]:
    """Give left, top, width, height of each box, in shares of the picture."""
    return [
        [round(side, 3) for side in (box.x, box.y, box.width, box.height)]
        for box in claim.detections
    ]


def _facts(store: Store, page: Page) -> dict[str, object]:
    return {
        "unit": page.unit,
        "archive": reading.archive_name(store.database),  # The browser keeps answers under it.
        "utcOffsetMin": page.utc_offset_min,
        "counted": page.counted,
        "remarks": page.summary.remarks,
        "labels": [_label(each) for each in _ordered(page.summary.labels)],
        "status": [_status(each) for each in health.statuses(store.database)],
    }


def _ordered(labels: Iterable[str]) -> list[str]:
    """Put the labels, and those that a person may give, in order: life first, blank last."""
    known = [label for label in TAXA if label != BLANK]
    return [*known, *sorted({*labels} - TAXA.keys()), BLANK]


def _label(label: str) -> dict[str, str]:
    taxon = taxon_of(label)
    return {
        "label": label,
        "words": taxon.vernacular_name or label.replace("_", " "),
        "scientific": taxon.scientific_name,
    }


def _status(status: Status) -> dict[str, object]:
    return {
        "at": int(status.at.timestamp()),
        "battery": status.battery_mv,
        "temperature": status.temperature_c,
        "free": status.card_free_mib,
        "card": status.card.value,
        "clock": status.clock_trust.value,
        "faults": [each.name for each in status.faults],
    }
