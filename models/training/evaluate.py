"""Measure a shipped model as the unit runs it: whole pictures in, drops and names out."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.training.pictures import Picture, read_index
from trapnode.devices.classifier import TfliteClassifier

Z = 1.96  # 95 %


@dataclass(frozen=True, slots=True)
class Judged:
    """One frame with its truth and what the model said."""

    truth: str
    place: str
    trap: bool
    shares: Mapping[str, float]

    @property
    def said(self) -> str:
        """Name the likeliest label."""
        return max(self.shares, key=lambda label: self.shares[label])


def judge(model: TfliteClassifier, pictures: Iterable[Picture]) -> list[Judged]:
    """Classify every picture as the sorter would."""
    return [Judged(p.label, p.place, p.trap, _shares(model, p.path)) for p in pictures]


def judge_sequences(model: TfliteClassifier, data: Path) -> dict[str, list[Judged]]:
    """Classify every frame of the whole bursts, by sequence."""
    sequences: dict[str, list[Judged]] = defaultdict(list)
    with (data / "sequence_frames.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            path = data / "sequences" / row["sequence"] / row["frame"]
            place = row["sequence"].split("/")[0]
            judged = Judged(row["label"], place, True, _shares(model, path))
            sequences[row["sequence"]].append(judged)
    return sequences


def _shares(model: TfliteClassifier, path: Path) -> dict[str, float]:
    return dict(zip(model.labels, model.classify(path.read_bytes()), strict=True))


def blank(frame: Judged, thresholds: Mapping[str, float], target: str = "leopard") -> bool:
    """Say whether this frame alone would be dropped."""
    return (
        frame.shares["blank"] >= thresholds["blank"] and frame.shares[target] < thresholds["target"]
    )


def discarded(frames: Sequence[Judged], thresholds: Mapping[str, float]) -> bool:
    """Say whether the sequence would be dropped: every frame blank, none perhaps the target."""
    return all(blank(frame, thresholds) for frame in frames)


def wilson(hits: int, of: int) -> str:
    """Write a share with its 95 % Wilson interval: `97.0 % (65 of 67; 89.8-99.2)`."""
    if of == 0:
        return "- (none)"
    share, square = hits / of, Z * Z / of
    middle = (share + square / 2) / (1 + square)
    half = Z / (1 + square) * (share * (1 - share) / of + square / of / 4) ** 0.5
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return f"{share:.1%} ({hits} of {of}; {low:.1%} to {high:.1%})"


def separation(frames: Sequence[Judged]) -> float:
    """Give the area under the curve of P(blank) between blanks and the living."""
    blanks = [frame.shares["blank"] for frame in frames if frame.truth == "blank"]
    living = [frame.shares["blank"] for frame in frames if frame.truth != "blank"]
    pairs = [(b > a) + 0.5 * (b == a) for b in blanks for a in living]
    return sum(pairs) / len(pairs) if pairs else float("nan")


def measure(card: Path, data: Path, runtime: str | None = None) -> "Figures":
    """Run the shipped model over the held-out split and over the bursts."""
    model = TfliteClassifier(card, runtime=runtime)  # type: ignore[arg-type]
    held_out = [picture for picture in read_index(data) if picture.split == "val"]
    return Figures(
        model.name,
        runtime or "the preferred runtime",
        model.labels,
        model.thresholds,
        judge(model, held_out),
        judge_sequences(model, data),
    )


@dataclass(frozen=True, slots=True)
class Figures:
    """All that was measured of one model on one runtime."""

    model: str
    runtime: str
    labels: tuple[str, ...]
    thresholds: Mapping[str, float]
    frames: list[Judged]
    sequences: dict[str, list[Judged]]
