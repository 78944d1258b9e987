"""What a second look at the pictures' labels found: `corrections.csv`; how, in `corrections.md`."""

import csv
from dataclasses import dataclass
from pathlib import Path

CORRECTIONS = Path(__file__).with_name("corrections.csv")
UNSURE = "unsure"
NOTHING = "nothing"  # labelled living, nothing alive found
LIVING = "living"  # labelled blank, something alive is there


class BadCorrection(ValueError):
    """A row of the corrections contradicts itself or another, or uses an unknown word."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One frame whose label does not stand, or may not; `path` is as in `index.csv`."""

    path: str
    label: str
    seen: str
    note: str


def read_corrections(file: Path = CORRECTIONS) -> dict[str, Correction]:
    """Read the frames whose label is in doubt, by path; a frame that is not there stands.

    Raises BadCorrection, naming file and path, for a row that no second look can have given.
    """
    found: dict[str, Correction] = {}
    with file.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            one = Correction(row["path"], row["label"], row["seen"], row["note"])
            contrary = LIVING if one.label == "blank" else NOTHING
            if one.seen not in (contrary, UNSURE):
                raise BadCorrection(
                    f"{file.name}: {one.path}, labelled {one.label}, cannot be {one.seen!r}: "
                    f"use {contrary} or {UNSURE}"
                )
            if one.path in found:
                raise BadCorrection(f"{file.name}: {one.path} is there twice")
            found[one.path] = one
    return found
