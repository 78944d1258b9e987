"""The detector: its arithmetic, both runtimes, every refusal."""

import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.sets import DETECTOR, LARCH, OCELOT, burst, card_of, put
from tests.test_classifier import RUNTIMES
from trapnode.devices.cards import ModelRefused
from trapnode.devices.detector import TfliteDetector, individuals, read_card
from trapnode.devices.picture import crop, letterbox
from trapnode.model import Detection


def picture(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def resident_kib(path: Path) -> int:
    """Say how much of a mapped file is in this process's memory."""
    maps = Path("/proc/self/smaps").read_text("utf-8", "replace")
    found = re.findall(rf"{re.escape(str(path))}\n(?:.+\n)*?Rss: +(\d+) kB", maps)
    assert found, "it is not mapped"
    return sum(map(int, found))


def same_place(one, other) -> bool:
    sides = [(each.x, each.y, each.width, each.height) for each in (one, other)]
    return np.abs(np.subtract(*sides)).max() <= 0.1


@pytest.fixture(scope="module")
def shipped() -> TfliteDetector:
    return TfliteDetector(DETECTOR)


def test_an_animal_is_found_and_its_box_is_inside_the_frame(shipped):
    for content in burst(OCELOT):
        best, *others = shipped.detect(picture(content))[0]
        assert best.probability > 0.3
        assert all(best.probability >= each.probability for each in others)
        for each in (best, *others):
            assert 0 <= each.x < each.x + each.width <= 1 + 1e-9
            assert 0 <= each.y < each.y + each.height <= 1 + 1e-9


def test_an_empty_frame_has_a_faint_best_box_and_no_more(shipped):
    for content in burst(LARCH):
        (best,) = shipped.detect(picture(content))[0]
        assert best.probability < 0.1


def test_the_whole_picture_speaks_for_an_animal_and_against_an_empty_one(shipped):
    _, alive = shipped.detect(picture(burst(OCELOT)[0]))
    _, empty = shipped.detect(picture(burst(LARCH)[0]))
    assert alive > 0 > empty


def test_a_loaded_model_gives_the_memory_of_its_file_back(tmp_path, shipped):
    for part in (DETECTOR, DETECTOR.with_suffix(".tflite")):
        shutil.copy(part, tmp_path)
    model = TfliteDetector(tmp_path / DETECTOR.name)
    assert resident_kib(tmp_path / f"{DETECTOR.stem}.tflite") < 1024  # Of 5 MiB.
    frame = picture(burst(OCELOT)[0])
    assert model.detect(frame) == shipped.detect(frame)


def test_a_head_is_not_counted_beside_its_body_and_a_cub_beside_its_mother_is():
    mother = Detection(0.2, 0.2, 0.4, 0.4, 0.8)
    head = Detection(0.2, 0.2, 0.15, 0.15, 0.6)
    cub = Detection(0.55, 0.4, 0.2, 0.2, 0.5)
    faint = Detection(0.8, 0.8, 0.1, 0.1, 0.2)
    assert individuals((mother, head, cub, faint), 0.4) == (mother, cub)
    assert individuals((), 0.4) == ()


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (300, 640), (64, 48), (3, 200)])
def test_a_picture_of_any_shape_fits(shipped, size):
    found, _ = shipped.detect(picture(burst(OCELOT)[0]).resize(size))
    assert all(0 <= each.x <= 1 and 0 < each.width <= 1 for each in found)


@pytest.mark.parametrize("runtime", RUNTIMES[1:])
def test_both_runtimes_find_the_same_animal(shipped, runtime):
    other = TfliteDetector(DETECTOR, runtime=runtime)
    seen = picture(burst(OCELOT)[0])
    (first, *_), lives = shipped.detect(seen)
    (second, *_), also = other.detect(seen)
    assert abs(lives - also) <= 0.5
    assert abs(first.probability - second.probability) <= 0.1
    assert same_place(first, second)


def test_a_letterbox_is_top_left_and_black_beside_it():
    tensor, inner = letterbox(Image.new("RGB", (640, 360), "white"), 416, 320)
    assert inner == (416, 234)
    assert tensor.shape == (320, 416, 3)
    assert tensor[:234].min() == 255
    assert tensor[234:].max() == 0


def test_a_crop_has_a_margin_and_ends_at_the_frame():
    frame = Image.new("RGB", (200, 100))
    assert crop(frame, Detection(0.25, 0.25, 0.5, 0.5, 1.0)).size == (130, 66)
    assert crop(frame, Detection(0.0, 0.0, 1.0, 1.0, 1.0)).size == (200, 100)
    assert crop(frame, Detection(1.0, 1.0, 1e-9, 1e-9, 1.0)).size == (1, 1)


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (put("kind", "classifier"), "kind is 'classifier', must be one of detector"),
        (put("sha256", "0" * 64), "sha256 is [0-9a-f]{64}, its card says 0000"),
        (put("input", "width", 320), r"input shape is \[1, 320, 416, 3\]"),
        (put("input", "zero_point", -127), "input zero point is -128, its card says -127"),
        (put("strides", [8, 16]), r"output box shape is \[1, 2730, 4\], its card says \[1, 2600"),
        (put("strides", []), r"strides are \[\], must be whole numbers"),
        (put("strides", [8.5]), r"strides are \[8.5\]"),
        (put("strides", None), "strides is None, must be a list"),
        (put("outputs", []), r"outputs are \[\], must be \['box', 'cls', 'obj'\]"),
        (
            put("outputs", 0, "name", "cls"),
            r"outputs are \['cls', 'most16', 'most32', 'most8', 'obj",
        ),
        (put("outputs", 0, "index", 1), "their index must be 0 to 5"),
        (put("outputs", 0, "index", 7), "index is 7, must be a number from 0 to 5"),
        (put("outputs", 3, "values", 95), r"output most8 shape is \[1, 96\]|671 numbers"),
        (put("alive", None), "alive is None, must be a dict"),
        (put("alive", "weights", [0.1]), "alive: 1 weights, must be 672 numbers"),
        (put("alive", "weights", 0, "heavy"), "alive: 672 weights, must be 672 numbers"),
        (put("alive", "weights", 0, float("nan")), "alive: a weight is not finite"),
        (put("alive", "bias", "none"), "bias"),
        (put("outputs", 0, "scale", 0.5), "output box scale is 0.03132[0-9]*, its card says 0.5"),
        (put("outputs", 1, "zero_point", 5), "output obj zero point is 98, its card says 5"),
        (put("outputs", 2, "values", 2), "values is 2, must be a number from 1 to 1"),
    ],
)
def test_a_detector_that_is_not_its_cards_is_refused_by_name(tmp_path, edit, named):
    with pytest.raises(ModelRefused, match=named):
        TfliteDetector(card_of(tmp_path, DETECTOR, edit))


def test_a_classifiers_card_is_no_detectors(tmp_path):
    with pytest.raises(ModelRefused, match="kind is None, must be a str"):
        read_card(DETECTOR.with_name("lite0-amur.json"))
