"""individual_id.csv: the sharpest full frame of each target sequence, to know the animal by.

Columns of Wildbook's bulk import (https://wildbook.docs.wildme.org, "Bulk Import"), one encounter
a row; a frame's name has only what Wildbook takes. `Encounter.occurrenceID` is the event, and the
one thing that `pair` changes. What is empty everywhere is left out, as Wildbook asks.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta, timezone
from pathlib import Path, PurePosixPath
from typing import TypeVar

from trapnode.dump.claims import claim_of, claims_of
from trapnode.dump.columns import Cell, Table
from trapnode.dump.deployments import Deployment
from trapnode.dump.sharpness import sharpness
from trapnode.model import Frame, FrameState
from trapnode.store import names
from trapnode.store.reading import Record

__all__ = [
    "COMMENTS",
    "INDIVIDUALS",
    "PICTURE",
    "Best",
    "Individuals",
    "sharpest",
    "surest",
    "told",
]

ENCOUNTER = (
    "mediaAsset0", "genus", "specificEpithet", "year", "month", "day", "hour", "minutes",
    "verbatimLocality", "decimalLatitude", "decimalLongitude", "occurrenceID",
    "researcherComments",
)  # fmt: skip
INDIVIDUALS = tuple(f"Encounter.{name}" for name in ENCOUNTER)
PICTURE, COMMENTS = "Encounter.mediaAsset0", "Encounter.researcherComments"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Best:
    """The frame of a target sequence to identify the individual by."""

    frame: Frame
    sharpness: float | None  # None: nothing could be measured, the classifier's word decides.
    among: tuple[Frame, ...]  # What it was chosen from.


def _candidates(record: Record, root: Path, dest: Path) -> dict[int, Path]:
    """Give the pictures of the whole frames that show the target, by number; none without one.

    They are in the archive's folder `root`, or in DEST if they were purged since.

    Frames with a box go before frames without: their figures do not compare.
    """
    if record.observation is None or not record.observation.target:
        return {}
    label, claims = claim_of(record).label, claims_of(record)
    shown = {
        frame.number: picture
        for frame in record.sequence.frames
        if claims[frame.number].label == label
        and (picture := _picture(frame, root, dest)) is not None
    }
    boxed = {number: each for number, each in shown.items() if claims[number].detections}
    return boxed or shown


def sharpest(record: Record, root: Path, dest: Path) -> Best | None:
    """Choose among the candidates; None where there is none."""
    pictures, claims, found = _candidates(record, root, dest), claims_of(record), []
    among = tuple(each for each in record.sequence.frames if each.number in pictures)
    for frame in among:
        claim = claims[frame.number]
        box = claim.detections[0] if claim.detections else None
        measured = sharpness(pictures[frame.number], box)
        found.append((measured, claim.probability, Best(frame, measured, among)))
    return surest(found)


def surest(measured: Iterable[tuple[float | None, float | None, T]]) -> T | None:
    """Choose by sharpness, then by the classifier's word; the first of equals, None of none."""
    ordered = [(sharp or -1.0, probable or 0.0, each) for sharp, probable, each in measured]
    return max(ordered, key=lambda each: each[:2], default=(0, 0, None))[2]


def told(path: str, sharp: float | None) -> str:
    """Say for a person which picture was listed, and how sharp it is."""
    return f"{path}, sharpness {'not known' if sharp is None else f'{sharp:g}'}"


def _picture(frame: Frame, root: Path, dest: Path) -> Path | None:
    """Give the file of a full frame; None where there is none. A sealed one shows nothing."""
    if frame.state is FrameState.WHOLE:
        return root / names.file_of(frame)
    picture = dest / "media" / frame.path
    return picture if frame.state is FrameState.PURGED and picture.exists() else None


class Individuals:
    """The list on its way; `put` takes the text."""

    def __init__(
        self,
        put: Callable[[str], object],
        deployments: tuple[Deployment, ...],
        utc_offset_min: int,
    ) -> None:
        self._places = {each.deploymentID: each for each in deployments}
        placed = INDIVIDUALS if deployments else _without_coordinates()
        self._table = Table(placed, put)
        self._zone = timezone(timedelta(minutes=utc_offset_min))

    def add(self, record: Record, best: Best, deployment: str, event: str, path: str) -> None:
        """List a sequence by its best frame, which lies at `path` in DEST."""
        row = self.row(record, best.frame, deployment, event, path)
        self._table.add(row | {COMMENTS: told(path, best.sharpness)})

    def row(
        self, record: Record, frame: Frame, deployment: str, event: str, path: str
    ) -> dict[str, Cell]:
        """Say all of a row but its comments, should the sequence be listed by this frame."""
        genus, _, epithet = claim_of(record).taxon.scientific_name.partition(" ")
        at = frame.captured_at.astimezone(self._zone)
        place = self._places.get(deployment)
        row: dict[str, Cell] = {
            "mediaAsset0": PurePosixPath(path).name,
            "genus": genus,
            "specificEpithet": epithet.partition(" ")[0],
            "year": at.year,
            "month": at.month,
            "day": at.day,
            "hour": at.hour,
            "minutes": at.minute,
            "verbatimLocality": (place.locationID if place else "") or deployment,
            "occurrenceID": event,
        }
        if place is not None:
            row |= {"decimalLatitude": place.latitude, "decimalLongitude": place.longitude}
        return {f"Encounter.{name}": value for name, value in row.items()}


def _without_coordinates() -> tuple[str, ...]:
    return tuple(name for name in INDIVIDUALS if "decimal" not in name)
