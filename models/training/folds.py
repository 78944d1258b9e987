"""The head on full frames and crops, and what heads say of places they never saw.

Every place is held out, and every pair of places, so that what is chosen for one place (weights,
thresholds) is chosen on others by heads that saw neither.
"""

import hashlib
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from models.training import features, inputs, looks
from models.training.evidence import Frame
from models.training.head import Floats, Head
from models.training.pictures import LABELS, filed_under, to_learn

PENALTY = 0.2
SUBSPACE = 320  # directions of most spread; the penalty turns with them, so little is lost
STEPS, STEPS_HELD_OUT = 80, 30
CROP_SCORE = 0.1  # a living picture's best box is surely its animal from here
EMPTY_SCORE, EMPTY_AREA = 0.5, 0.5  # and its other windows are surely empty from here
CROP_WEIGHT, OTHER_CROP_WEIGHT, EMPTY_WEIGHT = 2.0, 1.0, 0.35
# Sequences are filed under other names than the pictures of the same place; places of a few
# frames each are held out together.
SAME_PLACE = {
    "mlwic_CA-01": "mlwic_examples",
    "video_wildlife_page": "photographs_2",
    "serengeti_D04": "few",
    "serengeti_burst": "few",
    "camtrapdp_example": "few",
    "lila_test_images": "few",
    "snowpoles_breen": "few",
    "hbwater": "few",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """All views to learn from: stored features, truth, weight and place of each.

    A composite has two places, its ground's and its animal's; `other` is empty where there is one.
    """

    stored: NDArray[np.uint8]
    truth: NDArray[np.int64]
    weight: Floats
    place: NDArray[np.str_]
    other: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Space:
    """Real features, standardised; `turn` leads into the subspace."""

    scale: float
    zero_point: int
    middle: torch.Tensor
    spread: torch.Tensor
    turn: torch.Tensor

    def of(self, stored: NDArray[np.uint8]) -> torch.Tensor:
        """Take stored features into the subspace."""
        real = (torch.from_numpy(stored).float() - self.zero_point) * self.scale
        return ((real - self.middle) / self.spread) @ self.turn

    def head(self, kernel: torch.Tensor, bias: torch.Tensor) -> Head:
        """Take a head of the subspace back to real features."""
        plain = (self.turn @ kernel) / self.spread[:, None]
        return Head(plain.numpy(), (bias - self.middle @ plain).numpy())


def place_of(frame: Frame) -> str:
    """Name what is held out together with a frame."""
    return SAME_PLACE.get(frame.fold, frame.fold)


def rows(frames: Sequence[Frame], found: Mapping[str, NDArray[Any]], data: Path,
         backbone: Path, cache: Path, other_looks: bool = True) -> Rows:  # fmt: skip
    """Put all views together: frames and their looks, crops and theirs, empty windows."""
    alone = np.array([number for number, frame in enumerate(frames) if not frame.sequence])
    listed = [frames[number] for number in alone]
    truth = np.array([LABELS.index(frame.label) for frame in listed])
    place = np.array([place_of(frame) for frame in listed])
    weight = _weights(listed)
    best = found["boxes"][alone, 0]
    area = (best[:, 3] - best[:, 1]) * (best[:, 4] - best[:, 2])
    blank = truth == 0
    learned = np.array([frame.split == "train" for frame in listed])
    cropped = blank | (best[:, 0] >= CROP_SCORE)
    empty = blank | ((best[:, 0] >= EMPTY_SCORE) & (area < EMPTY_AREA))
    parts = [(found["full"][alone], truth, weight, place)]
    for number in range(found["crops"].shape[1]):
        take, factor = (cropped & learned, OTHER_CROP_WEIGHT) if number else (cropped, CROP_WEIGHT)
        crops = found["crops"][alone, number][take]
        parts.append((crops, truth[take], weight[take] * factor, place[take]))
    for number in range(found["empty"].shape[1]):
        windows, nothing = found["empty"][alone, number][empty], np.zeros(empty.sum(), np.int64)
        parts.append((windows, nothing, np.full(empty.sum(), EMPTY_WEIGHT), place[empty]))
    parts += [] if not other_looks else _looks(listed, truth, weight, place, data, backbone, cache)
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    other = np.full(len(joined[3]), "")
    return Rows(joined[0], joined[1], joined[2].astype(np.float32), joined[3], other)


def sites_alike(found: Rows) -> Rows:
    """Let the blanks of every trap place weigh alike, all together as before.

    One camera's many frames say no more of other places than the few of another.
    """
    factor = np.ones(len(found.truth), np.float32)
    traps = [place for place in np.unique(found.place) if not place.startswith("photographs")]
    blanks = [(found.truth == 0) & (found.place == place) for place in traps]
    blanks = [each for each in blanks if each.any()]
    mean = float(np.mean([found.weight[each].sum() for each in blanks])) if blanks else 0.0
    for each in blanks:
        factor[each] = mean / found.weight[each].sum()
    return replace(found, weight=(found.weight * factor).astype(np.float32))


def _looks(listed: Sequence[Frame], truth: Any, weight: Any, place: Any, data: Path,
           backbone: Path, cache: Path) -> list[tuple[Any, Any, Any, Any]]:  # fmt: skip
    """Take the other looks of the full frames, from their own cache."""
    pictures = to_learn(inputs.pictures(data))
    stored = features.stored(backbone, pictures, looks.COUNT, cache)
    row_of = {str(picture.path): row for row, picture in enumerate(pictures)}
    known = np.array([frame.path in row_of for frame in listed])
    at = [row_of[frame.path] for frame in listed if frame.path in row_of]
    columns = (truth[known], weight[known], place[known])
    return [(stored[at, number], *columns) for number in range(1, looks.COUNT)]


def _weights(listed: Sequence[Frame]) -> Floats:
    """Weigh labels alike by the root of their counts, and each label's sources likewise."""
    cell_of = [(frame.label, filed_under(frame.path)) for frame in listed]
    cells, roots, counts = Counter(cell_of), Counter[str](), Counter[str]()
    for (label, _), count in cells.items():
        roots[label] += count**0.5  # type: ignore[assignment]
        counts[label] += count
    raw = np.array([counts[c[0]] ** 0.5 * cells[c] ** -0.5 / roots[c[0]] for c in cell_of])
    return np.asarray(raw / raw.mean(), np.float32)


def space(found: Rows, backbone: Path, directions: int = SUBSPACE) -> Space:
    """Measure middle, spread and main directions of the features; labels play no part."""
    interpreter = Interpreter(model_content=backbone.read_bytes())
    scale, zero_point = interpreter.get_output_details()[0]["quantization"]
    random = np.random.default_rng(0)
    some = found.stored[random.permutation(len(found.stored))[:20000]]
    real = (torch.from_numpy(some).float() - zero_point) * scale
    middle, spread = real.mean(0), real.std(0) + 0.05  # 0.05: what hardly varies says little
    real = (real - middle) / spread
    _, turns = torch.linalg.eigh(real.T @ real / len(real))
    return Space(scale, zero_point, middle, spread, turns[:, -directions:])


Weights = tuple[torch.Tensor, torch.Tensor]


def fit(x: torch.Tensor, found: Rows, out: Sequence[str], steps: int) -> Weights:
    """Fit a multinomial logistic regression without the places in `out`."""
    seen = np.isin(found.place, list(out)) | np.isin(found.other, list(out))
    take = torch.from_numpy(~seen)
    inputs, truth = x[take], torch.from_numpy(found.truth)[take]
    weight = torch.from_numpy(found.weight)[take]
    kernel = torch.zeros(x.shape[1], len(LABELS), requires_grad=True)
    bias = torch.zeros(len(LABELS), requires_grad=True)
    solver = torch.optim.LBFGS([kernel, bias], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        each = torch.nn.functional.cross_entropy(inputs @ kernel + bias, truth, reduction="none")
        total = (weight * each).mean() + PENALTY * (kernel**2).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    solver.step(loss)  # type: ignore[no-untyped-call]
    return kernel.detach(), bias.detach()


def held_out(found: Rows, across: Space, views: Mapping[str, NDArray[np.uint8]],
             places: NDArray[np.str_], cache: Path) -> dict[str, Floats]:  # fmt: skip
    """Give the shares of each view by heads that saw neither its place nor another one.

    Shape (places, frames, labels): the first index is the other place that was out too; where it
    is the frame's own, only that was.
    """
    key = hashlib.sha256(found.stored.tobytes() + found.weight.tobytes() + b"%g" % PENALTY)
    path = cache / f"held-out-{key.hexdigest()[:12]}.npz"
    if path.exists():
        return dict(np.load(path))
    torch.manual_seed(0)
    x, names = across.of(found.stored), sorted(set(places))
    inputs = {name: across.of(stored) for name, stored in views.items()}
    shares = {name: np.zeros((len(names), len(places), len(LABELS)), np.float32) for name in views}
    for one, other in itertools.combinations_with_replacement(range(len(names)), 2):
        kernel, bias = fit(x, found, (names[one], names[other]), STEPS_HELD_OUT)
        for name, view in inputs.items():
            said = torch.softmax(view @ kernel + bias, 1).numpy()
            shares[name][one, places == names[other]] = said[places == names[other]]
            shares[name][other, places == names[one]] = said[places == names[one]]
    np.savez(path, **shares)
    return shares
