"""MegaDetector batch output, format 1.6: the scores as Timelapse, AddaxAI and their kin read them.

The format wants boxes, and our model draws none. So a picture has one box, the whole frame, with
conf = 1 - p(blank), and the model's labels as its classifications. An empty list is the verdict's
blank. A picture that nobody could judge is a failure, as the format says it. Format:
https://lila.science/megadetector-output-format
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
    "whole-frame boxes: the model classifies frames and draws no boxes. conf = 1 - p(blank);"
    " classifications hold the model's probabilities of all labels but blank. An empty list of"
    " detections is the sorter's verdict: blank"
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
        self._image({"file": file, "detections": [] if blank else [self._detection(scores)]})

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

    def _detection(self, scores: Scores) -> dict[str, object]:
        living = {label: p for label, p in scores.by_label.items() if label != BLANK}
        ranked = sorted(living.items(), key=lambda item: -item[1])
        best = taxon_of(ranked[0][0]).observation_type if ranked else ObservationType.ANIMAL
        return {
            "category": CATEGORY_OF.get(best, "1"),
            "conf": _probability(1.0 - scores.by_label.get(BLANK, 0.0)),
            "bbox": WHOLE,
            "classifications": [[self._id(label), _probability(p)] for label, p in ranked],
        }

    def _id(self, label: str) -> str:
        return self._ids.setdefault(label, str(len(self._ids) + 1))


def _probability(value: float) -> float:
    return float(min(max(round(value, 4), 0.0), 1.0))  # An int 1 is not valid: it must be 1.0.
