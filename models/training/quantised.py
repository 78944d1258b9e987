"""Float against int8 on the `val` sites: a classifier whose head saw only the `train` split.

The int8 one, with the shipped detector, thresholds and weights, is a set of its own in the cache:
what is measured with it (runtimes, robustness) is measured on frames it has never seen.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.training import evidence, folds, views
from models.training.evaluate import Sample, calibration, f1_by_label
from models.training.evidence import Frame
from models.training.head import Head
from models.training.pictures import LABELS
from models.training.report import table

HELD = "val"
FILE, CARD = "lite0-amur.tflite", "lite0-amur.json"
Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """What the same head says in float and in int8 of the same whole frames, (frames, labels)."""

    frames: list[Frame]
    floating: Shares
    int8: Shares

    @property
    def truth(self) -> list[str]:
        """List the labels of the frames."""
        return [frame.label for frame in self.frames]

    @property
    def macro_gap(self) -> float:
        """Give what int8 adds to the macro-F1."""
        means = [float(np.mean(list(each.values()))) for each in self.scores()]
        return means[1] - means[0]

    def scores(self) -> list[dict[str, float]]:
        """Give F1 by label, in float and in int8."""
        return [f1_by_label(self.truth, said(each), LABELS) for each in (self.floating, self.int8)]

    def sure(self, shares: Shares) -> Sample:
        """Give each frame's likeliest label's probability, and whether it was right."""
        right = np.array(said(shares)) == np.array(self.truth)
        return shares.max(axis=1), right


def said(shares: Shares) -> list[str]:
    """Name the likeliest label of each frame."""
    return [LABELS[number] for number in shares.argmax(axis=1)]


def held_frames(frames: Sequence[Frame]) -> list[Frame]:
    """Take the single frames of `val`."""
    return [frame for frame in frames if frame.split == HELD]


def pair(frames: Sequence[Frame], found: Mapping[str, NDArray[Any]], data: Path, backbone: Path,
         models: Path, cache: Path) -> Pair:  # fmt: skip
    """Make the held-out set in `cache` and what its classifier says; nothing if both are there."""
    apart = [replace(f, fold=HELD) if f.split == HELD else f for f in frames]
    rows = folds.rows(apart, found, data, backbone, cache.parent / "features")
    key = hashlib.sha256(rows.stored.tobytes() + rows.weight.tobytes() + b"1").hexdigest()[:12]
    answers, held = cache / f"pair-{key}.npz", held_frames(frames)
    if not answers.exists():
        space = folds.space(rows, backbone)
        head = space.head(*folds.fit(space.of(rows.stored), rows, (HELD,), folds.STEPS))
        _save(answers, *_both(head, held, data, cache))
    _complete(cache, models)
    loaded = np.load(answers)
    return Pair(held, loaded["floating"], loaded["int8"])


def _save(path: Path, floating: Shares, int8: Shares) -> None:
    part = path.with_suffix(".part.npz")
    np.savez(part, floating=floating, int8=int8)
    part.replace(path)


def _both(head: Head, held: Sequence[Frame], data: Path, cache: Path) -> tuple[Shares, Shares]:
    from models.training import lite0, train  # TensorFlow, which the cached answer does not need

    body = lite0.with_head(lite0.backbone(lite0.published_weights()), head.kernel, head.bias)
    lite0.save(lite0.to_int8(body, train.calibration(data)), cache / FILE)
    small, floating, int8 = evidence.Model(cache / FILE), [], []
    for frame in held:
        picture = views.decode(views.unit_preview(Path(frame.path).read_bytes()))
        tensor = views.squash(picture, evidence.SIDE, evidence.SIDE)
        real = (tensor[np.newaxis].astype(np.float32) - lite0.MEAN) / lite0.STD
        floating.append(np.asarray(body(real, training=False))[0])
        int8.append(small.real(small(tensor))[0])
    return _softmax(np.array(floating)), _softmax(np.array(int8))


def _softmax(logits: Shares) -> Shares:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _complete(cache: Path, models: Path) -> None:
    """Put the shipped cards and detector beside the held-out classifier."""
    for name in ("amur.json", "yolox-tiny.json", "yolox-tiny.tflite"):
        (cache / name).write_bytes((models / name).read_bytes())
    content = (cache / FILE).read_bytes()
    interpreter = evidence.Model(cache / FILE)
    card = json.loads((models / CARD).read_text())
    scale, zero_point = interpreter.output_quantisation
    card["output"] |= {"scale": float(scale), "zero_point": int(zero_point)}
    card |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (cache / CARD).write_text(json.dumps(card, indent=2))


def section(both: Pair) -> str:
    """Write what int8 changes, label by label."""
    names, scores = [said(each) for each in (both.floating, both.int8)], both.scores()
    rows = [
        [label, str(both.truth.count(label)), f"{a:.3f}", f"{b:.3f}", f"{b - a:+.3f}"]
        for (label, a), b in zip(scores[0].items(), scores[1].values(), strict=True)
    ]
    means = [float(np.mean(list(each.values()))) for each in scores]
    rows.append(["**macro**", str(len(both.frames)), *(f"{mean:.3f}" for mean in means),
                 f"{both.macro_gap:+.3f} {_spread(both, names)}"])  # fmt: skip
    same = np.mean([a == b for a, b in zip(*names, strict=True)])
    gap = np.abs(both.floating - both.int8)
    errors = [calibration(both.sure(each)) for each in (both.floating, both.int8)]
    return "\n\n".join(
        [
            table(["label", "frames", "F1 float", "F1 int8", "difference"], rows),
            f"Same label on {same:.1%}; probabilities differ by {gap.mean():.4f} on average,"
            f" {gap.max():.2f} at most. Expected calibration error of the likeliest label:"
            f" float {errors[0]}, int8 {errors[1]}.",
        ]
    )


def _spread(both: Pair, names: Sequence[Sequence[str]], draws: int = 300) -> str:
    """Write the bootstrap interval of the difference of the macro-F1s, over frames."""
    random, count, gaps = np.random.default_rng(0), len(both.frames), []
    truth, a, b = (np.array(each) for each in (both.truth, *names))
    for _ in range(draws):
        take = random.integers(0, count, count)
        means = [np.mean(list(f1_by_label(list(truth[take]), list(each[take]), LABELS).values()))
                 for each in (a, b)]  # fmt: skip
        gaps.append(means[1] - means[0])
    low, high = np.quantile(gaps, (0.025, 0.975))
    return f"({low:+.3f} to {high:+.3f})"
