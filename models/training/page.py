"""All figures of the set, from held-out heads and thresholds, as one page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training import report
from models.training.decide import Fusion, dropped
from models.training.evaluate import Outcome, separation, wilson
from models.training.judged import LEOPARD, Held, Witnesses, line
from models.training.pictures import LABELS

HERE = Path(__file__).parent
# What a witness alone, or some of them, would have done, thresholds chosen likewise.
CLASSIFIER_ALONE = Fusion(detector_weight=0, motion_weight=0, crop_score=2)
SEEN = Fusion(classifier_weight=0, motion_weight=0)
ABLATIONS: dict[str, Fusion] = {
    "classifier, full frame": CLASSIFIER_ALONE,
    "classifier, frame and crop": Fusion(detector_weight=0, motion_weight=0),
    "detector": SEEN,
    "detector and full frame": Fusion(motion_weight=0, crop_score=2),
    "detector, frame and crop": Fusion(motion_weight=0),
    "motion alone": Fusion(detector_weight=0, classifier_weight=0),
    "all, with motion (ships)": Fusion(),
}


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the frames of the index, each alone, and of the sequences."""

    frames: list[Outcome]
    sequences: list[Outcome]


def measure(groups: Sequence[Witnesses], held: Held) -> Outcomes:
    """Judge every frame and sequence with the line drawn on the other places."""
    places = {one.place for one in groups}
    lines = {place: line(groups, held, place) for place in places}
    frames, sequences = [], []
    for one in groups:
        shares = held.judge(one, one.place)
        outcome = _outcome(one, shares, dropped(shares, LEOPARD, lines[one.place]))
        (sequences if one.frames[0].sequence else frames).append(outcome)
    return Outcomes(frames, sequences)


def _outcome(one: Witnesses, shares: NDArray[np.float64], gone: bool) -> Outcome:
    first = one.frames[0]
    named = shares[:, 1:].mean(axis=0)
    least = float(shares[:, 0].min())
    said = "blank" if gone else LABELS[1 + int(named.argmax())]
    most = max(at_box for at_box, _ in one.moved) if one.moved else None
    place = first.sequence.split("/")[0] if first.sequence else first.place
    name = first.sequence or Path(first.path).name
    return Outcome(name, one.truth, place, said, least, gone, first.trap, most)


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


def page(groups: Sequence[Witnesses], held: Held, outcomes: Outcomes) -> str:
    """Write the page."""
    trap = [each for each in outcomes.frames if each.trap]
    photographs = [each for each in outcomes.frames if not each.trap]
    learned = ("mlwic_site_CA-01", "mlwic_CA-01")
    apart = {
        "all trap sites": trap,
        "without CA-01": [each for each in trap if each.place not in learned],
        "CA-01 alone": [each for each in trap if each.place in learned],
    }
    parts = [
        "# Evaluation of the set `amur-2`: detector, classifier, motion",
        "Written by `python -m models.training.train`. Every frame and sequence is judged by a "
        "head that saw no picture of its place and by thresholds chosen on other places, by heads "
        "that saw neither. A sequence is dropped when every frame is blank and none may be a "
        "leopard. Shares carry their 95 % Wilson intervals.",
        "## Single camera-trap frames",
        report.figures(apart),
        f"Blanks dropped by site: {report.spread(trap)} (sites with ten blanks and more).",
        "### By site",
        report.by_place(trap),
        "### Labels",
        "Rows are the truth, columns what the frame is kept as (or blank: dropped).",
        report.labels(trap),
        "## Whole sequences",
        report.figures(
            {
                "all": outcomes.sequences,
                "without CA-01": [e for e in outcomes.sequences if e.place not in learned],
            }
        ),
        report.sequences(outcomes.sequences),
        "## Photographs",
        "Easier than trap frames, and no measure of the filter: blanks are landscapes.",
        report.figures({"photographs": photographs}),
        report.labels(photographs),
        "## What each witness buys",
        ablation(groups, held),
        (HERE / "limits.md").read_text(),
    ]
    return "\n\n".join(parts).rstrip() + "\n"
