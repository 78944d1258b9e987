"""The classifier: every runtime, every refusal, every torn picture."""

import contextlib
import hashlib
import importlib.util
import io
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trapnode.devices import classifier
from trapnode.devices.classifier import (
    ModelRefused,
    PictureUnreadable,
    TfliteClassifier,
    read_card,
    to_tensor,
)
from trapnode.errors import DeviceError, TrapnodeError

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "models" / "lite0-amur.json"
TINY = ROOT / "tests" / "models"
PICTURES = ROOT.parent / "shared" / "data" / "images"
ANIMALS = ("leopard", "tiger", "bear", "boar", "deer", "small_carnivore", "other_mammal", "bird")
RUNTIMES = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            importlib.util.find_spec(module.split(".")[0]) is None,
            reason=f"{name} is not installed: no wheel for this Python, or no `tflite` extra",
        ),
    )
    for name, module in classifier.RUNTIMES.items()
]
COLOURS = {"red": (250, 10, 10), "green": (10, 250, 10), "blue": (10, 10, 250)}


def jpeg(picture: Image.Image, **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", **options)
    return out.getvalue()


def scene(seed: int, size: tuple[int, int] = (640, 480)) -> bytes:
    """A made-up picture with structure at several scales, as busy as a forest."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((size[1], size[0], 3))
    for cells in (3, 12, 48):
        coarse = random.integers(0, 256, (cells, cells, 3)).astype(np.uint8)
        pixels += np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))
    return jpeg(Image.fromarray((pixels / 3).astype(np.uint8)))


@pytest.fixture
def tiny(tmp_path):
    """Copy a tiny model; give a way to change its card."""

    def change(edit=lambda card: None, model: str = "tiny_int8") -> Path:
        shutil.copy(TINY / f"{model}.tflite", tmp_path)
        card = json.loads((TINY / f"{model}.json").read_text())
        edit(card)
        path = tmp_path / f"{model}.json"
        path.write_text(json.dumps(card))
        return path

    return change


@pytest.fixture(scope="module", params=RUNTIMES[1:])
def shipped(request):
    """Give the shipped model on the preferred runtime and on the alternative."""
    return [TfliteClassifier(SHIPPED, runtime=name) for name in ("ai-edge-litert", request.param)]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_shipped_model_names_the_labels_of_the_project(runtime):
    model = TfliteClassifier(SHIPPED, runtime=runtime)
    assert model.labels == ("blank", *ANIMALS, "person", "vehicle")
    assert model.name.startswith("lite0-amur-")
    assert set(model.thresholds) == {"blank", "target", "unknown"}


@pytest.mark.parametrize("seed", range(6))
def test_both_runtimes_agree_on_the_shipped_model(shipped, seed):
    # The runtimes are not bit-identical: logits differ by a few of 256 steps.
    step = read_card(SHIPPED).output.scale
    first, second = (np.log(model.classify(scene(seed))) for model in shipped)
    first, second = first - first.mean(), second - second.mean()
    assert np.abs(first - second).max() <= 6 * step
    assert second[first.argmax()] >= second.max() - 2 * step


@pytest.mark.parametrize("label", ["leopard", "blank"])
def test_both_runtimes_agree_on_real_pictures(shipped, label):
    folder = {"leopard": "amur_leopard_monilshah", "blank": "snowpoles_breen"}[label]
    paths = sorted((PICTURES / folder).glob("*.jpg"))[:8]
    if not paths:
        pytest.skip(f"needs the pictures of {PICTURES / folder}")
    pairs = [[m.classify(path.read_bytes()) for m in shipped] for path in paths]
    assert np.abs(np.subtract(*zip(*pairs, strict=True))).max() <= 0.15
    same = sum(first.index(max(first)) == second.index(max(second)) for first, second in pairs)
    assert same >= len(pairs) - 1


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("model", ["tiny_int8", "tiny_uint8"])
@pytest.mark.parametrize("colour", COLOURS)
def test_int8_and_uint8_ends_are_both_honoured(runtime, model, colour):
    tiny_model = TfliteClassifier(TINY / f"{model}.json", runtime=runtime)
    answer = tiny_model.classify(jpeg(Image.new("RGB", (40, 30), COLOURS[colour])))
    assert tiny_model.labels[answer.index(max(answer))] == colour
    # By hand: logits 4 * (250 - 127) / 128 = 3.84 and twice 4 * (10 - 127) / 128 = -3.66.
    assert max(answer) == pytest.approx(1 / (1 + 2 * math.exp(-7.5)), abs=0.01)


def test_probabilities_are_plain_numbers_that_sum_to_one():
    answer = TfliteClassifier(SHIPPED).classify(scene(1))
    assert all(type(share) is float and 0 <= share <= 1 for share in answer)
    assert sum(answer) == pytest.approx(1, abs=1e-9)


def test_a_model_that_answers_only_zeros_prefers_no_label(tiny):
    def never_positive(card):
        card["output"]["activation"] = "none"

    model = TfliteClassifier(tiny(never_positive))
    black = model.classify(jpeg(Image.new("RGB", (8, 8))))
    assert black == pytest.approx((1 / 3,) * 3)


def put(*path_and_value):
    *path, last, value = path_and_value

    def edit(card):
        for key in path:
            card = card[key]
        card[last] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (put("sha256", "0" * 64), "sha256 is [0-9a-f]{64}, its card says 0000"),
        (put("bytes", 5), "size in bytes is [0-9]+, its card says 5"),
        (put("input", "width", 9), r"input shape is \[1, 8, 8, 3\], its card says \[1, 8, 9, 3\]"),
        (put("labels", ["red", "green"]), r"output shape is \[1, 3\], its card says \[1, 2\]"),
        (put("input", "dtype", "uint8"), "zero_point is -1, must be a number from 0 to 255"),
        (put("input", {"width": 8, "height": 8, "mean": 127, "std": 128, "dtype": "uint8",
             "scale": 0.0078125, "zero_point": 127}), "input dtype is int8, its card says uint8"),
        (put("output", "scale", 0.5), "output scale is 0.03125, its card says 0.5"),
        (put("output", "zero_point", 3), "output zero point is -1, its card says 3"),
        (put("output", "activation", "tanh"), "activation is 'tanh', must be one of softmax, none"),
        (put("labels", ["red", "red", "blue"]), "labels are .* must be different names"),
        (put("labels", None), "labels is None, must be a list"),
        (put("input", []), r"input is \[\], must be a dict"),
        (put("file", "../other.tflite"), "file is '../other.tflite', must be a bare name"),
        (put("file", "absent.tflite"), "absent.tflite"),
        (put("thresholds", "blank", 1.5), "blank is 1.5, must be a number from 0 to 1"),
        (put("thresholds", "blank", True), "blank is True"),
        (put("thresholds", "unknown", float("nan")), "unknown is nan"),
        (put("name", ""), "name has 0 characters"),
    ],
)  # fmt: skip
def test_a_card_that_does_not_fit_is_refused_by_name(tiny, edit, named):
    with pytest.raises(ModelRefused, match=named):
        TfliteClassifier(tiny(edit))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 100_000])
def test_a_card_that_is_no_card_is_refused(tmp_path, text):
    path = tmp_path / "card.json"
    path.write_text(text)
    with pytest.raises(ModelRefused, match=r"card\.json"):
        read_card(path)


def test_an_absent_card_is_refused(tmp_path):
    with pytest.raises(ModelRefused, match=r"absent\.json"):
        read_card(tmp_path / "absent.json")


def test_a_truncated_model_is_refused(tiny):
    path = tiny()
    model = path.with_suffix(".tflite")
    model.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(ModelRefused, match=r"tiny_int8\.tflite: size in bytes"):
        TfliteClassifier(path)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_model_of_noise_with_a_truthful_card_is_refused(tiny, runtime):
    noise = bytes(range(256)) * 4
    path = tiny(put("sha256", hashlib.sha256(noise).hexdigest()))
    card = json.loads(path.read_text())
    path.write_text(json.dumps(card | {"bytes": len(noise)}))
    path.with_suffix(".tflite").write_bytes(noise)
    with pytest.raises(ModelRefused, match=f"no runtime can load it .*{runtime}"):
        TfliteClassifier(path, runtime=runtime)


def test_a_refusal_ends_the_process_as_a_device_fault():
    assert issubclass(ModelRefused, DeviceError)
    assert not issubclass(PictureUnreadable, DeviceError)
    assert issubclass(PictureUnreadable, TrapnodeError)


@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.3, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_truncated_picture_is_unreadable(share, progressive):
    whole = jpeg(Image.open(io.BytesIO(scene(2))), progressive=progressive)
    with pytest.raises(PictureUnreadable, match=f"picture of {int(len(whole) * share)} bytes"):
        to_tensor(whole[: int(len(whole) * share)], 224, 224)


def test_a_picture_whose_tail_is_zeros_is_unreadable():
    whole = scene(3)
    torn = whole[: len(whole) // 2].ljust(len(whole), b"\0")
    with pytest.raises(PictureUnreadable, match="torn write"):
        to_tensor(torn, 224, 224)


def test_a_whole_picture_may_be_padded():
    padded = scene(3) + bytes(4096)
    assert np.array_equal(to_tensor(padded, 224, 224), to_tensor(scene(3), 224, 224))


@pytest.mark.parametrize("seed", range(40))
def test_noise_is_unreadable_and_nothing_worse(seed):
    random = np.random.default_rng(seed)
    broken = bytearray(scene(4, (64, 48)))
    for place in random.integers(0, 700, 20):  # headers and tables
        broken[place] = random.integers(0, 256)
    with contextlib.suppress(PictureUnreadable):
        assert to_tensor(bytes(broken), 32, 32).shape == (32, 32, 3)


def test_a_picture_that_claims_too_many_pixels_is_unreadable():
    bomb = bytearray(jpeg(Image.new("RGB", (64, 64))))
    frame = bomb.index(b"\xff\xc0")
    bomb[frame + 5 : frame + 9] = (30000).to_bytes(2, "big") * 2
    with pytest.raises(PictureUnreadable, match="30000x30000 is over 100000000 pixels"):
        to_tensor(bytes(bomb), 224, 224)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_odd_modes_become_rgb(mode):
    grey = jpeg(Image.new("RGB", (64, 48), (90, 90, 90)).convert(mode))
    tensor = to_tensor(grey, 24, 16)
    assert tensor.shape == (16, 24, 3)
    assert np.abs(tensor.astype(int) - 90).max() <= 3


def test_a_big_still_and_its_small_copy_look_alike():
    big = Image.open(io.BytesIO(scene(5, (2592, 1944))))
    small = jpeg(big.resize((640, 480), Image.Resampling.BOX), quality=95)
    difference = to_tensor(jpeg(big), 224, 224).astype(int) - to_tensor(small, 224, 224)
    assert np.abs(difference).mean() < 4


def test_an_unknown_runtime_is_not_silently_replaced(tiny, monkeypatch):
    monkeypatch.setitem(classifier.RUNTIMES, "tflite-runtime", "no_such_runtime.interpreter")
    with pytest.raises(ModelRefused, match="tflite-runtime: No module named 'no_such_runtime'"):
        TfliteClassifier(tiny(), runtime="tflite-runtime")


@pytest.mark.skipif(
    importlib.util.find_spec("tflite_runtime") is None, reason="tflite-runtime is not installed"
)
def test_the_alternative_runtime_is_taken_when_the_first_is_absent(tiny, monkeypatch):
    monkeypatch.setitem(classifier.RUNTIMES, "ai-edge-litert", "no_such_runtime.interpreter")
    assert TfliteClassifier(tiny()).labels == ("red", "green", "blue")
