"""The verdict of a sequence from its frames' scores.

Fail open: only a complete and confident verdict discards. A sequence with one frame that was not
scored stays whole as `unclassified`; so does one without frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trapnode.model import BLANK, Decision, ObservationType, Scores, Verdict, taxon_of

__all__ = ["Thresholds", "audit", "count_of", "decide", "unclassified"]

UNKNOWN = "unknown"
UNCLASSIFIED = "unclassified"
COUNTED = (ObservationType.ANIMAL, ObservationType.HUMAN)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where the model's card draws the lines; probabilities.

    `blank`: a frame counts as blank from here. `target`: a frame with a target this probable
    forbids a discard. `unknown`: a label below this is not claimed.
    """

    blank: float
    target: float
    unknown: float

    def at_least(self, blank: float) -> "Thresholds":
        """Ask no less than `blank` of a blank: whatever it is, nothing more is discarded."""
        return replace(self, blank=max(self.blank, blank))


def decide(
    scores: Sequence[Scores | None], thresholds: Thresholds, targets: Sequence[str]
) -> Decision:
    """Reach one verdict for a sequence; None in `scores` is a frame nothing could judge."""
    judged = [each for each in scores if each is not None]
    if not judged:
        return unclassified("no frame could be classified")
    alive = [each for each in judged if not _blank(each, thresholds, targets)]
    if alive:
        return _keep(alive, thresholds, targets)
    if len(judged) < len(scores):
        missing = len(scores) - len(judged)
        return unclassified(f"{missing} of {len(scores)} frames could not be classified")
    certainty = min(each.by_label[BLANK] for each in judged)
    return Decision(Verdict.DISCARD, BLANK, certainty)


def unclassified(reason: str) -> Decision:
    """Keep a sequence that nothing judged, and say why."""
    return Decision(Verdict.KEEP, UNCLASSIFIED, None, reason)


def count_of(scores: Sequence[Scores | None], decision: Decision) -> int | None:
    """Count individuals: as many as the frame with most of them shows; None where none is claimed.

    At least so many were there: one that hides, or comes after another, is not counted.
    """
    if decision.verdict is not Verdict.KEEP:
        return None
    if taxon_of(decision.label).observation_type not in COUNTED:
        return None
    return max((len(each.detections) for each in scores if each is not None), default=0) or None


def audit(share: float, draw: float) -> bool:
    """Say whether a blank is kept whole as audit sample; `draw` is uniform in [0, 1)."""
    return draw < share


def _blank(scores: Scores, thresholds: Thresholds, targets: Sequence[str]) -> bool:
    if BLANK not in scores.by_label:
        return False  # A model that knows no blanks discards nothing.
    hope = max((scores.by_label.get(target, 0.0) for target in targets), default=0.0)
    return scores.by_label[BLANK] >= thresholds.blank and hope < thresholds.target


def _keep(alive: list[Scores], thresholds: Thresholds, targets: Sequence[str]) -> Decision:
    """Name what the frames with something in them show: a target if one frame is sure of it,
    else the label with the highest mean probability."""
    living = [label for label in alive[0].by_label if label != BLANK]
    best_of = {label: max(each.by_label[label] for each in alive) for label in living}
    seen = [t for t in targets if best_of.get(t, 0.0) >= max(thresholds.target, thresholds.unknown)]
    if seen:
        target = max(seen, key=best_of.__getitem__)
        return Decision(Verdict.KEEP, target, best_of[target])
    mean = {label: sum(each.by_label[label] for each in alive) / len(alive) for label in living}
    label = max(mean, key=mean.__getitem__)
    if mean[label] < thresholds.unknown:
        return Decision(Verdict.KEEP, UNKNOWN, mean[label])
    return Decision(Verdict.KEEP, label, mean[label])
