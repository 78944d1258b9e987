"""Sets of models for tests: the shipped ones, joined by a card that a test may change."""

import functools
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from trapnode.cli.demo import own
from trapnode.sim.scene import preview_of

MODELS = Path(__file__).parent.parent / "models"
DETECTOR, CLASSIFIER = MODELS / "yolox-tiny.json", MODELS / "lite0-amur.json"
CARD = {
    "name": "provisional",
    "version": "0",
    "detector": DETECTOR.name,
    "classifier": CLASSIFIER.name,
    "fusion": {
        "detector_weight": 1.0,
        "detector_middle": 0.03,
        "classifier_weight": 1.0,
        "motion_weight": 1.5,
        "motion_middle": 4.5,
        "motion_silent": 5.0,
        "motion_loud": 2.0,
        "crop_score": 0.05,
        "spared": 0.1,
        "scene_weight": 0.75,
        "scene_most": 4.0,
        "site_weight": 15.0,
        "site_middle": 0.8,
        "site_silent": 2.0,
    },
    "thresholds": {"blank": 0.9, "target": 0.1, "unknown": 0.3, "box": 0.4},
}


def card_of(
    folder: Path, source: Path | dict[str, object] = CARD, edit: Callable = lambda card: None
) -> Path:
    """Write a card, changed by `edit`, into a folder where the shipped models lie beside it."""
    for each in (DETECTOR, CLASSIFIER):
        for file in (each, each.with_suffix(".tflite")):
            if not (folder / file.name).exists():
                (folder / file.name).symlink_to(file)
    content = source if isinstance(source, dict) else json.loads(source.read_text())
    card = json.loads(json.dumps(content))
    edit(card)
    path = folder / (f"{card['name']}.json" if isinstance(source, dict) else source.name)
    path.unlink(missing_ok=True)
    path.write_text(json.dumps(card))
    return path


def put(*path_and_value):
    """Give an edit that puts a value into a card."""
    *path, last, value = path_and_value

    def edit(card):
        for key in path:
            card = card[key]
        card[last] = value

    return edit


def jpeg(pixels: np.ndarray, quality: int = 90) -> bytes:
    """Make a JPEG of height x width x 3 pixels."""
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=quality)
    return out.getvalue()


def noisy(level: float, seed: int = 0, size: tuple[int, int] = (640, 480)) -> bytes:
    """A frame of nothing but sensor noise around a grey level."""
    random = np.random.default_rng(seed)
    return jpeg(random.normal(level, 4, (size[1], size[0], 3)))


@functools.cache
def burst(name: str) -> tuple[bytes, ...]:
    """The previews of one of the demo's own bursts."""
    return tuple(preview_of(path.read_bytes()) for path in sorted((own() / name).glob("*.jpg")))


OCELOT, LARCH, DANDELION = "02_ocelot_night", "12_larch_day", "04_dandelion_wind"
