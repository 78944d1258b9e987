"""The linear head on the features: its fit, its check on places held out, its thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.training.pictures import LABELS, Picture

# Of the L2 penalty; one is chosen on places held out. Beyond 0.2 animals lose their names.
STRENGTHS = (0.02, 0.06, 0.2)
ITERATIONS = 60
ITERATIONS_HELD_OUT = 40
KEEP = 0.98  # share of living frames that every held-out trap project must keep
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """Logits = features @ kernel + bias."""

    kernel: Floats
    bias: Floats

    def shares(self, features: Floats) -> Floats:
        """Give probabilities, one row per picture."""
        logits = features @ self.kernel + self.bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


def fit(features: Floats, truth: NDArray[np.int64], weights: Floats, l2: float, steps: int) -> Head:
    """Fit a multinomial logistic regression on features of shape (pictures, looks, features)."""
    torch.manual_seed(0)
    _, looks, width = features.shape
    x = torch.from_numpy(features.reshape(-1, width))
    y = torch.from_numpy(np.repeat(truth, looks))
    weight = torch.from_numpy(np.repeat(weights, looks))
    middle, spread = x.mean(0), x.std(0) + 0.05  # 0.05: features that hardly vary say little
    x = (x - middle) / spread
    kernel = torch.zeros(width, len(LABELS), requires_grad=True)
    bias = torch.zeros(len(LABELS), requires_grad=True)
    solver = torch.optim.LBFGS([kernel, bias], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        each = torch.nn.functional.cross_entropy(x @ kernel + bias, y, reduction="none")
        total = (weight * each).mean() + l2 * (kernel**2).sum()
        total.backward()
        return total

    solver.step(loss)
    plain = (kernel / spread[:, None]).detach()
    return Head(plain.numpy(), (bias - middle @ plain).detach().numpy())


def held_out(features: Floats, truth: NDArray[np.int64], weights: Floats,
             folds: NDArray[np.str_], l2: float) -> Floats:  # fmt: skip
    """Give each untouched picture the shares of a head that saw nothing of its fold."""
    shares = np.zeros((len(truth), len(LABELS)), np.float32)
    for fold in sorted(set(folds)):
        out = folds == fold
        head = fit(features[~out], truth[~out], weights[~out], l2, ITERATIONS_HELD_OUT)
        shares[out] = head.shares(features[out, 0])
    return shares


def separation(shares: Floats, truth: NDArray[np.int64], trap: NDArray[np.bool_]) -> float:
    """Give the area under the curve of P(blank) between trap blanks and trap animals."""
    blanks, living = shares[trap & (truth == 0), 0], np.sort(shares[trap & (truth != 0), 0])
    return float(np.searchsorted(living, blanks).mean() / len(living))


def thresholds(shares: Floats, pictures: Sequence[Picture]) -> dict[str, float]:
    """Choose the card's thresholds on held-out shares of training pictures alone.

    `blank`: every held-out trap project keeps KEEP of its living frames. `target`: half of what
    98 of 100 held-out leopards reach, for theirs are photographs and a trap frame is harder.
    `unknown`: two thirds of the names given are right, trap frames and photographs alike.
    """
    truth = np.array([LABELS.index(picture.label) for picture in pictures])
    trap = np.array([picture.trap for picture in pictures])
    projects = np.array([picture.folder for picture in pictures])
    keeps = [
        float(np.quantile(shares[trap & (truth != 0) & (projects == project), 0], KEEP))
        for project in sorted(set(projects[trap]))
    ]
    leopards = shares[truth == LABELS.index("leopard"), LABELS.index("leopard")]
    return {
        "blank": _up(max(keeps)),
        "target": round(float(np.quantile(leopards, 1 - KEEP)) / 2, 2),
        "unknown": _unknown(shares, truth, trap),
    }


def _unknown(shares: Floats, truth: NDArray[np.int64], trap: NDArray[np.bool_]) -> float:
    right, sure = shares.argmax(axis=1) == truth, shares.max(axis=1)
    for level in np.arange(0.2, 0.5, 0.02):
        named = [right[(sure >= level) & kind & (truth != 0)].mean() for kind in (trap, ~trap)]
        if np.mean(named) >= 2 / 3:
            return round(float(level), 2)
    return 0.5


def _up(share: float) -> float:
    return float(np.ceil(share * 100) / 100)
