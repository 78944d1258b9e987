"""A lens that is covered or frosted: nothing is discarded through it, and a person hears of it."""

import itertools
from dataclasses import replace

from tests.fakes import (
    BLANK,
    LEOPARD,
    UNSURE,
    After,
    KnowingClassifier,
    number_of,
    sort_all,
    sorter_of,
    take,
)
from tests.test_sorter import all_done, whole
from trapnode.model import Judgement, Unjudged, Verdict


class Blindfolded(KnowingClassifier):
    """A set that sees nothing in the first frames: the lens is covered."""

    frames = 9

    def judge(self, pictures, past=()):
        return [self._seen(picture) for picture in pictures]

    def _seen(self, picture):
        if picture is not None and number_of(picture) <= self.frames:
            return Judgement(None, "the frame is dark", Unjudged.COVERED)
        return self._judged(picture)


def test_a_covered_lens_discards_nothing_and_becomes_a_fault_that_goes_again(store, run, clock):
    take(store, run, clock, bursts=6)
    blind = Blindfolded((BLANK,) * 6)
    sorter = sorter_of(store, run, lambda: blind)
    said: list[str] = []
    sorter.run(clock, After(lambda: all_done(store)), said.append)
    found = store.sequences.observations()
    assert [each.label for each in found] == ["unclassified"] * 3 + ["blank"] * 3
    assert found[0].reason == "lens covered or dark: the frame is dark in each of 3 frames"
    assert whole(store) == set(range(1, 10))
    told = [text for text, _ in itertools.groupby(said)]
    assert told[:2] == ["", "lens covered or dark: 3 of the last 3 sequences"]
    assert told[-1] == ""


class Frosted(KnowingClassifier):
    """A set that judges, but all is a blur."""

    def _judged(self, picture):
        return replace(super()._judged(picture), fault="a blur", why=Unjudged.COVERED)


def test_through_frost_nothing_is_discarded_and_a_leopard_is_told(store, run, clock):
    take(store, run, clock, bursts=5)
    frosted = Frosted((BLANK, LEOPARD, BLANK, UNSURE, BLANK))
    said: list[str] = []
    sorter_of(store, run, lambda: frosted).run(clock, After(lambda: all_done(store)), said.append)
    found = store.sequences.observations()
    kept = ["unclassified", "leopard", *["unclassified"] * 3]
    assert [each.label for each in found] == kept
    assert found[0].reason == "lens covered or dark: a blur in each of 3 frames"
    assert whole(store) == set(range(1, 16))
    assert "lens covered or dark: 3 of the last 4 sequences" in said


def test_a_boot_that_sees_one_sequence_knows_of_the_boots_before(store, run, clock):
    take(store, run, clock, bursts=3)
    sort_all(sorter_of(store, run, lambda: Blindfolded(())), clock)
    said: list[str] = []
    sorter_of(store, run, lambda: Blindfolded(())).run(
        clock, After(lambda: bool(said)), said.append
    )
    assert said == ["lens covered or dark: 3 of the last 3 sequences"]


def test_one_dark_frame_of_a_burst_hides_no_leopard_and_forbids_a_discard(store, run, clock):
    take(store, run, clock, bursts=2)
    blind = Blindfolded((LEOPARD, BLANK))
    blind.frames = 1
    later = Blindfolded((LEOPARD, BLANK))
    later.frames = 4
    assert sorter_of(store, run, lambda: blind).sort_next(clock)
    assert sorter_of(store, run, lambda: later).sort_next(clock)
    leopard, blank = store.sequences.observations()
    assert leopard.label == "leopard"
    assert (blank.label, blank.verdict) == ("unclassified", Verdict.KEEP)
    assert blank.reason == "1 of 3 frames could not be classified"


def test_one_blur_in_a_burst_forbids_a_discard_and_is_no_fault_of_the_lens(store, run, clock):
    """A flank that fills the frame has no edges, and no model was taught one."""

    class Passing(Frosted):
        def _judged(self, picture):
            found = super()._judged(picture)
            clear = number_of(picture) % 3 != 2
            return replace(found, fault="", why=None) if clear else found

    take(store, run, clock, bursts=4)
    said: list[str] = []
    passing = Passing((BLANK, LEOPARD, BLANK, BLANK))
    sorter_of(store, run, lambda: passing).run(clock, After(lambda: all_done(store)), said.append)
    found = store.sequences.observations()
    assert [each.label for each in found] == ["unclassified", "leopard", *["unclassified"] * 2]
    assert found[0].reason == "blank, but a blur in 1 of 3 frames"
    assert whole(store) == set(range(1, 13))
    assert set(said) == {""}
