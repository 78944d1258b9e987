"""`trapnode classify`: the sorter's models over any folder of pictures, old cards too.

CSV, one row per picture: `file,sequence,label,probability,verdict`, then `p_LABEL` per label.
`label` is the likeliest of this frame, `probability` its own; `sequence` is the picture itself, or
its folder with `by_folder`; `verdict` is the sequence's, by the rules of the sorter. A large folder
is judged in bursts of BURST frames, with one verdict. A picture that cannot be read is
`unclassified`, without probabilities: as on a unit, what nobody could judge is kept. JSON:
MegaDetector batch output. The CSV names files as they were given, the JSON relative to the folder
that holds all.

Rows are on disk as soon as they are made, in FILE.part: an interrupted run leaves what it did
there, and FILE is whole. A card of any size passes in the memory of one folder's scores.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trapnode.classify.outputs import UNCLASSIFIED, Judged, Outputs
from trapnode.errors import DeviceError, TrapnodeError, UsageError
from trapnode.judging import Judge
from trapnode.meter import meter
from trapnode.model import Decision, Unjudged, Verdict
from trapnode.pictures import ENDINGS, bursts, find, read_jpeg, sequences
from trapnode.policy.verdict import Thresholds, decide

__all__ = ["BURST", "Summary", "classify"]

BURST = 40  # Frames judged together: more than any burst, few enough for any memory.


@dataclass(slots=True)
class Summary:
    """What was found: pictures by label, sequences by verdict."""

    pictures: int = 0
    unreadable: int = 0  # Pictures and folders.
    labels: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say it for a person, the most frequent label first."""
        width = max(map(len, [*self.labels, "pictures"]))
        ranked = sorted(self.labels.items(), key=lambda item: -item[1])
        lines = [f"{label:<{width}} {count:>8}" for label, count in ranked]
        keep, discard = (self.verdicts.get(each, 0) for each in Verdict)
        return "\n".join(
            (
                *lines,
                f"{'pictures':<{width}} {self.pictures:>8}",
                f"sequences: {keep} to keep, {discard} to discard",
                f"unreadable: {self.unreadable}",
                "this touches no file: keep and discard are what a unit would do",
            )
        )


def classify(
    paths: Sequence[Path],
    judge: Judge,
    targets: Sequence[str],
    by_folder: bool = False,
    csv_path: str | None = None,  # `-` is standard output.
    json_path: str | None = None,
) -> Summary:
    """Classify every picture; raise UsageError (paths), StoreError (outputs), DeviceError (model).

    What cannot be read is named on stderr; raise TrapnodeError where that is everything. Without
    outputs the summary goes to stdout.
    """
    summary, thresholds = Summary(), Thresholds(**judge.thresholds)
    total = _total(paths, summary)
    with Outputs(paths, judge, csv_path, json_path) as outputs, meter(total, "img") as done:
        for sequence, group in sequences(find(paths, lambda _: None), by_folder):
            judged = [each for burst in bursts(group, BURST) for each in _judged(burst, judge)]
            decision = decide([each.scores for each in judged], thresholds, targets)
            outputs.add(sequence, judged, decision)
            _count(summary, judged, decision)
            done(len(judged))
        outputs.end()
    if csv_path or json_path:
        print(f"{summary}\nthe JSON names files relative to {outputs.base}", file=sys.stderr)
    else:
        print(summary)
    if summary.labels.get(UNCLASSIFIED) == summary.pictures:
        raise TrapnodeError(f"none of {summary.pictures} pictures could be read")
    return summary


def _total(paths: Sequence[Path], summary: Summary) -> int:
    """Count the pictures; name the folders that cannot be read."""

    def refused(error: OSError) -> None:
        print(f"{error.filename}: cannot be read: {error.strerror}", file=sys.stderr)
        summary.unreadable += 1

    if total := sum(1 for _ in find(paths, refused)):
        return total
    named = ", ".join(map(str, paths))
    if summary.unreadable:
        raise TrapnodeError(f"{named}: no pictures that can be read")
    raise UsageError(f"{named}: no pictures ({', '.join(ENDINGS)})")


def _judged(burst: Sequence[Path], judge: Judge) -> list[Judged]:
    faults: dict[int, str] = {}
    found = judge.judge(_read(path, number, faults) for number, path in enumerate(burst))
    judged = []
    for number, (path, judgement) in enumerate(zip(burst, found, strict=True)):
        if judgement.why is Unjudged.MODEL:
            raise DeviceError(judgement.fault)  # The model failed, not the picture.
        fault = faults.get(number, judgement.fault)
        if judgement.scores is None:
            print(f"{path}: not classified: {fault}", file=sys.stderr)
        judged.append(Judged(path, judgement.scores, fault))
    return judged


def _read(path: Path, number: int, faults: dict[int, str]) -> bytes | None:
    """Read a picture when the judge asks for it: one at a time is in memory."""
    try:
        return read_jpeg(path)
    except (OSError, ValueError, MemoryError) as error:
        faults[number] = str(error) or type(error).__name__
        return None


def _count(summary: Summary, judged: Sequence[Judged], decision: Decision) -> None:
    verdict = decision.verdict.value
    summary.verdicts[verdict] = summary.verdicts.get(verdict, 0) + 1
    for each in judged:
        label = UNCLASSIFIED if each.scores is None else each.scores.best[0]
        summary.labels[label] = summary.labels.get(label, 0) + 1
        summary.pictures += 1
        summary.unreadable += each.scores is None
