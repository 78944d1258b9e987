"""The judge of a sequence: one set, all its frames, and what cannot be judged."""

import io
import json

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.sets import CARD, CLASSIFIER, DANDELION, LARCH, OCELOT, burst, card_of, jpeg, noisy, put
from tests.test_classifier import RUNTIMES
from trapnode.cli.judges import load_judge
from trapnode.devices.cards import ModelRefused
from trapnode.devices.classifier import TfliteClassifier
from trapnode.devices.judge import TfliteJudge
from trapnode.devices.picture import decode, grey, is_blur, nothing_to_judge
from trapnode.model import BLANK, Unjudged


def alone(card) -> None:
    """Give only the classifier's full frame a voice."""
    card["fusion"] |= {
        "detector_weight": 0.0,
        "scene_weight": 0.0,
        "motion_weight": 0.0,
        "crop_score": 1.0,
    }


@pytest.fixture(scope="module")
def provisional(tmp_path_factory) -> TfliteJudge:
    return TfliteJudge(card_of(tmp_path_factory.mktemp("set")))


def blanks(found) -> list[float]:
    return [each.scores.by_label[BLANK] for each in found]


def test_a_set_has_its_cards_name_labels_and_thresholds(provisional):
    assert provisional.name == "provisional-0"
    assert provisional.labels[:2] == ("blank", "leopard")
    assert provisional.thresholds == {"blank": 0.9, "target": 0.1, "unknown": 0.3}


def test_the_set_that_ships_is_whole_and_keeps_what_lives():
    judge = load_judge("amur", ("leopard",))
    assert judge.name.startswith("amur-")
    assert len(judge.labels) == 11
    line = judge.thresholds["blank"]
    assert max(blanks(judge.judge(burst(OCELOT)))) < line
    assert min(blanks(judge.judge(burst(LARCH)))) >= line


def test_every_frame_has_probabilities_that_sum_to_one_and_its_boxes(provisional):
    found = provisional.judge(burst(OCELOT))
    assert len(found) == len(burst(OCELOT))
    for each in found:
        assert tuple(each.scores.by_label) == provisional.labels
        assert sum(each.scores.by_label.values()) == pytest.approx(1)
        assert each.scores.detections
        assert all(box.probability >= 0.4 for box in each.scores.detections)
    assert max(blanks(found)) < 0.1


def test_an_empty_burst_is_blank_and_has_no_box(provisional):
    found = provisional.judge(burst(LARCH))
    assert min(blanks(found)) > 0.9
    assert not any(each.scores.detections for each in found)


@pytest.mark.parametrize("runtime", RUNTIMES[1:])
def test_both_runtimes_judge_alike(provisional, tmp_path, runtime):
    other = TfliteJudge(card_of(tmp_path), runtime=runtime)
    for name in (OCELOT, LARCH):
        pictures = burst(name)[:1]
        assert blanks(other.judge(pictures)) == pytest.approx(
            blanks(provisional.judge(pictures)), abs=0.1
        )


def test_without_the_other_witnesses_it_is_the_classifiers_word(tmp_path):
    one = TfliteJudge(card_of(tmp_path, edit=alone))
    bare = TfliteClassifier(CLASSIFIER)
    for content, judged in zip(burst(OCELOT), one.judge(burst(OCELOT)), strict=True):
        # A set decodes a preview whole, a classifier alone may decode it smaller.
        assert list(judged.scores.by_label.values()) == pytest.approx(
            bare.classify(content), abs=0.1
        )


def test_a_box_below_the_cards_score_gets_no_look_of_its_own(tmp_path):
    plain = TfliteJudge(card_of(tmp_path, edit=alone)).judge(burst(OCELOT)[:1])
    (tmp_path / "other").mkdir()

    def closer(card) -> None:
        alone(card)
        card["fusion"]["crop_score"] = 0.0

    cropped = TfliteJudge(card_of(tmp_path / "other", edit=closer)).judge(burst(OCELOT)[:1])
    assert plain[0].scores.by_label != cropped[0].scores.by_label


def test_motion_needs_two_frames_and_speaks_for_all_of_them(provisional):
    picture = burst(LARCH)[0]
    (single,) = provisional.judge([picture])
    still = provisional.judge([picture] * 3)
    stirred = provisional.judge([picture, picture, with_patch(picture)])
    assert min(blanks(still)) > single.scores.by_label[BLANK]
    assert blanks(stirred)[0] == blanks(stirred)[1] < blanks(still)[0]


def test_stillness_says_nothing_of_what_may_be_a_target(tmp_path):
    def hopeful(card) -> None:
        card["fusion"]["spared"] = 0.0

    judge = TfliteJudge(card_of(tmp_path, edit=hopeful))
    picture = burst(LARCH)[0]
    assert blanks(judge.judge([picture] * 3)) == blanks(judge.judge([picture])) * 3
    others = TfliteJudge(card_of(tmp_path), targets=())
    assert blanks(others.judge([picture] * 3)) > blanks(judge.judge([picture] * 3))


def with_patch(content: bytes) -> bytes:
    pixels = np.array(Image.open(io.BytesIO(content)).convert("RGB"))
    pixels[200:330, 250:420] = (240, 230, 220)
    return jpeg(pixels)


def test_a_stump_known_from_blanks_takes_what_the_card_allows_and_no_target(tmp_path, provisional):
    picture = burst(LARCH)[0]

    def looked_at(card) -> None:
        card["fusion"]["crop_score"] = 0.0

    judge = TfliteJudge(card_of(tmp_path, edit=looked_at))
    (alone,) = judge.judge([picture])
    assert len(alone.grey) == 160 * 120
    (known,) = judge.judge([picture], [alone.grey] * 2)
    assert known.scores.by_label[BLANK] > alone.scores.by_label[BLANK]
    assert judge.judge([picture], [alone.grey])[0].scores == alone.scores
    assert judge.judge([picture], [b"torn", b""])[0].scores == alone.scores


def test_what_is_no_blank_by_itself_is_not_remembered(provisional):
    assert all(each.grey == b"" for each in provisional.judge(burst(OCELOT)))


@pytest.mark.parametrize(
    ("level", "fault"),
    [(2, "the frame is dark"), (253, "the frame is white"), (90, "the lens is covered")],
)
def test_a_frame_that_shows_nothing_is_not_judged_and_costs_no_other_frame(
    provisional, level, fault
):
    first, hidden, last = provisional.judge([burst(OCELOT)[0], noisy(level), burst(OCELOT)[1]])
    assert (hidden.scores, hidden.fault, hidden.why) == (None, fault, Unjudged.COVERED)
    assert first.scores is not None
    assert last.scores is not None


def icy(picture, film):
    """See a picture through a film of ice: blurred, and lit by it."""
    size = max(picture.size)
    soft = picture.filter(ImageFilter.GaussianBlur(film * size / 640))
    return Image.blend(soft, Image.new("RGB", soft.size, (190, 190, 190)), 0.3)


@pytest.mark.parametrize("film", [8, 20])
def test_a_film_of_ice_is_said_and_what_is_seen_through_it_too(provisional, film):
    whole = Image.open(io.BytesIO(burst(OCELOT)[0])).convert("RGB")
    (found,) = provisional.judge([jpeg(np.asarray(icy(whole, film)))])
    assert (found.fault, found.why) == ("the picture is a blur", Unjudged.COVERED)
    assert found.scores is not None


def test_no_clear_picture_is_a_blur():
    for name in (OCELOT, LARCH, DANDELION):
        for each in burst(name):
            assert not is_blur(grey(decode(each, 640, 480))), name
    for level in (0, 3, 128):
        assert is_blur(np.full((120, 160), level, np.uint8))


@pytest.mark.parametrize("alone", [False, True], ids=["set", "classifier"])
def test_a_small_bright_animal_at_night_is_something_to_judge(provisional, alone):
    night = np.random.default_rng(3).normal(4, 2, (480, 640, 3))
    night[300:345, 400:450] += 120  # 0.7 % of the frame.
    judge = TfliteJudge(CLASSIFIER) if alone else provisional
    (found,) = judge.judge([jpeg(night)])
    assert found.scores is not None


@pytest.mark.parametrize("level", [0, 25, 128, 250])
def test_a_flat_frame_cannot_be_judged_and_one_with_contrast_can(level):
    def ramp(span):
        slope = np.tile(np.linspace(level, level + span, 160), (120, 1))
        return slope.clip(0, 255).astype(np.uint8)

    assert nothing_to_judge(ramp(0)) != ""
    assert nothing_to_judge(ramp(20)) != ""
    assert nothing_to_judge(np.flip(np.tile(np.arange(160, dtype=np.uint8), (120, 1)))) == ""


def test_a_torn_or_missing_picture_says_so_and_costs_no_other_frame(provisional):
    whole = burst(OCELOT)[0]
    torn, missing, sound = provisional.judge([whole[:900], None, whole])
    assert torn.why is missing.why is Unjudged.PICTURE
    assert "picture of 900 bytes" in torn.fault
    assert sound.scores == provisional.judge([whole])[0].scores


def test_a_large_still_is_judged_as_its_preview(provisional):
    preview = burst(OCELOT)[0]
    large = Image.open(io.BytesIO(preview)).convert("RGB").resize((2592, 1944))
    (big,), (small,) = provisional.judge([jpeg(np.asarray(large))]), provisional.judge([preview])
    assert big.scores.best[0] == small.scores.best[0]
    assert big.scores.by_label[BLANK] == pytest.approx(small.scores.by_label[BLANK], abs=0.05)
    assert big.scores.detections[0].x == pytest.approx(small.scores.detections[0].x, abs=0.05)


def test_a_set_that_does_not_say_what_counts_has_a_line_of_its_own(tmp_path):
    def silent(card) -> None:
        del card["thresholds"]["box"]

    found = TfliteJudge(card_of(tmp_path, edit=silent)).judge(burst(OCELOT))
    assert [len(each.scores.detections) for each in found] == [1] * 5


def test_no_frames_have_no_judgements(provisional):
    assert provisional.judge([]) == []


def test_a_classifiers_card_is_a_set_of_one():
    judge, bare = TfliteJudge(CLASSIFIER), TfliteClassifier(CLASSIFIER)
    assert (judge.name, judge.thresholds) == (bare.name, bare.thresholds)
    for content, found in zip(burst(OCELOT), judge.judge(burst(OCELOT)), strict=True):
        assert tuple(found.scores.by_label.values()) == bare.classify(content)
        assert found.scores.detections == ()


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (put("name", ""), "name has 0 characters"),
        (put("detector", "../yolox-tiny.json"), "detector is '../yolox-tiny.json', must be a bare"),
        (put("detector", "absent.json"), r"absent\.json"),
        (put("classifier", "yolox-tiny.json"), "output is None, must be a dict"),
        (put("detector", "lite0-amur.json"), "kind is None, must be a str"),
        (put("fusion", None), "fusion is None, must be a dict"),
        (put("fusion", "wind_weight", 1.0), "fusion has wind_weight, must have only detector_w"),
        (put("fusion", "motion_loud", "2"), "motion_loud is '2', must be a number"),
        (put("fusion", "crop_score", 2), "crop_score is 2, must be a number from 0 to 1"),
        (put("fusion", {}), "detector_weight is None, must be a number from -100 to 100"),
        (put("thresholds", "box", 7), "box is 7, must be a number from 0 to 1"),
        (put("thresholds", {}), "blank is None, must be a number from 0 to 1"),
    ],
)
def test_a_set_whose_card_is_not_right_is_refused_by_name(tmp_path, edit, named):
    with pytest.raises(ModelRefused, match=named):
        TfliteJudge(card_of(tmp_path, edit=edit))


def test_a_set_whose_classifier_does_not_begin_with_blank_is_refused(tmp_path):
    def swap(card) -> None:
        card["labels"][:2] = ["leopard", "blank"]

    card_of(tmp_path, CLASSIFIER, swap)
    with pytest.raises(ModelRefused, match="its first label must be blank"):
        TfliteJudge(card_of(tmp_path, CARD))
    assert json.loads((tmp_path / "lite0-amur.json").read_text())["labels"][0] == "leopard"
