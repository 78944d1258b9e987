"""Make the tiny models of tests/models: they name a picture's strongest colour.

usage: python -m models.training.tiny tests/models
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from keras import Model, layers
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from models.training import lite0

SIDE = 8
LABELS = ["red", "green", "blue"]


def main() -> None:
    """Write an int8 model that answers logits and a uint8 one that answers probabilities."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for dtype, activation in (("int8", "softmax"), ("uint8", "none")):
        path = folder / f"tiny_{dtype}.tflite"
        content = _convert(_model(softmax_inside=activation == "none"), dtype)
        lite0.save(content, path)
        card = _card(path, content, activation)
        path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")


def _model(softmax_inside: bool) -> Model:
    picture = layers.Input((SIDE, SIDE, 3), batch_size=1)
    dense = layers.Dense(3)
    x = dense(layers.GlobalAveragePooling2D()(picture))
    dense.set_weights([np.eye(3, dtype=np.float32) * 4, np.zeros(3, np.float32)])
    return Model(picture, layers.Softmax()(x) if softmax_inside else x)


def _convert(model: Model, dtype: str) -> bytes:
    spec = tf.TensorSpec(model.inputs[0].shape, tf.float32, name="picture")
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
    frozen = convert_variables_to_constants_v2(function)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    random = np.random.default_rng(0)
    pictures = [random.uniform(-0.99, 1, (1, 1, 1, 3)) for _ in range(64)]
    pictures += [np.full((1, 1, 1, 3), value) for value in (-127 / 128, 1.0)]
    ones = np.ones((1, SIDE, SIDE, 3))
    converter.representative_dataset = lambda: ([(p * ones).astype(np.float32)] for p in pictures)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = getattr(tf, dtype)
    return bytes(converter.convert())


def _card(path: Path, content: bytes, activation: str) -> dict[str, object]:
    interpreter = tf.lite.Interpreter(model_content=content)
    ends = []
    for tensor in (interpreter.get_input_details()[0], interpreter.get_output_details()[0]):
        scale, zero_point = tensor["quantization"]
        dtype = np.dtype(tensor["dtype"]).name
        ends.append({"dtype": dtype, "scale": float(scale), "zero_point": int(zero_point)})
    return {
        "name": path.stem,
        "version": "1",
        "file": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "input": {"width": SIDE, "height": SIDE, "mean": lite0.MEAN, "std": lite0.STD, **ends[0]},
        "output": {"activation": activation, **ends[1]},
        "labels": LABELS,
        "thresholds": {"blank": 0.9, "target": 0.1, "unknown": 0.5},
        "licence": "Apache-2.0",
        "data": [],
    }


if __name__ == "__main__":
    main()
