"""Judging a sequence by any set of models: what a judge is, and what becomes of its failures.

Whatever goes wrong costs scores, never pictures: a frame without scores forbids a discard.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from trapnode.errors import CardFailed, TrapnodeError
from trapnode.model import Detection, Frame, Judgement, Scores, Unjudged

__all__ = ["Judge", "Show", "judged", "nothing_shown", "shown", "unseen"]

log = logging.getLogger(__name__)

Show = Callable[[bytes, Detection | None], bytes]
"""Makes a picture for the radio of a JPEG and the best box in it; may raise TrapnodeError."""


class Judge(Protocol):
    """A set of models that judges the frames of one sequence together."""

    @property
    def name(self) -> str:
        """Name the set and its version."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """List the labels of every judgement's scores."""
        ...

    @property
    def thresholds(self) -> Mapping[str, float]:
        """Give the card's thresholds: blank, target, unknown."""
        ...

    def judge(
        self, pictures: Iterable[bytes | None], past: Sequence[bytes] = ()
    ) -> list[Judgement]:
        """Judge each frame, in order; None: it has no picture. May raise TrapnodeError.

        `past` are the greys that the site's latest blanks were judged with.
        """
        ...


def judged(
    judge: Judge,
    frames: Sequence[Frame],
    read: Callable[[Frame], bytes | None],
    past: Sequence[bytes] = (),
) -> list[Judgement]:
    """Judge the frames of a sequence, each read when the judge asks for it.

    Scores that cannot be probabilities of the judge's labels are none. Raise CardFailed, and
    nothing else of ours: what nobody has looked at must not get a verdict.
    """
    try:
        found = judge.judge((_read(frame, read) for frame in frames), past)
    except CardFailed:
        raise
    except (TrapnodeError, MemoryError, ValueError) as error:
        fault = str(error) or type(error).__name__
        found = [Judgement(None, fault, Unjudged.MODEL)] * len(frames)
    if len(found) != len(frames):
        fault = f"{len(found)} judgements of {len(frames)} frames"
        found = [Judgement(None, fault, Unjudged.MODEL)] * len(frames)
    pairs = zip(found, frames, strict=True)
    return [_sound(each, judge.labels, frame) for each, frame in pairs]


def nothing_shown(_picture: bytes, _box: Detection | None) -> bytes:
    """Show nothing: there is no radio for it."""
    return b""


def shown(
    frames: Sequence[Frame],
    scores: Sequence[Scores | None],
    label: str,
    read: Callable[[Frame], bytes | None],
    show: Show,
) -> bytes:
    """Make the picture of the frame that shows a label best; empty where there is none."""
    seen = [
        (each.by_label.get(label, 0.0), bool(each.detections), frame, each.detections[:1])
        for frame, each in zip(frames, scores, strict=True)
        if each is not None
    ]
    if not seen:
        return b""
    _, _, frame, boxes = max(seen, key=lambda each: each[:2])
    picture = read(frame)
    return b"" if picture is None else show(picture, boxes[0] if boxes else None)


def unseen(judgement: Judgement) -> bool:
    """Say whether another file of the frame may show what this one does not."""
    return judgement.scores is None and judgement.why is not Unjudged.COVERED


def _read(frame: Frame, read: Callable[[Frame], bytes | None]) -> bytes | None:
    try:
        return read(frame)
    except CardFailed:
        raise
    except (TrapnodeError, MemoryError) as error:
        log.warning("%s: cannot be read: %s", frame.path, error)
        return None


def _sound(judgement: Judgement, labels: tuple[str, ...], frame: Frame) -> Judgement:
    if judgement.scores is None:
        log.warning("%s: not judged: %s", frame.path, judgement.fault)
        return judgement
    shares = judgement.scores.by_label
    if shares.keys() == set(labels) and all(-0.01 <= each <= 1.01 for each in shares.values()):
        return judgement
    log.warning("%s: no probabilities of %s: %s", frame.path, ", ".join(labels), shares)
    return Judgement(None, "the model gave no probabilities", Unjudged.MODEL)
