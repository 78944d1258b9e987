"""Sequences, one after the other, as the events that they make up.

Events of one label follow each other. So an event is over once a sequence with its label belongs
to another, and as many are open at a time as there are labels. An event that a move of the unit
parted has a part at each deployment.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from trapnode.dump.claims import claim_of
from trapnode.dump.places import Place
from trapnode.store.reading import Record

__all__ = ["Events", "Part"]

REASONS = 5  # So many different ones are told of one event.


@dataclass(slots=True)
class Part:
    """What the sequences of one event at one deployment have in common."""

    event: str  # What the file names of the event's first sequence share.
    stem: str  # The same of the first sequence at this deployment.
    deployment: str
    best: Record  # The sequence with the highest probability.
    first: datetime
    last: datetime
    sequences: int = 0
    count: int | None = None  # Individuals: the most that one frame shows.
    target: bool = False
    audit: bool = False
    reasons: list[str] = field(default_factory=list)

    def add(self, record: Record, place: Place) -> None:
        """Count in one sequence."""
        first, last = _span(record)
        self.first, self.last = min(self.first, first), max(self.last, last)
        self.sequences += 1
        if _probability(record) > _probability(self.best):
            self.best = record
        observation = record.observation
        if observation is not None and observation.count is not None:
            self.count = max(self.count or 0, observation.count)
        self.target |= observation is not None and observation.target
        self.audit |= observation is not None and observation.audit
        reason = "not sorted yet" if observation is None else observation.reason
        for each in (reason, place.remark):
            if each and each not in self.reasons and len(self.reasons) < REASONS:
                self.reasons.append(each)


@dataclass(slots=True)
class _Event:
    number: int
    stem: str
    parts: dict[str, Part] = field(default_factory=dict)


class Events:
    """The events of an archive whose sequences are added in the order of their ids."""

    def __init__(self) -> None:
        self._open: dict[str, _Event] = {}
        self._over: list[Part] = []

    def add(self, record: Record, place: Place) -> str:
        """Count in one sequence; give the name of its event."""
        if record.observation is None:  # Nobody knows yet of which event it will be.
            alone = _Event(record.sequence.id, record.stem)
            _join(alone, record, place)
            self._over += alone.parts.values()
            return record.stem
        label, number = record.observation.label, record.observation.event
        event = self._open.get(label)
        if event is None or event.number != number:
            self._over += event.parts.values() if event else ()
            event = self._open[label] = _Event(number, record.stem)
        _join(event, record, place)
        return event.stem

    def over(self) -> Iterator[Part]:
        """Take the events that are over."""
        while self._over:
            yield self._over.pop(0)

    def end(self) -> Iterator[Part]:
        """Take all that are left: no sequence follows."""
        for event in self._open.values():
            self._over += event.parts.values()
        self._open.clear()
        self._over.sort(key=lambda part: part.best.sequence.id)
        return self.over()


def _join(event: _Event, record: Record, place: Place) -> None:
    name = place.deployment
    if name not in event.parts:
        event.parts[name] = Part(event.stem, record.stem, name, record, *_span(record))
    event.parts[name].add(record, place)


def _span(record: Record) -> tuple[datetime, datetime]:
    """Give the times of the first and the last frame."""
    times = [frame.captured_at for frame in record.sequence.frames]
    times = times or [record.sequence.trigger.at]
    return min(times), max(times)


def _probability(record: Record) -> float:
    probability = claim_of(record).probability
    return -1.0 if probability is None else probability
