"""All figures of the set, from held-out heads and thresholds."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.training import remembered, report
from models.training.decide import SHIPS, dropped, weighing
from models.training.evaluate import Outcome, Sample, separation, wilson
from models.training.judged import LEOPARD, Held, Witnesses, line
from models.training.pictures import LABELS
from trapnode.devices.fusion import Fusion

LEARNED = ("mlwic_site_CA-01", "mlwic_CA-01")  # one camera that gave most of the trap frames
# What a witness alone, or some of them, would have done, thresholds chosen likewise.
CLASSIFIER_ALONE = weighing(detector_weight=0, scene_weight=0, motion_weight=0, crop_score=2)
SEEN = weighing(classifier_weight=0, scene_weight=0, motion_weight=0)
ABLATIONS: dict[str, Fusion] = {
    "classifier, full frame": CLASSIFIER_ALONE,
    "classifier, frame and crop": weighing(detector_weight=0, scene_weight=0, motion_weight=0),
    "detector's boxes": SEEN,
    "detector's features": weighing(detector_weight=0, classifier_weight=0, motion_weight=0),
    "boxes and full frame": weighing(scene_weight=0, motion_weight=0, crop_score=2),
    "boxes, frame and crop": weighing(scene_weight=0, motion_weight=0),
    "boxes, features, frame and crop": weighing(motion_weight=0),
    "motion alone": weighing(detector_weight=0, scene_weight=0, classifier_weight=0),
    "all, with motion (ships)": SHIPS,
}


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the frames of the index, each alone, and of the sequences.

    And of the single frames once the unit knows the site's blanks.
    """

    frames: list[Outcome]
    sequences: list[Outcome]
    known: list[Outcome]

    @property
    def trap(self) -> list[Outcome]:
        """Give the single frames of camera traps."""
        return [each for each in self.frames if each.trap]

    @property
    def photographs(self) -> list[Outcome]:
        """Give the others."""
        return [each for each in self.frames if not each.trap]


def measure(groups: Sequence[Witnesses], held: Held) -> Outcomes:
    """Judge every frame and sequence with the line drawn on the other places."""
    lines = {place: line(groups, held, place) for place in {one.place for one in groups}}
    knowing = replace(held, likes=remembered.likes(groups, held, lines))
    frames, sequences, known = [], [], []
    for one in groups:
        outcome = _outcome(one, held, lines)
        if one.frames[0].sequence:
            sequences.append(outcome)
        else:
            frames.append(outcome)
            known.append(_outcome(one, knowing, lines))
    return Outcomes(frames, sequences, known)


def _outcome(one: Witnesses, held: Held, lines: Mapping[str, Mapping[str, float]]) -> Outcome:
    shares = held.judge(one, one.place)
    gone = dropped(shares, LEOPARD, lines[one.place])
    first = one.frames[0]
    named = shares[:, 1:].mean(axis=0)
    least = float(shares[:, 0].min())
    said = "blank" if gone else LABELS[1 + int(named.argmax())]
    most = max(at_box for at_box, _ in one.moved) if one.moved else None
    place = first.sequence.split("/")[0] if first.sequence else first.place
    name = first.sequence or Path(first.path).name
    return Outcome(name, one.truth, place, said, least, gone, first.trap, most, first.path)


def ablation(groups: Sequence[Witnesses], held: Held) -> str:
    """Write what each witness buys."""
    rows = []
    for name, fusion in ABLATIONS.items():
        outcomes = measure(groups, replace(held, fusion=fusion))
        trap = [each for each in outcomes.frames if each.trap]
        rows.append([name, f"{separation(trap):.3f}", *_kept(trap), *_kept(outcomes.sequences)])
    heads = ["witnesses", "area under curve", "living frames kept", "blank frames dropped"]
    return report.table([*heads, "living sequences kept", "blank sequences dropped"], rows)


def _kept(outcomes: Iterable[Outcome]) -> list[str]:
    listed = list(outcomes)
    living = [not each.dropped for each in listed if each.truth != "blank"]
    blanks = [each.dropped for each in listed if each.truth == "blank"]
    return [wilson(sum(living), len(living)), wilson(sum(blanks), len(blanks))]


def single(trap: Sequence[Outcome], doubted: Collection[str]) -> str:
    """Write the figures of single trap frames; `doubted` are the paths of `corrections.csv`."""
    groups = {
        "all trap sites": list(trap),
        "all, doubted labels left out": [each for each in trap if each.path not in doubted],
        "without CA-01": [each for each in trap if each.place not in LEARNED],
        "CA-01 alone": [each for each in trap if each.place in LEARNED],
    }
    return report.figures(groups)


def whole(sequences: Sequence[Outcome]) -> str:
    """Write the figures of sequences, and each of them."""
    groups = {
        "all": list(sequences),
        "without CA-01": [each for each in sequences if each.place not in LEARNED],
    }
    return f"{report.figures(groups)}\n\n{report.sequences(sequences)}"


def blanks_said(outcomes: Iterable[Outcome]) -> Sample:
    """Give P(blank) of each, and if it was."""
    listed = list(outcomes)
    was = np.array([each.truth == "blank" for each in listed])
    return np.array([each.blank for each in listed]), was
