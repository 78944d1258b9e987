"""The values that flow through a unit, in Camtrap DP 1.0.2 words where it has one.

Frozen, no I/O. A moment is an aware UTC `datetime`, a span a `timedelta`, a probability 0..1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from trapnode.capture import Boot, Frame, Shot, Trigger
from trapnode.words import (
    CaptureMethod,
    CardCause,
    CardState,
    ClockTrust,
    FrameState,
    MessageKind,
    MessageState,
    ObservationType,
    SequenceState,
    TriggerSource,
    Unjudged,
    Verdict,
    WakeReason,
)

__all__ = [
    "BLANK",
    "TAXA",
    "Boot",
    "CaptureMethod",
    "CardCause",
    "CardState",
    "ClockTrust",
    "Decision",
    "Detection",
    "Frame",
    "FrameState",
    "Judgement",
    "Message",
    "MessageKind",
    "MessageState",
    "Observation",
    "ObservationType",
    "Report",
    "Scores",
    "Sent",
    "Sequence",
    "SequenceState",
    "Shot",
    "Taxon",
    "Trigger",
    "TriggerSource",
    "Unjudged",
    "Verdict",
    "WakeReason",
    "taxon_of",
]


@dataclass(frozen=True, slots=True)
class Taxon:
    """What a label of the classifier means to a researcher."""

    observation_type: ObservationType
    scientific_name: str = ""
    vernacular_name: str = ""


BLANK = "blank"
TAXA: Mapping[str, Taxon] = {
    BLANK: Taxon(ObservationType.BLANK),
    "leopard": Taxon(ObservationType.ANIMAL, "Panthera pardus", "leopard"),
    "tiger": Taxon(ObservationType.ANIMAL, "Panthera tigris", "tiger"),
    "bear": Taxon(ObservationType.ANIMAL, "Ursidae", "bear"),
    "boar": Taxon(ObservationType.ANIMAL, "Sus scrofa", "wild boar"),
    "deer": Taxon(ObservationType.ANIMAL, "Cervidae", "deer"),
    "small_carnivore": Taxon(ObservationType.ANIMAL, "Carnivora", "small carnivore"),
    "other_mammal": Taxon(ObservationType.ANIMAL, "Mammalia", "other mammal"),
    "bird": Taxon(ObservationType.ANIMAL, "Aves", "bird"),
    "person": Taxon(ObservationType.HUMAN, "Homo sapiens", "person"),
    "vehicle": Taxon(ObservationType.VEHICLE),
    "unknown": Taxon(ObservationType.UNKNOWN),
    "unclassified": Taxon(ObservationType.UNCLASSIFIED),
}


def taxon_of(label: str) -> Taxon:
    """Say what a label means; one we do not know is an animal without a name."""
    return TAXA.get(label, Taxon(ObservationType.ANIMAL, "Animalia", label))


@dataclass(frozen=True, slots=True)
class Sequence:
    """The frames that one trigger made."""

    id: int
    boot: int
    trigger: Trigger
    clock_trust: ClockTrust
    state: SequenceState
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class Detection:
    """A box with something alive in it: its top left corner and sides as shares of the frame."""

    x: float
    y: float
    width: float
    height: float
    probability: float


@dataclass(frozen=True, slots=True)
class Scores:
    """What the models said of one frame: a probability for each label, and what is where."""

    by_label: Mapping[str, float]
    detections: tuple[Detection, ...] = ()  # Best first; only what the set's card lets count.

    @property
    def best(self) -> tuple[str, float]:
        """The most probable label and its probability."""
        return max(self.by_label.items(), key=lambda item: item[1])


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of judging one frame: its scores, or why there are none, or few to believe."""

    scores: Scores | None
    fault: str = ""
    why: Unjudged | None = None
    grey: bytes = b""  # The frame, small, if it is a blank that the site's memory may keep.


@dataclass(frozen=True, slots=True)
class Decision:
    """The sorter's verdict on a sequence, and as what it is kept."""

    verdict: Verdict
    label: str  # A label of the model, or `unknown`, or `unclassified`.
    probability: float | None  # None where nothing was classified.
    reason: str = ""  # Why a sequence stays unclassified.


@dataclass(frozen=True, slots=True)
class Observation:
    """What we claim was there: one per sorted sequence, with the sequence's id."""

    id: int
    observed_at: datetime
    label: str
    probability: float | None
    frames: int
    event: int  # Id of the first sequence of its event.
    clock_trusted: bool
    target: bool = False
    audit: bool = False  # A blank kept whole, so that misses can be estimated.
    verdict: Verdict = Verdict.KEEP
    classified_by: str = ""
    classified_at: datetime | None = None
    reason: str = ""
    count: int | None = None  # Individuals, where something alive was counted.

    @property
    def type(self) -> ObservationType:
        """Camtrap DP `observationType` of the label."""
        return taxon_of(self.label).observation_type


@dataclass(frozen=True, slots=True)
class Report:
    """One thing worth telling, packed for the air, waiting to be put into a message."""

    id: int
    kind: MessageKind
    body: bytes
    priority: int  # Smaller goes first.
    made_at: datetime
    observation: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """The frozen bytes of one uplink, and what became of them so far."""

    counter: int
    kind: MessageKind
    payload: bytes
    priority: int
    state: MessageState
    attempts: int
    not_before: datetime
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a message that the modem took."""

    delivered: bool  # The gateway's word; False: it was on the air, and nobody confirmed it.
    downlinks: tuple[bytes, ...] = ()
    more: int = 0  # Downlinks that still wait at the gateway.
    seconds: float = 0.0  # How long the modem was on for it.
