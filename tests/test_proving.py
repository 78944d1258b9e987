"""The self-test of a set: what it refuses, by which figure, and what it survives."""

import dataclasses
import itertools
import sys

import pytest

from tests.fakes import BLANK, LABELS, LEOPARD, ScriptedClassifier
from tests.sets import MODELS
from trapnode.cli.demo import own
from trapnode.cli.prove import child, fresh
from trapnode.errors import DeviceError
from trapnode.model import Detection, Judgement, Scores
from trapnode.proving import EMPTY, LIVING, Figures, Limits, SetRefused, examine, within

TARGETS = ("leopard",)
FIGURES = Figures("amur-3", 0.4, 100.0)
LIMITS = Limits(2.0, 160.0)


class Told(ScriptedClassifier):
    """A set that says of each burst what it was told; `read` lets it know which one it sees."""

    def __init__(self, **said) -> None:
        super().__init__(())
        self.said = dict.fromkeys(LIVING, LEOPARD) | dict.fromkeys(EMPTY, BLANK)
        self.said |= {key.removeprefix("_"): value for key, value in said.items()}
        self.boxes_of = ()

    def read(self, name):
        return [name.encode()] * 3

    def judge(self, pictures, past=()):
        return [self._told(picture) for picture in pictures]

    def _told(self, picture):
        said = self.said.get(picture.decode("latin-1"), self.said.get("dark"))
        if isinstance(said, BaseException):
            raise said
        if said is None:
            return Judgement(None, "nothing to see")
        return Judgement(Scores(dict(zip(LABELS, said, strict=False)), self.boxes_of))


def ticking(step_s: float):
    return itertools.count(0.0, step_s).__next__


def examined(judge, step_s=0.9, targets=TARGETS) -> float:
    return examine(judge, judge.read, targets, ticking(step_s))


def test_a_good_set_passes_with_its_seconds_a_frame():
    assert examined(Told(), 0.9) == pytest.approx(0.9 / 18)


@pytest.mark.parametrize("name", LIVING)
def test_a_set_that_would_drop_what_lives_is_refused(name):
    with pytest.raises(SetRefused, match=f"script-1: would drop {name}, must keep it"):
        examined(Told(**{"_" + name: BLANK}))


def test_a_set_that_would_drop_a_covered_lens_is_refused():
    with pytest.raises(SetRefused, match="would drop a covered lens"):
        examined(Told(dark=BLANK))


def test_a_set_may_keep_some_empty_bursts_but_not_all():
    kept = {"_" + name: LEOPARD for name in EMPTY}
    kept.popitem()
    examined(Told(**kept))
    with pytest.raises(SetRefused, match="drops 0 of 3 empty bursts, must drop 1"):
        examined(Told(**{"_" + name: LEOPARD for name in EMPTY}))


@pytest.mark.parametrize(
    "said",
    [(float("nan"),) * 3, (float("inf"), 0, 0), (-3.0, 2.0, 2.0), (0.9, 0.1), (), None],
    ids=repr,
)
def test_what_is_no_probabilities_is_no_answer(said):
    with pytest.raises(SetRefused, match=r"frame 01_stream_day/1: "):
        examined(Told(_01_stream_day=said))


@pytest.mark.parametrize("error", [DeviceError("the model failed"), MemoryError(), ValueError("x")])
def test_a_set_that_fails_on_a_known_frame_is_refused(error):
    with pytest.raises(SetRefused, match=r"frame 01_stream_day/1: ."):
        examined(Told(_01_stream_day=error))


@pytest.mark.parametrize(
    "changes",
    [{"x": -0.1}, {"y": 0.8}, {"width": 0.9}, {"height": float("nan")}, {"probability": 1.2}],
    ids=repr,
)
def test_a_box_that_leaves_the_frame_is_refused(changes):
    judge = Told()
    judge.boxes_of = (Detection(0.25, 0.5, 0.75, 0.5, 0.9),)
    examined(judge)
    judge.boxes_of = (dataclasses.replace(*judge.boxes_of, **changes),)
    with pytest.raises(SetRefused, match="is not within the frame"):
        examined(judge)


def test_a_set_that_does_not_know_the_units_targets_is_refused():
    with pytest.raises(SetRefused, match=r"knows no snow_leopard, tiger \(sorter.targets\)"):
        examined(Told(), targets=("tiger", "leopard", "snow_leopard"))


def test_a_refusal_names_figure_and_limit():
    assert within(FIGURES, LIMITS) == FIGURES
    with pytest.raises(SetRefused, match=r"amur-3: 0.40 s a frame, must be at most 0.25 \(sorter"):
        within(FIGURES, Limits(0.25, 160.0))
    with pytest.raises(SetRefused, match=r"amur-3: 100 MiB of memory, must be at most 64 \(sorter"):
        within(FIGURES, Limits(2.0, 64.0))
    nan = float("nan")
    with pytest.raises(SetRefused):
        within(Figures("amur-3", nan, nan), LIMITS)


def test_the_known_bursts_ship():
    assert all(len(list((own() / name).glob("*.jpg"))) >= 3 for name in (*LIVING, *EMPTY))


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ("none.json", "model card .*none.json"),
        ("lite0-amur.json", "drops 0 of 3|would drop|lite0-amur"),
    ],
)
def test_a_refusal_of_the_process_is_told(card, says):
    targets = TARGETS if card == "none.json" else ("unicorn",)
    with pytest.raises(SetRefused, match=says):
        fresh(child(MODELS / card, targets), 60.0)


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("import os; os.abort()", "its process ended with signal 6"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with signal 9"),
        ("raise SystemExit(3)", "ended with code 3"),
        ("print('hello')", "ended with code 0"),
        ("print('[]')", "ended with code 0"),
        ("print('{}')", "ended with code 0"),
        ('print(\'{"refused": "for a reason"}\')', "for a reason"),
    ],
)
def test_a_process_that_dies_or_talks_nonsense_proves_nothing(program, says):
    with pytest.raises(SetRefused, match=says):
        fresh([sys.executable, "-c", program], 60.0)


def test_a_process_that_hangs_is_ended():
    program = "import signal; signal.pause()"
    with pytest.raises(SetRefused, match=r"no answer after 0 s"):
        fresh([sys.executable, "-c", program], 0.0)


def test_a_process_that_cannot_start_proves_nothing():
    with pytest.raises(SetRefused, match="cannot be started"):
        fresh(["/nowhere/python"], 1.0)
