"""The shipped set under what the field does to frames.

usage: python -m models.training.robust --data ../shared/data --models models
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.training import damage, evidence, views
from models.training.decide import Fusion, dropped, judge
from models.training.evaluate import wilson
from models.training.fusion import judgeable
from models.training.pictures import LABELS, Picture, read_index
from models.training.report import table

LEOPARD = LABELS.index("leopard")
HEAD = """# The set under damage

Written by `python -m models.training.robust`: the shipped models on single trap frames of the `val`
sites, damaged as `training/damage.py` says. The shipped head has seen these frames whole: read the
change from the first row, not the level. A frame without contrast is not judged, and kept.
"""
Seen = tuple[float, NDArray[np.float64], NDArray[np.float64]]


class Set:
    """Detector and classifier as a unit runs them, one frame at a time."""

    def __init__(self, folder: Path) -> None:
        card = json.loads((folder / "amur.json").read_text())
        self.fusion, self.limits = Fusion(**card["fusion"]), card["thresholds"]
        self._detector = evidence.Model(folder / "yolox-tiny.tflite")
        self._classifier = evidence.Model(folder / "lite0-amur.tflite")

    def drops(self, picture: Image.Image) -> tuple[bool, int]:
        """Say if the frame alone would go, and its likeliest label but blank (0: not judged)."""
        small = picture.convert("L").resize(evidence.GREY, Image.Resampling.BILINEAR)
        if not judgeable(np.asarray(small)):
            return False, 0
        best = evidence.find(self._detector, picture)[0]
        full = self._shares(picture)
        crop = self._shares(views.crop(picture, tuple(best[1:])))
        said = judge([float(best[0])], [full], [crop], None, (LEOPARD,), self.fusion)
        return dropped(said, LEOPARD, self.limits), 1 + int(said[0, 1:].argmax())

    def _shares(self, picture: Image.Image) -> NDArray[np.float64]:
        tensor = views.squash(picture, evidence.SIDE, evidence.SIDE)
        [logits] = self._classifier.real(self._classifier(tensor))
        powers = np.exp(logits - logits.max())
        return np.asarray(powers / powers.sum())


def under(one: Set, pictures: Sequence[Picture], harm: Callable[..., Image.Image]) -> list[str]:
    """Give kept shares of leopards, of the living, and dropped blanks under one damage."""
    gone: dict[bool, list[bool]] = {True: [], False: []}
    leopards = []
    for number, picture in enumerate(pictures):
        view = views.decode(views.unit_preview(picture.path.read_bytes()))
        went, _ = one.drops(harm(view, np.random.default_rng(number)))
        gone[picture.label != "blank"].append(went)
        leopards += [not went] if picture.label == "leopard" else []
    living = [not went for went in gone[True]]
    groups = (leopards, living, gone[False])
    return [wilson(sum(group), len(group)) for group in groups]


def unjudgeable(one: Set) -> str:
    """Write what the set says of frames that show nothing at all."""
    frames = {"black": (0, 0, 0), "white": (255, 255, 255), "grey": (128, 128, 128)}
    rows = [
        [name, "dropped" if one.drops(Image.new("RGB", (640, 480), colour))[0] else "kept"]
        for name, colour in frames.items()
    ]
    return table(["a frame all", "alone"], rows)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description="Measure the shipped set under damage.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    options = parser.parse_args()
    one = Set(options.models)
    listed = [p for p in read_index(options.data) if p.split == "val" and p.trap]
    harms = {"none": lambda picture, random: picture} | damage.DAMAGES
    rows = [[name, *under(one, listed, harm)] for name, harm in harms.items()]
    tables = table(["damage", "leopards kept", "living kept", "blanks dropped"], rows)
    page = f"{HEAD}\n{tables}\n\n{unjudgeable(one)}\n"
    (options.models / "amur.robustness.md").write_text(page)


if __name__ == "__main__":
    main()
