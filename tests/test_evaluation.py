"""What the model card computes: shares, probabilities, comparisons, counts, pictures."""

from xml.etree import ElementTree

import numpy as np
import pytest

from models.training import baselines, counts, floors, plots
from models.training.baselines import Filter
from models.training.counts import Boxed
from models.training.evaluate import (
    Outcome,
    bins,
    calibration_error,
    f1_by_label,
    interval,
    wilson,
)
from trapnode.model import Detection

WHOLE = Detection(0.2, 0.2, 0.6, 0.6, 0.9)
ELSEWHERE = Detection(0.0, 0.0, 0.1, 0.1, 0.3)


def outcome(path, truth, dropped=False, said=None):
    return Outcome(path, truth, "ridge", said or truth, 0.9 if dropped else 0.1, dropped, True,
                   path=path)  # fmt: skip


def test_a_share_carries_its_interval():
    low, high = interval(8, 8)
    assert (round(low, 3), high) == (0.676, 1.0)
    assert wilson(8, 8) == "100.0% (8 of 8; 67.6% to 100.0%)"
    assert wilson(0, 0) == "- (none)"


def test_probabilities_that_come_true_have_no_calibration_error():
    said = np.array([0.75] * 4 + [0.0] * 4)
    honest = np.array([True, True, True, False] + [False] * 4)
    assert calibration_error((said, honest)) == pytest.approx(0.0)
    assert calibration_error((said, ~honest)) == pytest.approx((0.5 + 1.0) / 2)
    assert bins((said, honest)) == [(0.0, 0, 4), (0.75, 3, 4)]


def test_f1_counts_what_was_missed_and_what_was_wrongly_named():
    truth, said = ["leopard", "leopard", "deer", "blank"], ["leopard", "deer", "deer", "leopard"]
    scores = f1_by_label(truth, said, ["blank", "leopard", "tiger", "deer"])
    assert scores == pytest.approx({"blank": 0.0, "leopard": 0.5, "deer": 2 / 3})


def test_another_filter_is_compared_at_its_own_line_and_at_one_that_keeps_as_many():
    frames = [outcome("a", "leopard"), outcome("b", "deer", dropped=True), outcome("c", "blank")]
    other = Filter("motion", {"a": 0.2, "b": 0.9, "c": 0.4}, 0.5)
    own, like_ours = baselines.section([other], frames, []).splitlines()[3:]
    assert "0.0% (0 of 1;" in own.split("|")[3]  # the leopard
    assert "100.0% (1 of 1;" in own.split("|")[5]  # the blank goes
    assert "50.0% (1 of 2;" in like_ours.split("|")[4]  # one of two living, as ours
    assert "100.0% (1 of 1;" in like_ours.split("|")[5]


def test_one_animal_counted_twice_too_often_raises_the_line():
    listed = [Boxed((WHOLE, ELSEWHERE), WHOLE), *[Boxed((WHOLE,), WHOLE)] * 9]
    chosen = counts.choose(listed)
    assert 0.3 < chosen < 0.9
    assert listed[0].count(0.3) == 2
    assert listed[0].right(chosen)
    assert not Boxed((ELSEWHERE,), WHOLE).right(0.1)
    assert counts.choose(listed[1:]) == counts.TRIED[0]


def test_a_floor_that_does_not_hold_is_said_to_be_missed():
    kept, lost = outcome("a", "leopard"), outcome("b", "leopard", dropped=True, said="blank")
    holds, misses = (
        floors.section([kept], [], (), 0.0),
        floors.section([kept, lost], [], {"b"}, -0.02),
    )
    assert "| leopards kept, all frames and sequences | 100% | 100.0% (1 of 1;" in holds
    assert "holds" in holds.splitlines()[2]
    assert "50.0% (1 of 2;" in misses.splitlines()[2].split("|")[3]
    assert "100.0% (1 of 1;" in misses.splitlines()[2].split("|")[4]
    assert "**missed**" in misses.splitlines()[2]
    assert "| -0.020 | **missed** |" in misses


def test_the_pictures_are_svg_that_show_every_count():
    matrix = plots.confusion(["blank", "deer"], {("deer", "blank"): 3, ("deer", "deer"): 41}, "<&>")
    words = [each.text for each in ElementTree.fromstring(matrix).iter() if each.text]
    assert {"3", "41", "<&>"} <= set(words)
    drawn = ElementTree.fromstring(plots.reliability({"set": [(0.2, 1, 5), (0.9, 9, 10)]}, "worth"))
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) == 3  # one in the legend
