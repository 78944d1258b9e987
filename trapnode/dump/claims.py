"""What is claimed of a sequence and of each of its frames, and which file shows it.

The claim of a frame never contradicts the verdict. In a sequence kept as a leopard, a frame in
which the model sees something is a leopard with that frame's probability; one that the model
finds empty is blank (the animal has left), unless all are: then the verdict stands for all.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from trapnode.model import (
    BLANK,
    Detection,
    Frame,
    FrameState,
    ObservationType,
    Scores,
    Taxon,
    Verdict,
    taxon_of,
)
from trapnode.store.reading import Record

__all__ = [
    "UNKNOWN",
    "Claim",
    "Guess",
    "claim_of",
    "claims_of",
    "files_of",
    "guess_of",
    "is_public",
]

PERSON_MAY_BE = 0.08  # The demo's photographer, judged another mammal, had 9 to 20 %.
UNCLASSIFIED = "unclassified"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Claim:
    """A label, the probability where a model gave one, and where in the frame it is seen."""

    label: str
    probability: float | None = None
    detections: tuple[Detection, ...] = ()

    @property
    def taxon(self) -> Taxon:
        """What the label means to a researcher."""
        return taxon_of(self.label)


def claim_of(record: Record) -> Claim:
    """Say what the sorter claims of the whole sequence."""
    if record.observation is None:
        return Claim(UNCLASSIFIED)
    return Claim(record.observation.label, record.observation.probability)


def claims_of(record: Record) -> dict[int, Claim]:
    """Say what is claimed of each frame, by its number."""
    whole = claim_of(record)
    judged = {number: each for number, each in record.scores.items() if each is not None}
    alive = {number for number, each in judged.items() if each.best[0] != BLANK}
    discarded = record.observation is not None and record.observation.verdict is Verdict.DISCARD
    if discarded or whole.label == UNCLASSIFIED or not alive:
        alive = set(judged)
    return {
        number: _claim(judged.get(number), whole.label if number in alive else BLANK)
        for number in record.scores
    }


@dataclass(frozen=True, slots=True)
class Guess:
    """What an unknown is likeliest, by the mean over its frames, and how probably it is nothing."""

    label: str
    blank: float

    @property
    def tags(self) -> tuple[str, str]:
        """Say it as tags of an observation."""
        return f"likeliest:{self.label}", f"{BLANK}:{self.blank:.2f}"


def guess_of(scores: Iterable[Scores | None]) -> Guess | None:
    """Guess what the frames of an unknown show; None where no model scored anything."""
    judged = [each.by_label for each in scores if each is not None]
    living = {label for each in judged for label in each if label != BLANK}
    if not living:
        return None
    mean = {
        label: sum(each.get(label, 0.0) for each in judged) / len(judged)
        for label in (*sorted(living), BLANK)
    }
    blank = mean.pop(BLANK)
    return Guess(max(mean, key=mean.__getitem__), blank)


def _claim(scores: Scores | None, label: str) -> Claim:
    if scores is None or label == UNCLASSIFIED:
        return Claim(UNCLASSIFIED)
    if label == UNKNOWN:
        living = [p for name, p in scores.by_label.items() if name != BLANK]
        return Claim(UNKNOWN, max(living, default=None), scores.detections)
    boxes = () if label == BLANK else scores.detections
    return Claim(label, scores.by_label.get(label), boxes)


def is_public(record: Record) -> bool:
    """Say whether anybody may see the pictures: where a person may be in them, nobody may.

    Nobody has looked at what is unclassified or unknown. A target's pictures are public: what
    must be kept from poachers is its place, which is in deployments.csv alone.
    """
    kinds = {claim_of(record).taxon.observation_type}
    scores = [each for each in record.scores.values() if each is not None]
    kinds |= {taxon_of(each.best[0]).observation_type for each in scores}
    if not kinds <= {ObservationType.ANIMAL, ObservationType.BLANK}:
        return False
    return all(
        probability < PERSON_MAY_BE
        for each in scores
        for label, probability in each.by_label.items()
        if taxon_of(label).observation_type is ObservationType.HUMAN
    )


def files_of(frame: Frame) -> tuple[str, str]:
    """Give the file that shows the frame, and the one to fall back to, relative to the archive."""
    if frame.state is FrameState.WHOLE:
        return frame.path, frame.preview_path
    return frame.preview_path, frame.path
