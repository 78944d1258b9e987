"""One record of the store as rows of media.csv and observations.csv.

* A media row for each frame that has a file, and observations of it (level `media`): one for each
  box in which something was found, with `count` 1, or one for the frame where there is no box.
* One observation of each event (level `event`), whatever the number of its sequences: these rows
  exclude each other, so they can be counted. Its `count` is the most that one frame shows. An event
  at two deployments has a row of each.

Identifiers are unique in the world, so that packages of many cards can be joined: a frame is its
file name, a box that with `.b1`, `.b2`, ..., a sequence what its file names share, an event its
first sequence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trapnode.dump.claims import UNKNOWN, Claim, claim_of, claims_of, guess_of, is_public
from trapnode.dump.columns import Cell, flag, local
from trapnode.dump.events import Part
from trapnode.dump.places import Place
from trapnode.model import (
    Detection,
    Frame,
    FrameState,
    Observation,
    ObservationType,
    Scores,
    TriggerSource,
)
from trapnode.store.reading import Record

__all__ = ["AUDIT", "Rows", "event_row", "media_id", "rows_of"]

Row = dict[str, Cell]
AUDIT = "auditSample"  # The tag by which `audit` finds the sample.

REMARKS = {
    FrameState.DISCARDED: "preview only: judged blank, the full picture was discarded",
    FrameState.DISCARDING: "preview only: judged blank, the full picture was discarded",
    FrameState.EVICTING: "preview only: the full picture made room on a full card",
    FrameState.EVICTED: "preview only: the full picture made room on a full card",
    FrameState.FADING: "preview only: judged blank, the full picture was discarded",
    FrameState.FADED: "no picture: judged blank, the preview made room on a full card",
    FrameState.PURGED: "preview only: the full picture is in an earlier dump",
    FrameState.LOST: "preview only: the full picture was lost",
    FrameState.WHOLE: "preview only: the full picture cannot be read",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """What one record adds to the tables."""

    media: list[Row]
    observations: list[Row]


def media_id(frame: Frame) -> str:
    """Name a frame: its file name without the ending."""
    return frame.path.rpartition("/")[2].rpartition(".")[0]


def rows_of(
    record: Record,
    files: Mapping[int, str],
    place: Place,
    event: str,
    utc_offset_min: int,
    best: int | None = None,
) -> Rows:
    """Give the rows of a record whose frames lie in `files` (by number, relative to DEST).

    `best` is the frame to identify the individual by, if there is one.
    """
    shown = [frame for frame in record.sequence.frames if frame.number in files]
    claims, public = claims_of(record), flag(is_public(record))
    shared: Row = {
        "deploymentID": place.deployment,
        "eventID": event,
        "cameraSetupType": _setup(record),
        **_classified(record.observation, utc_offset_min),
    }
    media = [
        _media(record, frame, files[frame.number], place, utc_offset_min)
        | {"favorite": flag(frame.number == best), "filePublic": public}
        for frame in shown
    ]
    observations = [
        shared | row | {"observationTags": _frame_tags(record, frame, claims[frame.number])}
        for frame in shown
        for row in _of_frame(frame, claims[frame.number], utc_offset_min)
    ]
    return Rows(media, [_cleaned(each) for each in observations])


def event_row(part: Part, utc_offset_min: int) -> Row:
    """Give the row of an event at one deployment; its best sequence speaks for all."""
    several = f"{part.sequences} sequences" if part.sequences > 1 else ""
    row: Row = {
        "observationID": part.stem,
        "deploymentID": part.deployment,
        "eventID": part.event,
        "cameraSetupType": _setup(part.best),
        "eventStart": local(part.first, utc_offset_min),
        "eventEnd": local(part.last, utc_offset_min),
        "observationLevel": "event",
        "count": part.count,
        "observationTags": _tags(part),
        "observationComments": "; ".join(filter(None, (several, *part.reasons))),
    }
    observation = part.best.observation
    return _cleaned(row | _classified(observation, utc_offset_min) | _claimed(claim_of(part.best)))


def _media(record: Record, frame: Frame, path: str, place: Place, utc_offset_min: int) -> Row:
    preview_only = ".preview.jpg" in path
    remarks = (REMARKS[frame.state] if preview_only else "", place.remark)
    return {
        "mediaID": media_id(frame),
        "deploymentID": place.deployment,
        "captureMethod": record.sequence.trigger.capture_method.value,
        "timestamp": local(frame.captured_at, utc_offset_min),
        "filePath": path,
        "fileName": path.rpartition("/")[2],
        "fileMediatype": "image/jpeg",
        "mediaComments": "; ".join(filter(None, remarks)),
    }


def _setup(record: Record) -> str | None:
    """Say that a technician made these frames, at the cable, to see what the camera sees."""
    return "setup" if record.sequence.trigger.source is TriggerSource.TECHNICIAN else None


def _classified(observation: Observation | None, utc_offset_min: int) -> Row:
    if observation is None or observation.classified_at is None:
        return {}
    return {
        "classificationMethod": "machine",
        "classifiedBy": observation.classified_by,
        "classificationTimestamp": local(observation.classified_at, utc_offset_min),
    }


def _of_frame(frame: Frame, claim: Claim, utc_offset_min: int) -> list[Row]:
    at = local(frame.captured_at, utc_offset_min)
    row: Row = {"observationID": media_id(frame), "mediaID": media_id(frame)}
    row |= {"eventStart": at, "eventEnd": at, "observationLevel": "media"}
    row |= _claimed(claim)
    if not claim.detections:
        return [row]
    return [
        row | {"observationID": f"{media_id(frame)}.b{number}"} | _boxed(box)
        for number, box in enumerate(claim.detections, 1)
    ]


def _boxed(box: Detection) -> Row:
    sides = {"bboxX": box.x, "bboxY": box.y, "bboxWidth": box.width, "bboxHeight": box.height}
    return {"count": 1, **{name: round(side, 4) for name, side in sides.items()}}


def _claimed(claim: Claim) -> Row:
    probability = claim.probability
    return {
        "observationType": claim.taxon.observation_type.value,
        "scientificName": claim.taxon.scientific_name,
        "classificationProbability": None if probability is None else round(probability, 4),
    }


def _tags(part: Part) -> str:
    tags = {"target": part.target, AUDIT: part.audit}
    claim = claim_of(part.best)
    if claim.taxon.observation_type is ObservationType.ANIMAL:
        tags[f"label:{claim.label}"] = True
    tags[_guess(claim, part.best.scores.values())] = True
    return " | ".join(tag for tag, given in tags.items() if tag and given)


def _frame_tags(record: Record, frame: Frame, claim: Claim) -> str:
    audit = record.observation is not None and record.observation.audit
    said = (AUDIT if audit else "", _guess(claim, (record.scores[frame.number],)))
    return " | ".join(filter(None, said))


def _guess(claim: Claim, scores: Iterable[Scores | None]) -> str:
    """Say what an unknown may be, as tags."""
    guess = guess_of(scores) if claim.label == UNKNOWN else None
    return " | ".join(guess.tags) if guess else ""


def _cleaned(row: Row) -> Row:
    """Take the machine out of a row that no machine claims."""
    if row["classificationProbability"] is not None:
        return row
    return {name: value for name, value in row.items() if not name.startswith("classif")}
