"""Rows as values: the one place that knows which column is what."""

import json
from collections.abc import Iterable
from dataclasses import astuple
from datetime import datetime

import msgspec

from trapnode.model import (
    CaptureMethod,
    ClockTrust,
    Detection,
    Frame,
    FrameState,
    Observation,
    Scores,
    Sequence,
    SequenceState,
    Trigger,
    TriggerSource,
    Verdict,
)
from trapnode.store import names
from trapnode.store.database import moment

__all__ = [
    "FRAME",
    "OBSERVATION",
    "SEQUENCE",
    "Row",
    "frame_of",
    "integer",
    "observation_of",
    "packed",
    "packed_boxes",
    "scores_of",
    "sequence_of",
]

Row = tuple[object, ...]

SEQUENCE = (  # Of `sequence s LEFT JOIN boot b`.
    "s.id, s.boot, s.triggered_at, s.monotonic_s, s.source, s.capture_method, s.state,"
    " coalesce(b.clock_trust, 'none')"
)
FRAME = "sequence, number, path, captured_at, state, mark, preview_mark"
OBSERVATION = (  # Of `observation o`.
    "o.verdict, o.label, o.probability, o.event, o.target, o.audit, o.reason, o.classified_by,"
    " o.classified_at, o.count"
)


def sequence_of(row: Row, frames: Iterable[Row]) -> Sequence:
    """Make a sequence of the columns SEQUENCE, and of its frames' columns FRAME."""
    return Sequence(
        id=integer(row[0]),
        boot=integer(row[1] or 0),
        trigger=Trigger(
            moment(row[2]),
            float(str(row[3])),
            TriggerSource(str(row[4])),
            CaptureMethod(str(row[5])),
        ),
        state=SequenceState(str(row[6])),
        clock_trust=ClockTrust(str(row[7])),
        frames=tuple(map(frame_of, frames)),
    )


def frame_of(row: Row) -> Frame:
    """Make a frame of the columns FRAME; more columns may follow them."""
    return Frame(
        sequence=integer(row[0]),
        number=integer(row[1]),
        path=str(row[2]),
        preview_path=names.preview_path(str(row[2])),
        captured_at=moment(row[3]),
        state=FrameState(str(row[4])),
        mark=str(row[5]),
        preview_mark=str(row[6]),
    )


def observation_of(
    row: Row, sequence: int, at: datetime, frames: int, trusted: bool
) -> Observation:
    """Make an observation of the columns OBSERVATION, and of what its sequence knows."""
    return Observation(
        id=sequence,
        observed_at=at,
        frames=frames,
        clock_trusted=trusted,
        verdict=Verdict(str(row[0])),
        label=str(row[1]),
        probability=None if row[2] is None else float(str(row[2])),
        event=integer(row[3]),
        target=bool(row[4]),
        audit=bool(row[5]),
        reason=str(row[6]),
        classified_by=str(row[7]),
        classified_at=moment(row[8]),
        count=None if row[9] is None else integer(row[9]),
    )


def packed(scores: Scores | None) -> str | None:
    """Write scores as a row holds them."""
    if scores is None:
        return None
    return json.dumps({label: round(p, 4) for label, p in scores.by_label.items()})


def packed_boxes(scores: Scores | None) -> str | None:
    """Write the detections of a frame as a row holds them: x, y, width, height, probability."""
    if scores is None or not scores.detections:
        return None
    return json.dumps([[round(each, 4) for each in astuple(box)] for box in scores.detections])


def scores_of(scores: object, detections: object) -> Scores | None:
    """Read scores and detections as a row holds them."""
    if scores is None:
        return None
    boxes = [] if detections is None else msgspec.json.decode(str(detections))
    return Scores(msgspec.json.decode(str(scores)), tuple(Detection(*box) for box in boxes))


def integer(value: object) -> int:
    """Read a whole number."""
    return int(str(value))
