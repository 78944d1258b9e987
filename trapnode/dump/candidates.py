"""The frame to know an animal by, where the pictures are sealed: only `unseal` can measure them.

Until then a dump lists the frame that the classifier was surest of, and SEALED.xmp.jsonl offers
what else there is, with all that the choice needs: boxes, keywords, cells of individual_id.csv.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from trapnode.dump.claims import Claim
from trapnode.dump.columns import Cell, flag
from trapnode.dump.individuals import COMMENTS, PICTURE, surest, told
from trapnode.dump.marks import mark
from trapnode.dump.sharpness import sharpness
from trapnode.model import Detection
from trapnode.store import names
from trapnode.store.reading import Record

__all__ = ["Candidate", "Choices", "offered"]

Row = Mapping[str, Cell]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sealed frame that shows the target; `plain` and `rated` are its XMP, not chosen and chosen.

    `path` is that of the opened picture in the dump, `row` what it means for individual_id.csv.
    """

    path: str
    box: Box | None
    probability: float | None
    plain: bytes
    rated: bytes
    row: Row

    @property
    def name(self) -> str:
        """The opened picture's file name."""
        return self.path.rpartition("/")[2]

    def sharpness(self, picture: bytes) -> float | None:
        """Measure it as a dump of open pictures does."""
        box = None if self.box is None else Detection(*self.box, self.probability or 0.0)
        return sharpness(io.BytesIO(picture), box)


def offered(
    record: Record, claims: Mapping[int, Claim], files: Mapping[int, str], rows: Mapping[int, Row]
) -> tuple[Candidate, ...]:
    """Offer these frames of a record (`rows`, by number); none unless all of them are sealed."""
    if not all(files.get(number, "").endswith(names.SEALED) for number in rows):
        return ()
    return tuple(_candidate(record, claims[n], files[n], row) for n, row in rows.items())


def _candidate(record: Record, claim: Claim, path: str, row: Row) -> Candidate:
    box = claim.detections[0] if claim.detections else None
    return Candidate(
        path.removesuffix(names.SEALED),
        None if box is None else (box.x, box.y, box.width, box.height),
        claim.probability,
        mark(record, claim, best=False),
        mark(record, claim, best=True),
        row,
    )


@dataclass(slots=True)
class Choices:
    """What is chosen among the candidates of each sequence, once they are open.

    `read` gives an opened picture by its path in the dump, None for one that stays sealed.
    """

    offers: Sequence[tuple[Candidate, ...]]
    read: Callable[[str], bytes | None]
    _of: dict[str, int] = field(init=False)  # The offer, by the path of each candidate,
    _by_name: dict[str, int] = field(init=False)  # by its file name.
    _chosen: dict[int, tuple[Candidate, float | None] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        every = [(each, at) for at, offer in enumerate(self.offers) for each in offer]
        self._of = {each.path: at for each, at in every}
        self._by_name = {each.name: at for each, at in every}

    def segment(self, path: str) -> bytes | None:
        """Give the XMP of a candidate, chosen or not; None of what is no candidate."""
        if (at := self._of.get(path)) is None:
            return None
        chosen = self._choice(at)
        candidate = next(each for each in self.offers[at] if each.path == path)
        return candidate.rated if chosen and chosen[0] is candidate else candidate.plain

    def media(self, text: str) -> str:
        """Write media.csv with the chosen frames as favourites."""

        def favourite(row: dict[str, str]) -> Row:
            at = self._by_name.get(row["mediaID"] + ".jpg")
            chosen = None if at is None else self._choice(at)
            return {"favorite": flag(chosen[0].name == row["mediaID"] + ".jpg")} if chosen else {}

        return _rewritten(text, favourite)

    def individuals(self, text: str) -> str:
        """Write individual_id.csv with the chosen frames, and how sharp they are."""

        def best(row: dict[str, str]) -> Row:
            at = self._by_name.get(row[PICTURE].removesuffix(names.SEALED))
            chosen = None if at is None else self._choice(at)
            if chosen is None:
                return {}
            candidate, sharp = chosen
            name = {PICTURE: candidate.name, COMMENTS: told(candidate.path, sharp)}
            return {**candidate.row, **name}

        return _rewritten(text, best)

    def _choice(self, at: int) -> tuple[Candidate, float | None] | None:
        if at not in self._chosen:
            found = []
            for each in self.offers[at]:
                if (picture := self.read(each.path)) is not None:
                    sharp = each.sharpness(picture)
                    found.append((sharp, each.probability, (each, sharp)))
            self._chosen[at] = surest(found)
        return self._chosen[at]


def _rewritten(text: str, change: Callable[[dict[str, str]], Row]) -> str:
    """Write a table as `columns.Table` does, its rows changed; the same bytes if nothing is."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    out = io.StringIO(newline="")
    columns = list(rows.fieldnames or ())
    table = csv.writer(out, lineterminator="\n")
    table.writerow(columns)
    table.writerows(map({**row, **change(row)}.get, columns) for row in rows)
    return out.getvalue()
