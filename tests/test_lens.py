"""A lens that shows nothing: told once it is sure, taken back once it shows something again."""

import pytest

from trapnode.model import Judgement, Scores, Unjudged
from trapnode.policy.lens import LAST, covered, lens_fault

DARK = Judgement(None, "the frame is dark", Unjudged.COVERED)
TORN = Judgement(None, "torn", Unjudged.PICTURE)
SEEN = Judgement(Scores({"blank": 1.0}))
HIDDEN = covered([DARK, DARK])


def test_only_a_sequence_without_any_sight_is_covered():
    assert HIDDEN == "lens covered or dark: the frame is dark in each of 2 frames"
    for frames in ([], [SEEN], [DARK, SEEN], [DARK, TORN], [TORN]):
        assert covered(frames) == ""


@pytest.mark.parametrize(
    ("reasons", "fault"),
    [
        ([], ""),
        ([HIDDEN] * 2, ""),
        ([HIDDEN] * 3, "lens covered or dark: 3 of the last 3 sequences"),
        (["", "no model", HIDDEN, "", HIDDEN, HIDDEN], "lens covered or dark: 3 of the last 6 seq"),
        ([HIDDEN] * 30, f"lens covered or dark: {LAST} of the last {LAST} sequences"),
        ([HIDDEN] * 9 + ["", ""], "lens covered or dark: 8 of the last 10 sequences"),
        ([HIDDEN] * 9 + ["", "", ""], ""),
    ],
)
def test_the_last_sequences_say_whether_the_lens_is_covered(reasons, fault):
    assert lens_fault(reasons)[: len(fault) or None] == fault
