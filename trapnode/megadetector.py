"""MegaDetector batch output, format 1.6: the scores as Timelapse, AddaxAI and their kin read them.

A picture has the detector's boxes. Its conf is the frame's 1 - p(blank), which all witnesses made
together: the best box has it whole, the others by their own probability against the best box's.
The classifications are the frame's. A kept picture without a box has one of the whole frame. An
empty list is the verdict's blank. A picture that nobody could judge is a failure, as the format
says it. Format: https://lila.science/megadetector-output-format
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from trapnode.model import BLANK, ObservationType, Scores, taxon_of

__all__ = ["FORMAT", "Megadetector"]

FORMAT = "1.6"
CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}
CATEGORY_OF = {ObservationType.HUMAN: "2", ObservationType.VEHICLE: "3"}  # All else is an animal.
WHOLE = [0.0, 0.0, 1.0, 1.0]
NOTE = (
    "conf of a picture's best box = 1 - p(blank) of the whole frame; other boxes in proportion to"
    " the detector's probabilities. A picture without a box has one of the whole frame."
    " classifications are the frame's probabilities of all labels but blank, repeated for each"
    " box. An empty list of detections is the sorter's verdict: blank"
)


class Megadetector:
    """A batch output on its way, one picture after the other; `put` takes the text."""

    def __init__(self, put: Callable[[str], object]) -> None:
        self._put = put
        self._ids: dict[str, str] = {}
        self._between = "\n"
        put('{\n"images": [')

    def add(self, file: str, scores: Scores, blank: bool) -> None:
        """Add a picture that was judged; `blank` is the verdict."""
        self._image({"file": file, "detections": [] if blank else self._detections(scores)})

    def fail(self, file: str, failure: str) -> None:
        """Add a picture that could not be judged, and why."""
        self._image({"file": file, "detections": None, "failure": failure or "not classified"})

    def end(self, model: str, at: datetime) -> None:
        """Write what is known only at the end."""
        time = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        info = {
            "format_version": FORMAT,
            "detector": model,
            "detection_completion_time": time,
            "classifier": model,
            "classification_completion_time": time,
            "note": NOTE,
        }
        categories = {number: label for label, number in self._ids.items()}
        self._put(
            "\n],\n"
            f'"detection_categories": {json.dumps(CATEGORIES)},\n'
            f'"classification_categories": {json.dumps(categories)},\n'
            f'"info": {json.dumps(info)}\n}}\n'
        )

    def _image(self, image: dict[str, object]) -> None:
        self._put(self._between + json.dumps(image))
        self._between = ",\n"

    def _detections(self, scores: Scores) -> list[dict[str, object]]:
        living = {label: p for label, p in scores.by_label.items() if label != BLANK}
        ranked = sorted(living.items(), key=lambda item: -item[1])
        best = taxon_of(ranked[0][0]).observation_type if ranked else ObservationType.ANIMAL
        alive = 1.0 - scores.by_label.get(BLANK, 0.0)
        shared = {
            "category": CATEGORY_OF.get(best, "1"),
            "classifications": [[self._id(label), _probability(p)] for label, p in ranked],
        }
        return [
            {**shared, "conf": _probability(alive * share), "bbox": bbox}
            for bbox, share in _boxes(scores)
        ]

    def _id(self, label: str) -> str:
        return self._ids.setdefault(label, str(len(self._ids) + 1))


def _boxes(scores: Scores) -> list[tuple[list[float], float]]:
    """Give each box with its share of the best one's probability."""
    if not scores.detections:
        return [(WHOLE, 1.0)]
    most = max(each.probability for each in scores.detections) or 1.0
    return [
        ([round(side, 4) for side in (each.x, each.y, each.width, each.height)],
         each.probability / most)
        for each in scores.detections
    ]  # fmt: skip


def _probability(value: float) -> float:
    return float(min(max(round(value, 4), 0.0), 1.0))  # An int 1 is not valid: it must be 1.0.
