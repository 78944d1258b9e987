"""`trapnode classify`: the sorter's models over any folder of pictures, old cards too.

CSV, one row per picture: `file,sequence,label,probability,verdict`, then `p_LABEL` per label.
`sequence` is the picture itself, or its folder with `by_folder`; `verdict` is the sequence's, by
the rules of the sorter. A large folder is judged in bursts of BURST frames, with one verdict. A
picture that cannot be read is `unclassified`, without probabilities: as on a unit, what nobody
could judge is kept. JSON: MegaDetector batch output, its files relative to the folder that holds
them all.

Rows are on disk as soon as they are made, so an interrupted run leaves what it did. A card of any
size passes in the memory of one folder's scores.
"""

import contextlib
import csv
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from trapnode.errors import DeviceError, StoreError, UsageError
from trapnode.judging import Judge
from trapnode.megadetector import Megadetector
from trapnode.meter import meter
from trapnode.model import Decision, Scores, Unjudged, Verdict
from trapnode.pictures import ENDINGS, bursts, find, read_jpeg, sequences
from trapnode.policy.verdict import Thresholds, decide

__all__ = ["BURST", "Summary", "classify"]

UNCLASSIFIED = "unclassified"
BURST = 40  # Frames judged together: more than any burst, few enough for any memory.
STDOUT = 1  # Its descriptor: names on old cards are not always text.


@dataclass(slots=True)
class Summary:
    """What was found: pictures by label, sequences by verdict."""

    pictures: int = 0
    unreadable: int = 0
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
            )
        )


@dataclass(frozen=True, slots=True)
class _Judged:
    """One picture with its scores, or why it has none."""

    path: Path
    scores: Scores | None
    fault: str = ""


def classify(
    paths: Sequence[Path],
    judge: Judge,
    targets: Sequence[str],
    by_folder: bool = False,
    csv_path: str | None = None,  # `-` is standard output.
    json_path: str | None = None,
) -> Summary:
    """Classify every picture; raise UsageError (paths), StoreError (outputs), DeviceError (model).

    Pictures that cannot be read are named on stderr. Without outputs the summary goes to stdout.
    """
    summary, thresholds = Summary(), Thresholds(**judge.thresholds)
    total = _total(paths)
    with _Outputs(paths, judge, csv_path, json_path) as outputs, meter(total, "img") as done:
        for sequence, group in sequences(find(paths), by_folder):
            judged = [each for burst in bursts(group, BURST) for each in _judged(burst, judge)]
            decision = decide([each.scores for each in judged], thresholds, targets)
            outputs.add(sequence, judged, decision)
            _count(summary, judged, decision)
            done(len(judged))
        outputs.end()
    print(summary, file=sys.stderr if csv_path or json_path else sys.stdout)
    return summary


def _total(paths: Sequence[Path]) -> int:
    if total := sum(1 for _ in find(paths)):
        return total
    raise UsageError(f"{', '.join(map(str, paths))}: no pictures ({', '.join(ENDINGS)})")


def _judged(burst: Sequence[Path], judge: Judge) -> list[_Judged]:
    faults: dict[int, str] = {}
    found = judge.judge(_read(path, number, faults) for number, path in enumerate(burst))
    judged = []
    for number, (path, judgement) in enumerate(zip(burst, found, strict=True)):
        if judgement.why is Unjudged.MODEL:
            raise DeviceError(judgement.fault)  # The model failed, not the picture.
        fault = faults.get(number, judgement.fault)
        if judgement.scores is None:
            print(f"{path}: not classified: {fault}", file=sys.stderr)
        judged.append(_Judged(path, judgement.scores, fault))
    return judged


def _read(path: Path, number: int, faults: dict[int, str]) -> bytes | None:
    """Read a picture when the judge asks for it: one at a time is in memory."""
    try:
        return read_jpeg(path)
    except (OSError, ValueError, MemoryError) as error:
        faults[number] = str(error) or type(error).__name__
        return None


def _count(summary: Summary, judged: Sequence[_Judged], decision: Decision) -> None:
    verdict = decision.verdict.value
    summary.verdicts[verdict] = summary.verdicts.get(verdict, 0) + 1
    for each in judged:
        label = UNCLASSIFIED if each.scores is None else each.scores.best[0]
        summary.labels[label] = summary.labels.get(label, 0) + 1
        summary.pictures += 1
        summary.unreadable += each.scores is None


class _Outputs:
    """The CSV and the JSON on their way; the JSON gets its name when it is whole."""

    def __init__(
        self,
        paths: Sequence[Path],
        judge: Judge,
        csv_path: str | None,
        json_path: str | None,
    ) -> None:
        self._base = os.path.commonpath(
            [path.absolute() if path.is_dir() else path.absolute().parent for path in paths]
        )
        self._judge = judge
        self._csv_path, self._json_path = csv_path, json_path
        self._stack = ExitStack()
        self._write_row: Callable[[Iterable[object]], object] | None = None
        self._json: Megadetector | None = None

    def __enter__(self) -> "_Outputs":
        with self._failing():
            self._open()
        return self

    def __exit__(self, *_: object) -> None:
        with self._failing():
            self._stack.close()

    def add(self, sequence: Path, judged: Sequence[_Judged], decision: Decision) -> None:
        """Write the pictures of one sequence."""
        with self._failing():
            for each in judged:
                if self._write_row:
                    self._write_row(self._row(sequence, each, decision))
                if self._json:
                    self._add_json(self._json, each, decision)

    def end(self) -> None:
        """Make the JSON whole."""
        if self._json and self._json_path:
            with self._failing():
                self._json.end(self._judge.name, datetime.now(UTC))
                self._stack.close()
                os.replace(f"{self._json_path}.part", self._json_path)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            with contextlib.suppress(OSError):
                self._stack.close()
            name = error.filename or self._csv_path or self._json_path
            raise StoreError(f"{name}: cannot be written: {error.strerror}") from error

    def _add_json(self, output: Megadetector, judged: _Judged, decision: Decision) -> None:
        file = Path(os.path.relpath(judged.path.absolute(), self._base)).as_posix()
        if judged.scores is None:
            output.fail(file, judged.fault)
        else:
            output.add(file, judged.scores, decision.verdict is Verdict.DISCARD)

    def _open(self) -> None:
        if self._csv_path:
            file = self._file(STDOUT if self._csv_path == "-" else self._csv_path)
            self._write_row = csv.writer(file, lineterminator="\n").writerow
            labels = (f"p_{label}" for label in self._judge.labels)
            self._write_row(["file", "sequence", "label", "probability", "verdict", *labels])
        if self._json_path:
            self._json = Megadetector(self._file(f"{self._json_path}.part").write)

    def _file(self, path: str | int) -> TextIO:
        return self._stack.enter_context(
            open(path, "w", 1, "utf-8", "surrogateescape", newline="", closefd=path != STDOUT)
        )

    def _row(self, sequence: Path, judged: _Judged, decision: Decision) -> list[object]:
        row: list[object] = [judged.path.as_posix(), sequence.as_posix()]
        if judged.scores is None:
            blanks = [""] * len(self._judge.labels)
            return [*row, UNCLASSIFIED, "", decision.verdict.value, *blanks]
        label, probability = judged.scores.best
        every = (f"{p:.4f}" for p in judged.scores.by_label.values())
        return [*row, label, f"{probability:.4f}", decision.verdict.value, *every]
