"""One verdict from the frames' scores; only a complete and confident one discards."""

import pytest

from trapnode.model import Decision, Detection, Scores, Verdict
from trapnode.policy.verdict import Thresholds, audit, count_of, decide, unclassified

LINES = Thresholds(blank=0.8, target=0.3, unknown=0.5)
LABELS = ("blank", "leopard", "deer")
BLANK = Scores({"blank": 0.9, "leopard": 0.02, "deer": 0.08})
TARGETS = ("leopard",)


def scored(*values: float) -> Scores:
    return Scores(dict(zip(LABELS, values, strict=True)))


def test_only_blanks_are_discarded_as_sure_as_the_least_sure_frame():
    decision = decide([BLANK, scored(0.85, 0.05, 0.1)], LINES, TARGETS)
    assert decision.verdict is Verdict.DISCARD
    assert (decision.label, decision.probability) == ("blank", 0.85)


def test_one_frame_with_an_animal_keeps_the_sequence():
    decision = decide([BLANK, scored(0.1, 0.1, 0.8), BLANK], LINES, TARGETS)
    assert decision.verdict is Verdict.KEEP
    assert (decision.label, decision.probability) == ("deer", 0.8)


def test_a_hint_of_a_target_forbids_a_discard():
    sure_of_blank = Thresholds(blank=0.6, target=0.3, unknown=0.5)
    decision = decide([scored(0.65, 0.35, 0.0)], sure_of_blank, TARGETS)
    assert decision.verdict is Verdict.KEEP
    assert decision.label == "unknown"


def test_a_target_that_one_frame_is_sure_of_wins_over_the_mean():
    frames = [scored(0.0, 0.1, 0.9), scored(0.0, 0.6, 0.4)]
    assert decide(frames, LINES, TARGETS).label == "leopard"
    assert decide(frames, LINES, ()).label == "deer"


def test_what_stays_below_the_threshold_is_unknown():
    decision = decide([scored(0.4, 0.25, 0.35)], LINES, TARGETS)
    assert (decision.verdict, decision.label) == (Verdict.KEEP, "unknown")


def test_a_frame_that_could_not_be_judged_forbids_a_discard():
    decision = decide([BLANK, None, BLANK], LINES, TARGETS)
    assert (decision.verdict, decision.label) == (Verdict.KEEP, "unclassified")
    assert decision.reason == "1 of 3 frames could not be classified"


def test_a_frame_that_could_not_be_judged_hides_no_animal():
    assert decide([None, scored(0.0, 0.9, 0.1)], LINES, TARGETS).label == "leopard"


@pytest.mark.parametrize("scores", [[], [None], [None, None]])
def test_a_sequence_without_any_score_stays_unclassified(scores):
    decision = decide(scores, LINES, TARGETS)
    assert (decision.verdict, decision.label) == (Verdict.KEEP, "unclassified")
    assert decision.probability is None


def test_a_model_that_knows_no_blanks_discards_nothing():
    decision = decide([Scores({"leopard": 0.1, "deer": 0.1})], LINES, TARGETS)
    assert (decision.verdict, decision.label) == (Verdict.KEEP, "unknown")


def test_an_audit_sample_is_as_large_as_its_share():
    assert audit(0.02, 0.0199)
    assert not audit(0.02, 0.02)
    assert not audit(0.0, 0.0)
    assert audit(1.0, 0.999)


def test_a_sequence_that_nothing_judged_says_why():
    assert unclassified("no model").reason == "no model"


def boxed(count: int) -> Scores:
    return Scores({"blank": 0.1, "leopard": 0.9}, (Detection(0.1, 0.1, 0.2, 0.2, 0.8),) * count)


@pytest.mark.parametrize(
    ("label", "count"), [("leopard", 3), ("person", 3), ("lynx", 3), ("vehicle", None),
                         ("unknown", None), ("unclassified", None)],
)  # fmt: skip
def test_as_many_are_counted_as_the_frame_with_most_shows_of_animals_and_persons(label, count):
    frames = [boxed(1), None, boxed(3), boxed(2)]
    assert count_of(frames, Decision(Verdict.KEEP, label, 0.9)) == count


def test_nothing_is_counted_in_a_discard_or_without_a_box():
    assert count_of([boxed(2)], Decision(Verdict.DISCARD, "blank", 0.9)) is None
    assert count_of([boxed(0), None], Decision(Verdict.KEEP, "leopard", 0.9)) is None
    assert count_of([], Decision(Verdict.KEEP, "leopard", 0.9)) is None
