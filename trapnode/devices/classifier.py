"""The classifier: any fully quantised .tflite model, run by what its card promises.

A card is the JSON file beside a model. It names the file, its sha256, the tensors at both ends,
the labels and the thresholds. A model that differs from its card is refused, never guessed at:
the caller then keeps every picture as `unclassified`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trapnode.devices import cards
from trapnode.devices.cards import ModelFile, ModelRefused, Quantised, Source
from trapnode.devices.picture import PictureUnreadable, to_tensor
from trapnode.devices.tflite import RUNTIMES, Model, Output, Runtime

__all__ = [
    "RUNTIMES",
    "Card",
    "ModelRefused",
    "PictureUnreadable",
    "Runtime",
    "TfliteClassifier",
    "read_card",
    "to_tensor",
]

LINES = ("blank", "target", "unknown")


@dataclass(frozen=True, slots=True)
class Card:
    """What a card promises: the output is one number per label."""

    file: ModelFile
    source: Source
    output: Quantised
    activation: str
    labels: tuple[str, ...]
    thresholds: Mapping[str, float]


def read_card(path: Path) -> Card:
    """Read and check a card; raise ModelRefused naming what is wrong."""
    return cards.read(path, _card)


def _card(top: Any, folder: Path) -> Card:
    result = cards.take(top, "output", dict)
    return Card(
        file=cards.model_file(top, folder),
        source=cards.source(top),
        output=cards.quantised(result),
        activation=cards.text(result, "activation", "softmax", "none"),
        labels=cards.labels(top),
        thresholds=cards.thresholds(top, *LINES),
    )


class TfliteClassifier:
    """One model on one runtime: its `name` as records carry it, `labels` and `thresholds`."""

    def __init__(self, path: Path, *, runtime: Runtime | None = None, threads: int = 1) -> None:
        """Load the model of the card at `path`; raise ModelRefused if it is not that model."""
        card = read_card(path)
        output = Output("output", 0, (1, len(card.labels)), card.output)
        self._model = Model(card.file, card.source, [output], runtime=runtime, threads=threads)
        self._softmax = card.activation == "softmax"
        self.width, self.height = card.source.width, card.source.height
        self.name, self.labels, self.thresholds = card.file.name, card.labels, card.thresholds

    def classify(self, jpeg: bytes) -> tuple[float, ...]:
        """Give one probability per label, summing to 1; raise PictureUnreadable if torn."""
        shares = self.shares(to_tensor(jpeg, self.width, self.height))
        return tuple(float(share) for share in shares)

    def shares(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Give one probability per label for height x width x 3 pixels; raise DeviceError."""
        [real] = self._model.run(pixels)
        # An answer of zeros alone prefers no label.
        shares = np.exp(real - real.max()) if self._softmax else real.clip(0) + 1e-12
        return np.asarray(shares / shares.sum())
