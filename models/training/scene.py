"""The head on the detector's maxima: does anything live in this picture, by all of its features.

The detector's features were learned from camera traps, and know its blanks better than ImageNet's.
A logistic regression on the most that each feature reaches; few places, so a strong penalty.
"""

import hashlib
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.training.evidence import Frame
from models.training.folds import Floats, place_of

PENALTY = 0.03
STEPS = 60
LEAST_SPREAD = 0.05  # what hardly varies says little


class Maxima:
    """The features to learn from, standardised, and what is true of them."""

    def __init__(self, most: Floats, frames: Sequence[Frame]) -> None:
        """Take shape (frames, features); sequences and doubted labels are not learned from."""
        self.lives = np.array([frame.label != "blank" for frame in frames], np.float32)
        self.places = np.array([place_of(frame) for frame in frames])
        self.learned = np.array([not frame.sequence and not frame.doubted for frame in frames])
        self.middle = most[self.learned].mean(0)
        self.spread = most[self.learned].std(0) + LEAST_SPREAD
        self.inputs = torch.from_numpy((most - self.middle) / self.spread)

    def fit(self, out: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Fit without the places in `out`; give weights and bias of the standardised features."""
        take = self.learned & ~np.isin(self.places, list(out))
        weight = torch.from_numpy(self._weights(take))
        inputs, lives = self.inputs[torch.from_numpy(take)], torch.from_numpy(self.lives[take])
        weights = torch.zeros(inputs.shape[1], requires_grad=True)
        bias = torch.zeros(1, requires_grad=True)
        solver = torch.optim.LBFGS([weights, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            solver.zero_grad()
            each = torch.nn.functional.binary_cross_entropy_with_logits(
                inputs @ weights + bias, lives, reduction="none"
            )
            total = (weight * each).mean() + PENALTY * (weights**2).sum()
            total.backward()  # type: ignore[no-untyped-call]
            return total

        solver.step(loss)  # type: ignore[no-untyped-call]
        return weights.detach(), bias.detach()

    def _weights(self, take: NDArray[np.bool_]) -> Floats:
        """Weigh blanks and the living alike, and in each the places by the root of their counts."""
        cells = list(zip(self.places[take], self.lives[take], strict=True))
        counts = Counter(cells)
        raw = np.array([counts[cell] ** -0.5 for cell in cells], np.float32)
        for lives in (0, 1):
            mine = self.lives[take] == lives
            raw[mine] /= raw[mine].mean() * mine.mean()
        return np.asarray(raw / raw.mean(), np.float32)

    def plain(self, weights: torch.Tensor, bias: torch.Tensor) -> tuple[list[float], float]:
        """Give weights and bias for the features as the model gives them."""
        real = weights.numpy() / self.spread
        return [round(float(each), 6) for each in real], float(bias - (real * self.middle).sum())


def held_out(maxima: Maxima, cache: Path) -> Floats:
    """Give every frame's log-odds of life by heads that saw neither its place nor another one.

    Shape (places, frames), places as in `folds.held_out`.
    """
    key = hashlib.sha256(maxima.inputs.numpy().tobytes() + maxima.learned.tobytes())
    path = cache / f"scene-{key.hexdigest()[:12]}.npy"
    if path.exists():
        return np.asarray(np.load(path))
    names = sorted(set(maxima.places))
    said = np.zeros((len(names), len(maxima.places)), np.float32)
    for one, other in itertools.combinations_with_replacement(range(len(names)), 2):
        weights, bias = maxima.fit((names[one], names[other]))
        odds = (maxima.inputs @ weights + bias).numpy()
        for mine, out in ((other, one), (one, other)):
            there = maxima.places == names[mine]
            said[out, there] = odds[there]
    np.save(path, said)
    return said
