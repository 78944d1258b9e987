"""Composites are the same every time, and hold what their recipe says."""

import io

import numpy as np
import pytest
from PIL import Image

from models.training import composites, cutouts
from models.training.composites import Ground, Recipe
from models.training.cutouts import CutOut


@pytest.fixture
def ground(tmp_path):
    random = np.random.default_rng(0)
    green = random.integers(60, 120, (96, 128, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(green).save(out, "JPEG")
    (tmp_path / "blank.jpg").write_bytes(out.getvalue())
    return Ground(str(tmp_path / "blank.jpg"), "ridge")


@pytest.fixture
def animal(tmp_path):
    picture = Image.new("RGBA", (60, 40))
    picture.paste((230, 120, 20, 255), (5, 5, 55, 35))
    picture.save(tmp_path / "beast.png")
    return CutOut("beast", "tiger", "stamp beast", str(tmp_path / "beast.png"))


@pytest.mark.parametrize("kind", composites.KINDS)
def test_a_recipe_gives_the_same_picture_every_time(ground, animal, kind):
    recipe = Recipe(ground, animal, kind, 7)
    (one, box), (other, _) = composites.cook(recipe), composites.cook(recipe)
    assert one.tobytes() == other.tobytes()
    assert 0 <= box[0] < box[2] <= 1
    assert 0 <= box[1] < box[3] <= 1


def test_what_is_pasted_lies_in_its_box_and_nowhere_else(ground, animal):
    recipe = Recipe(ground, animal, "plain", 3)
    pasted, (left, top, right, bottom) = composites.cook(recipe)
    with Image.open(ground.path) as blank:
        apart = np.abs(np.asarray(pasted, float) - np.asarray(blank.convert("RGB"), float))
    inside = np.zeros(apart.shape[:2], bool)
    height, width = inside.shape
    inside[int(top * height) : int(bottom * height), int(left * width) : int(right * width)] = True
    assert apart[inside].mean() > 3 * apart[~inside].mean()


def test_a_twin_is_a_blank_with_the_look_and_without_the_animal(ground, animal):
    made = composites.recipes([ground], [animal], 8, seed=1)
    assert sorted(recipe.kind for recipe in made) == sorted(composites.KINDS)
    twin = composites.twins(made, 8)[0]
    assert (twin.label, twin.kind, twin.seed) == ("blank", made[0].kind, made[0].seed)
    assert composites.cook(twin)[0].size == (128, 96)


def test_an_animal_is_freed_from_a_ground_of_other_colours():
    picture = Image.new("RGB", (100, 80), (60, 140, 60))
    picture.paste((200, 110, 30), (35, 25, 75, 60))
    cut = np.asarray(cutouts.freed(picture, (0.3, 0.25, 0.8, 0.8)).getchannel("A"))
    assert cut[30:55, 42:68].min() > 200
    assert cut[:, 85:].max() == cut[:18].max() == 0
    assert cut[26:58, 31:33].max() < 100


@pytest.mark.parametrize(
    ("box", "piece"),
    [
        ((0.1, 0.1, 0.4, 0.9), (0.43, 0.0, 1.0, 1.0)),
        ((0.1, 0.6, 0.95, 1.0), (0.0, 0.0, 1.0, 0.57)),
        ((0.05, 0.05, 0.95, 0.95), None),
    ],
)
def test_the_window_outside_a_box_touches_it_nowhere(box, piece):
    assert cutouts.window(box) == (pytest.approx(piece) if piece else None)
