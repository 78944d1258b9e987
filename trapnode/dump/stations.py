"""`trapnode individuals`: the animals to be known of many dumps in one place, paired by camera.

Two cameras of a station look at each other's side of the trail, so one passage gives both flanks.
Encounters of one species by different units at one place, less than PAIRED apart, are one sighting:
they get one `Encounter.occurrenceID`, which Wildbook shows together.
"""

import csv
import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from trapnode.dump.individuals import INDIVIDUALS
from trapnode.errors import StoreError, UsageError
from trapnode.store import names

__all__ = ["PAIRED", "Encounter", "gather", "pair"]

PAIRED = timedelta(minutes=2)  # A passage takes seconds; two clocks drift apart by a minute or so.
SHEET = 200  # Encounters that Wildbook takes at once.
PLACE, SIGHTING, PICTURE = (
    f"Encounter.{name}" for name in ("verbatimLocality", "occurrenceID", "mediaAsset0")
)

SPECIES = ("Encounter.genus", "Encounter.specificEpithet")


@dataclass(frozen=True, slots=True)
class Encounter:
    """One row of a dump's list; `at` and `unit` are what the picture's name says."""

    row: dict[str, str]
    unit: str
    at: datetime
    picture: Path

    @property
    def what(self) -> tuple[str, ...]:
        """Where it was, and of which species."""
        return tuple(self.row.get(name) or "" for name in (PLACE, *SPECIES))

    @property
    def sighting(self) -> str:
        """The occurrence that it belongs to."""
        return self.row[SIGHTING]


def gather(dumps: Sequence[Path], out: Path) -> tuple[int, int]:
    """Copy the listed pictures of dumps into a new folder, with sheets of SHEET rows.

    Give the number of encounters, and of those that two cameras share. Raise UsageError,
    StoreError.
    """
    encounters = pair([each for dump in dumps for each in _listed(dump)])
    if not encounters:
        raise UsageError("no target is listed in any of these dumps")
    try:
        out.mkdir(parents=True)
        for each in encounters:
            shutil.copyfile(each.picture, out / each.picture.name)
        for number, first in enumerate(range(0, len(encounters), SHEET), 1):
            _write(out / f"sheet{number}.csv", encounters[first : first + SHEET])
    except FileExistsError:
        raise UsageError(f"{out}: is there already: give a new folder") from None
    except OSError as error:
        raise StoreError(f"{out}: cannot be written: {error}") from error
    units: dict[str, set[str]] = {}
    for each in encounters:
        units.setdefault(each.sighting, set()).add(each.unit)
    return len(encounters), sum(len(units[each.sighting]) > 1 for each in encounters)


def pair(encounters: Sequence[Encounter]) -> list[Encounter]:
    """Give encounters by place and time, those of one passage with one sighting."""
    ordered = sorted(encounters, key=lambda each: (*each.what, each.at, each.unit))
    same: dict[str, str] = {}  # A sighting, and the earlier one that it is.
    for earlier, later in itertools.pairwise(ordered):
        close = later.at - earlier.at <= PAIRED and later.unit != earlier.unit
        if close and later.what == earlier.what:
            first, second = _first(earlier.sighting, same), _first(later.sighting, same)
            if first != second:
                same[second] = first
    return [
        replace(each, row={**each.row, SIGHTING: _first(each.sighting, same)}) for each in ordered
    ]


def _first(sighting: str, same: dict[str, str]) -> str:
    while sighting in same:
        sighting = same[sighting]
    return sighting


def _listed(dump: Path) -> Iterator[Encounter]:
    path = dump / "individual_id.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        files = {each.name: each for each in (dump / "media").rglob("*.jpg")}
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    for row in rows:
        name = names.parse(row.get(PICTURE) or "")
        picture = files.get(row.get(PICTURE) or "")
        if name is None or picture is None:
            raise UsageError(
                f"{dump}: the picture {row.get(PICTURE)} is not there: unseal it, or dump again"
            )
        yield Encounter(row, name.stem.partition(".")[0], name.at, picture)


def _write(path: Path, encounters: list[Encounter]) -> None:
    columns = [name for name in INDIVIDUALS if any(each.row.get(name) for each in encounters)]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(each.row for each in encounters)
