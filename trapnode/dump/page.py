"""index.html, page2.html, ...: every sequence with its previews, for the eye, from file://.

Newest first, PER_PAGE on a page, so that a phone can show a year of a unit. The filter by label
is CSS alone and works within a page. Whatever comes from the card is escaped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from html import escape
from pathlib import Path
from urllib.parse import quote

from trapnode import __version__
from trapnode.dump.claims import UNKNOWN, Claim, claim_of, claims_of, files_of, guess_of
from trapnode.dump.copying import Copier
from trapnode.dump.sealed import SEALED_LINE, comes
from trapnode.dump.style import CSS, filter_rules
from trapnode.model import (
    BLANK,
    TAXA,
    ClockTrust,
    Detection,
    Frame,
    ObservationType,
    Verdict,
    taxon_of,
)
from trapnode.store import reading
from trapnode.store.reading import Record
from trapnode.store.store import Store

__all__ = ["PER_PAGE", "Page", "write_pages"]

PER_PAGE = 500
INCOMPLETE_LINE = (
    "<p class=warn>This package is not complete: <a href=INCOMPLETE.txt>INCOMPLETE.txt</a>"
    " says what is missing.</p>"
)
NEWEST = 1 << 62  # Above every id.


@dataclass(frozen=True, slots=True)
class Page:
    """What all pages of a dump share."""

    unit: str
    utc_offset_min: int
    complete: bool
    labels: Mapping[str, int]  # Sequences by label, in the whole dump.
    sealed: bool = False  # The pictures are there once `unseal` has opened them.

    def order(self) -> list[str]:
        """List the labels as the page does: life first, blank last."""
        known = [label for label in TAXA if label in self.labels and label != BLANK]
        others = sorted(self.labels.keys() - {*known, BLANK})
        return [*known, *others, *([BLANK] if BLANK in self.labels else [])]


def write_pages(store: Store, copier: Copier, page: Page) -> None:
    """Write the pages of a dump whose pictures are in DEST already."""
    pages = max(1, -(-sum(page.labels.values()) // PER_PAGE))
    before = NEWEST
    for number in range(1, pages + 1):
        records = reading.newest(store.database, before, PER_PAGE)
        before = records[-1].sequence.id if records else 0
        with copier.writing(_name(number)) as put:
            put(_head(page, number, pages))
            for record in records:
                put(_article(record, copier.dest, page))
            put(_foot(number, pages))


def _name(number: int) -> str:
    return "index.html" if number == 1 else f"page{number}.html"


def _head(page: Page, number: int, pages: int) -> str:
    title = escape(f"Camera trap {page.unit}")
    labels = page.order()
    radios = "".join(
        f"<input class=pick type=radio name=pick id={name}{' checked' if name == 'all' else ''}>"
        for name in ["all", *(f"f{n}" for n in range(len(labels)))]
    )
    chips = f"<label for=all>all<b>{sum(page.labels.values())}</b></label>" + "".join(
        f"<label for=f{n}>{escape(_words(label))}<b>{page.labels[label]}</b></label>"
        for n, label in enumerate(labels)
    )
    where = f" · page {number} of {pages}, the filter acts on this page" if pages > 1 else ""
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{CSS}{filter_rules(len(labels))}</style></head><body>\n"
        f"<header><h1>{title}</h1><p class=sub>newest first · times are {_zone(page)}{where}</p>"
        f"{_facts(page)}{_warning(page)}</header>\n"
        f"{radios}<nav class=chips>{chips}</nav>\n<main class=grid>\n"
    )


def _facts(page: Page) -> str:
    kinds: dict[str, int] = {}
    for label, count in page.labels.items():
        kind = taxon_of(label).observation_type.value
        kinds[kind] = kinds.get(kind, 0) + count
    facts = {"sequences": sum(page.labels.values()), **dict(sorted(kinds.items()))}
    cells = "".join(f"<div><dt>{escape(n)}</dt><dd>{c}</dd></div>" for n, c in facts.items())
    return f"<dl class=facts>{cells}</dl>"


def _warning(page: Page) -> str:
    incomplete = "" if page.complete else INCOMPLETE_LINE
    return (SEALED_LINE if page.sealed else "") + incomplete


def _foot(number: int, pages: int) -> str:
    links = []
    if number > 1:
        links.append(f"<a href={_name(number - 1)}>← newer</a>")
    links += [
        f"<b>{n}</b>" if n == number else f"<a href={_name(n)}>{n}</a>"
        for n in range(max(1, number - 5), min(pages, number + 5) + 1)
        if pages > 1
    ]
    if number < pages:
        links.append(f"<a href={_name(number + 1)}>older →</a>")
    return (
        f"</main>\n<nav class=pages>{' '.join(links)}</nav>\n"
        f"<footer>Camtrap DP 1.0.2, written by trapnode {escape(__version__)}. The tables:"
        " <a href=observations.csv>observations.csv</a>, <a href=media.csv>media.csv</a>,"
        " <a href=deployments.csv>deployments.csv</a>.</footer></body></html>\n"
    )


def _article(record: Record, dest: Path, page: Page) -> str:
    claim, observation = claim_of(record), record.observation
    kinds = [f"l{page.order().index(claim.label)}"] if claim.label in page.labels else []
    kinds += ["target"] if observation is not None and observation.target else []
    kinds += ["blank"] if claim.taxon.observation_type is ObservationType.BLANK else []
    bar = (
        ""
        if claim.probability is None
        else f'<div class=bar><span style="width:{claim.probability:.0%}"></span></div>'
    )
    name = f"<p><i>{escape(claim.taxon.scientific_name)}</i></p>" * bool(
        claim.taxon.scientific_name
    )
    return (
        f'<article class="{" ".join(kinds)}">{_pictures(record, dest)}<div class=text>'
        f"<h2>{_title(record, claim)}</h2>{bar}{name}"
        f"<p>{_time(record.sequence.trigger.at, page)}{_doubt(record)}</p>"
        f"<p><span class=tag>{escape(_verdict(record))}</span> {escape(record.stem)}</p>"
        f"{_reason(record)}</div></article>\n"
    )


def _title(record: Record, claim: Claim) -> str:
    """Give the label with its probability; of an unknown, that of what it may be."""
    label = escape(_words(claim.label))
    if claim.probability is None:
        return label
    guess = guess_of(record.scores.values()) if claim.label == UNKNOWN else None
    if guess is None:
        return f"{label}{_count(record)}<span>{claim.probability:.0%}</span>"
    return f"{label} (maybe {escape(_words(guess.label))} {claim.probability:.0%})"


def _pictures(record: Record, dest: Path) -> str:
    """Show the best frame large and the others small, each a link to what there is of it."""
    shown = [(frame, files) for frame in record.sequence.frames if (files := _files(frame, dest))]
    if not shown:
        return "<div class=none>no picture</div>"
    claims, label = claims_of(record), claim_of(record).label
    best = max(
        shown,
        key=lambda each: (
            (claims[each[0].number].probability or 0.0)
            if claims[each[0].number].label == label
            else -1.0
        ),
    )
    big = _link(best[1], best[0], claims[best[0].number], "big")
    more = "".join(
        _link(files, frame, claims[frame.number], "")
        for frame, files in shown
        if frame is not best[0]
    )
    return big + (f"<div class=more>{more}</div>" if more else "")


def _files(frame: Frame, dest: Path) -> tuple[str, str] | None:
    """Give the small picture of a frame and the one behind it."""
    for path in files_of(frame):
        if comes(dest / "media" / path):
            small = f"previews/{frame.preview_path}"
            behind = f"media/{path}"
            return (small if comes(dest / small) else behind), behind
    return None


def _link(files: tuple[str, str], frame: Frame, claim: Claim, kind: str) -> str:
    small, behind = (quote(each) for each in files)
    boxes = "".join(map(_box, claim.detections))
    return (
        f'<a class="{kind}" href="{behind}"><span class=fit><img loading=lazy decoding=async'
        f' src="{small}" alt="frame {frame.number}">{boxes}</span></a>'
    )


def _box(box: Detection) -> str:
    """Draw a box over its picture, in shares of it."""
    sides = {"left": box.x, "top": box.y, "width": box.width, "height": box.height}
    return f'<b style="{";".join(f"{name}:{side:.1%}" for name, side in sides.items())}"></b>'


def _count(record: Record) -> str:
    count = record.observation.count if record.observation else None
    return f" × {count}" if count and count > 1 else ""  # noqa: RUF001


def _time(at: datetime, page: Page) -> str:
    local = at.astimezone(timezone(timedelta(minutes=page.utc_offset_min)))
    shown = local.strftime("%Y-%m-%d %H:%M:%S")
    return f'<time datetime="{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}">{shown}</time>'


def _zone(page: Page) -> str:
    sign, minutes = "-" if page.utc_offset_min < 0 else "+", abs(page.utc_offset_min)
    return f"UTC{sign}{minutes // 60:02d}:{minutes % 60:02d}"


def _doubt(record: Record) -> str:
    return " · clock not trusted" if record.sequence.clock_trust is ClockTrust.NONE else ""


def _verdict(record: Record) -> str:
    observation = record.observation
    if observation is None:
        return "not sorted yet"
    if observation.verdict is Verdict.KEEP:
        return "target" if observation.target else "kept"
    return "blank, kept for audit" if observation.audit else "blank, preview only"


def _reason(record: Record) -> str:
    reason = record.observation.reason if record.observation else ""
    return f"<p>{escape(reason)}</p>" if reason else ""


def _words(label: str) -> str:
    return taxon_of(label).vernacular_name or label.replace("_", " ")
