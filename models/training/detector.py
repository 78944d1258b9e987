"""Convert the ready detector to int8: YOLOX-tiny trained on camera traps, from zamba (MIT).

usage: python -m models.training.detector --weights yolox_tiny_640_20220528.pth \
           --data ../shared/data --size 416x320 --out models/yolox-tiny.tflite

Runs in an environment of its own (`requirements-detector.txt`); the weights lie in the sdist of
PyPI's zamba 2.7.2 under `zamba/object_detection/yolox/assets/`. Three things keep int8 honest:
box, objectness and class leave as three tensors, each with its own scale; batch norms and the
Focus stem are folded exactly; ranges are the true extremes over the calibration pictures (the
quantiser's moving average cuts off the rare high logits that matter).
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import litert_torch
import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
from numpy.typing import NDArray
from torch import nn

from models.training.pictures import Picture, read_index
from models.training.published import yolox
from models.training.views import decode, letterbox, unit_preview

VERSION = "2"
CALIBRATION_PER_LABEL = 12
STRIDES = (8, 16, 32)
# In the order the converted model gives them; the last three are the most that each feature of a
# stride reaches anywhere in the picture: what a head of ours reads "something lives here" from.
OUTPUTS = ("box", "obj", "cls", "most8", "most16", "most32")
LICENCE = "MIT (zamba 2.7.2, DrivenData: code and weights); architecture YOLOX, Apache-2.0"
ORIGIN = (
    "yolox_tiny_640_20220528.pth, sha256 {sha256}, from the sdist of PyPI's zamba 2.7.2: one "
    "class, animal or person, trained by its authors on camera-trap pictures of many projects; "
    "which ones is not published, so pictures measured here may be among them. "
    "Not trained further here."
)


class Deployed(nn.Module):
    """The network from raw RGB (NHWC, 0..255) to box, objectness and class, all undecoded.

    And to the features' maxima over the picture, stride by stride: 96, 192 and 384 numbers.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.body, self.head = model.backbone, model.head

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Give (1, n, 4), (1, n, 1), (1, n, 1) over the cells of strides 8, 16, 32, then maxima."""
        head, parts, most = self.head, ([], [], []), []
        for level, features in enumerate(self.body(pictures.permute(0, 3, 1, 2))):
            most.append(features.amax((2, 3)))
            stem = head.stems[level](features)
            classes, boxes = head.cls_convs[level](stem), head.reg_convs[level](stem)
            ends = (
                head.reg_preds[level](boxes),
                head.obj_preds[level](boxes),
                head.cls_preds[level](classes),
            )
            for part, end in zip(parts, ends, strict=True):
                part.append(end.permute(0, 2, 3, 1).flatten(1, 2))
        return (*(torch.cat(part, 1) for part in parts), *most)


def deployed(weights: Path) -> Deployed:
    """Fold what can be folded exactly."""
    model = yolox(weights.read_bytes())
    with torch.no_grad():
        _fold_norms(model)
        _fold_focus(model)
    for module in model.modules():
        if isinstance(module, nn.SiLU):
            module.inplace = False
    return Deployed(model).eval().requires_grad_(False)


def _fold_norms(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(getattr(module, "bn", None), nn.BatchNorm2d):
            module.conv = torch.nn.utils.fuse_conv_bn_eval(module.conv, module.bn)
            module.bn = nn.Identity()


def _fold_focus(model: nn.Module) -> None:
    """Replace four strided slices and a 3x3 convolution by the equal 6x6 one of stride 2."""
    stem = model.backbone.backbone.stem.conv.conv
    kernel = torch.zeros(stem.weight.shape[0], 3, 6, 6)
    for part, (down, right) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
        kernel[:, :, down::2, right::2] = stem.weight[:, 3 * part : 3 * part + 3]
    conv = nn.Conv2d(3, stem.weight.shape[0], 6, 2, 2)
    conv.weight.data, conv.bias.data = kernel, stem.bias.data
    model.backbone.backbone.stem = nn.Sequential(conv, nn.SiLU())


def calibration(pictures: Sequence[Picture], width: int, height: int) -> list[NDArray[np.uint8]]:
    """Take a dozen training pictures of every label, trap frames and photographs alike."""
    seen: dict[tuple[str, bool], int] = {}
    tensors = []
    for picture in sorted(pictures, key=lambda picture: picture.path.name[::-1]):
        kind = picture.label, picture.trap
        if picture.split == "train" and seen.get(kind, 0) < CALIBRATION_PER_LABEL:
            seen[kind] = seen.get(kind, 0) + 1
            view = decode(unit_preview(picture.path.read_bytes()))
            tensors.append(letterbox(view, width, height)[0])
    return tensors


def to_int8(model: Deployed, tensors: Sequence[NDArray[np.uint8]], work: Path) -> None:
    """Quantise to int8 at both ends; the input is the pixel's value minus 128."""
    height, width = tensors[0].shape[:2]
    floating = work.with_suffix(".float.tflite")
    litert_torch.convert(model, (torch.zeros(1, height, width, 3),)).export(str(floating))
    quantiser = quantizer.Quantizer(str(floating))
    quantiser.load_quantization_recipe(recipe.static_wi8_ai8())
    quantiser.quantize(_ranges(quantiser, floating, tensors)).export_model(
        str(work), overwrite=True
    )


def _ranges(
    quantiser: quantizer.Quantizer, floating: Path, tensors: Sequence[NDArray[np.uint8]]
) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Give the true extremes of every tensor; the quantiser measures the first picture alone."""
    interpreter = Interpreter(str(floating), experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    key, signature = next(iter(interpreter.get_signature_list().items()))
    first = {signature["inputs"][0]: tensors[0][np.newaxis].astype(np.float32)}
    ranges: dict[str, dict[str, NDArray[np.float32]]] = quantiser.calibrate({key: [first]})
    source = interpreter.get_input_details()[0]
    inside = {
        each["name"]: each["index"]
        for each in interpreter.get_tensor_details()
        if np.size(ranges.get(each["name"], {}).get("min", ())) == 1  # not a channel's weights
    }
    for tensor in tensors[1:]:
        interpreter.set_tensor(source["index"], tensor[np.newaxis].astype(np.float32))
        interpreter.invoke()
        for name, index in inside.items():
            values, found = interpreter.get_tensor(index), ranges[name]
            found["min"] = np.minimum(found["min"], values.min())
            found["max"] = np.maximum(found["max"], values.max())
    ranges[source["name"]]["min"][...] = 0  # so that the stored input is the pixel minus 128
    ranges[source["name"]]["max"][...] = 255
    return ranges


def card(path: Path, weights: Path, version: str) -> dict[str, object]:
    """Describe a converted model, as models/README.md says a card must."""
    interpreter = Interpreter(str(path))
    source = interpreter.get_input_details()[0]
    ends = interpreter.get_output_details()
    sides = {"width": int(source["shape"][2]), "height": int(source["shape"][1])}
    content = path.read_bytes()
    return {
        "name": path.stem,
        "version": version,
        "kind": "detector",
        "file": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "input": sides
        | {"mean": 0.0, "std": 1.0, "resize": "letterbox top-left, black", **_quantised(source)},
        "outputs": [
            {"name": name, "index": index, "values": int(end["shape"][-1]), **_quantised(end)}
            for index, (name, end) in enumerate(zip(OUTPUTS, ends, strict=True))
        ],
        "strides": list(STRIDES),
        "labels": ["animal or person"],
        "licence": LICENCE,
        "weights": ORIGIN.format(sha256=hashlib.sha256(weights.read_bytes()).hexdigest()),
    }


def _quantised(tensor: dict[str, Any]) -> dict[str, object]:
    scale, zero_point = tensor["quantization"]
    dtype = np.dtype(tensor["dtype"]).name
    return {"dtype": dtype, "scale": float(scale), "zero_point": int(zero_point)}


def main() -> None:
    """Write the int8 model of one input size."""
    parser = argparse.ArgumentParser(description="Convert the detector to int8.")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--size", default="416x320", help="width x height, multiples of 32")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    tensors = calibration(read_index(options.data), width, height)
    to_int8(deployed(options.weights), tensors, options.out)
    described = card(options.out, options.weights, VERSION)
    options.out.with_suffix(".json").write_text(json.dumps(described, indent=2) + "\n")
    print(f"{options.out}: {options.out.stat().st_size} bytes, {len(tensors)} pictures", flush=True)


if __name__ == "__main__":
    main()
