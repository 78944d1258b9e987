"""What a technician noted at the unit, put where the desk's file says nothing.

The unit knows when it was put up and taken down, by whom, how high, whereto it looks; the desk
knows where. The desk's word stands; what it leaves empty is filled. A note belongs to the
deployment whose start is within MARGIN of it; one without a start takes the notes that are left,
in order. A note made while nobody trusted the clock has no time, and fills nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from trapnode.dump.deployments import UNSAID, Deployment
from trapnode.model import ClockTrust
from trapnode.store.fieldnotes import COLLECT, DEPLOY, FieldNote

__all__ = ["completed"]

MARGIN = timedelta(days=1)  # The desk may write the day only.
FIELDS = {  # Of the deployment, and of the note.
    "setupBy": "by",
    "cameraHeight": "height_m",
    "cameraHeading": "heading",
    "cameraTilt": "tilt",
    "baitUse": "bait",
    "featureType": "feature",
    "deploymentComments": "comments",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A deployment as it was noted: from one note to the next."""

    note: FieldNote
    end: datetime | None  # None: the unit still stands there.


def completed(deployments: Sequence[Deployment], notes: Iterable[FieldNote]) -> list[Deployment]:
    """Give the desk's deployments of one unit with what was noted; a start may stay UNSAID."""
    left = _visits(notes)
    found: dict[int, Visit | None] = {}
    for number, each in enumerate(deployments):
        if each.deploymentStart != UNSAID:
            found[number] = _nearest(left, each.deploymentStart)
            left = [visit for visit in left if visit is not found[number]]
    open_ones = [number for number in range(len(deployments)) if number not in found]
    found |= dict(zip(open_ones, left, strict=False))
    return [_filled(each, found.get(number)) for number, each in enumerate(deployments)]


def _visits(notes: Iterable[FieldNote]) -> list[Visit]:
    trusted = (each for each in notes if each.trust is not ClockTrust.NONE)
    visits = (each for each in trusted if each.kind in (DEPLOY, COLLECT))
    dated = sorted(visits, key=lambda note: note.at)
    ends = [*(each.at for each in dated[1:]), None]
    return [Visit(note, end) for note, end in zip(dated, ends, strict=False) if note.kind == DEPLOY]


def _nearest(visits: list[Visit], start: datetime) -> Visit | None:
    near = [each for each in visits if abs(each.note.at - start) <= MARGIN]
    return min(near, key=lambda each: abs(each.note.at - start), default=None)


def _filled(deployment: Deployment, visit: Visit | None) -> Deployment:
    if visit is None:
        return deployment
    told = {ours: getattr(visit.note, theirs) for ours, theirs in FIELDS.items()}
    empty = {
        ours: value
        for ours, value in told.items()
        if getattr(deployment, ours) in (None, "") and value not in (None, "")
    }
    if deployment.deploymentStart == UNSAID:
        empty["deploymentStart"] = visit.note.at
    if deployment.deploymentEnd is None and visit.end is not None:
        empty["deploymentEnd"] = visit.end
    return msgspec.structs.replace(deployment, **empty)
