"""One verdict per sequence; whatever goes wrong, the pictures stay."""

import contextlib

import pytest

from tests.fakes import (
    BLANK,
    BOX,
    DEER,
    LEOPARD,
    UNSURE,
    After,
    KnowingClassifier,
    NumberedCamera,
    OneJudge,
    ScriptedClassifier,
    boot,
    jpeg,
    number_of,
    sort_all,
    sorter_of,
    station_of,
    take,
    watch_pir,
)
from trapnode.errors import (
    CardFailed,
    ConfigError,
    DeviceError,
    ProtocolError,
    StoreError,
    TrapnodeError,
)
from trapnode.message import read_body
from trapnode.model import ClockTrust, FrameState, MessageKind, Verdict
from trapnode.policy.report import Watch
from trapnode.sim.clock import SteppedClock
from trapnode.sorter import Sorter, Sorting
from trapnode.store.doorbell import UPLINKER, Doorbell


def sort(store, run, clock, *scenes, draw=0.5):
    classifier = KnowingClassifier(scenes)
    sort_all(sorter_of(store, run, lambda: classifier, draw), clock)
    return store.sequences.observations()


def all_done(store) -> bool:
    return not store.sequences.next_unsorted() and not store.sequences.discarding()


def whole(store) -> set[int | None]:
    return {number_of(path.read_bytes()) for path in store.archive.root.rglob("*[0-9].jpg")}


def kept_unclassified(store, count: int, frames: int) -> bool:
    observations = store.sequences.observations()
    return (
        [each.label for each in observations] == ["unclassified"] * count
        and all(each.verdict is Verdict.KEEP and each.reason for each in observations)
        and len(whole(store)) == frames
    )


def test_blanks_go_and_animals_stay(store, run, clock):
    take(store, run, clock, bursts=4)
    found = sort(store, run, clock, BLANK, LEOPARD, DEER, UNSURE)
    assert [each.label for each in found] == ["blank", "leopard", "deer", "unknown"]
    assert [each.target for each in found] == [False, True, False, False]
    assert found[0].verdict is Verdict.DISCARD
    assert whole(store) == set(range(4, 13))


def test_a_line_drawn_from_afar_lets_less_go_and_never_more(store, run, clock):
    take(store, run, clock, bursts=4)
    judge = KnowingClassifier([BLANK, LEOPARD, BLANK, DEER])
    sort_all(sorter_of(store, run, lambda: judge, blank_least=0.995), clock)
    assert {each.verdict for each in store.sequences.observations()} == {Verdict.KEEP}
    assert whole(store) == set(range(1, 13))


def test_a_discard_leaves_preview_and_scores(store, run, clock):
    take(store, run, clock)
    sort(store, run, clock, BLANK)
    (sequence,) = store.sequences.all()
    for frame in sequence.frames:
        assert frame.state is FrameState.DISCARDED
        assert store.archive.pixels(frame) is None
        assert store.archive.preview(frame) == jpeg(frame.number, (16, 12))
    assert all(scores is not None for scores in store.sequences.scores(1).values())


def test_what_was_let_go_is_what_the_next_sequence_is_compared_with(store, run, clock):
    judge = KnowingClassifier([BLANK, LEOPARD, BLANK])
    judge.grey = b"the hillside"
    take(store, run, clock, bursts=3)
    sort_all(sorter_of(store, run, lambda: judge), clock)
    assert [each.verdict for each in store.sequences.observations()].count(Verdict.DISCARD) == 2
    assert store.site.past() == [b"the hillside"] * 2
    assert judge.past == [b"the hillside"]


def test_an_audit_sample_stays_whole_and_is_marked(store, run, clock):
    take(store, run, clock, bursts=2)
    found = sort(store, run, clock, BLANK, DEER, draw=0.0199)
    assert [each.audit for each in found] == [True, False]
    assert found[0].verdict is Verdict.DISCARD
    assert len(whole(store)) == 6


def test_what_is_worth_telling_is_in_the_outbox_and_the_uplinker_is_rung(store, run, clock):
    bell = Doorbell(run, UPLINKER)
    take(store, run, clock, bursts=4)
    sort(store, run, clock, DEER, LEOPARD, BLANK, UNSURE)
    reports = store.outbox.waiting()
    assert [(each.observation, each.priority) for each in reports] == [(2, 0), (1, 3)]
    told = read_body(MessageKind.OBSERVATIONS, reports[0].body)
    assert told.observations[0].label == "leopard"
    assert bell.answered()
    bell.close()


def test_the_later_sequences_of_an_event_are_not_told(store, run, clock):
    take(store, run, clock, bursts=3)
    found = sort(store, run, clock, LEOPARD, LEOPARD, LEOPARD)
    assert [each.event for each in found] == [1, 1, 1]
    assert len(store.outbox.waiting()) == 1


def test_a_unit_whose_clock_is_dead_still_tells_every_leopard(store, run):
    """Every boot begins in the same second of 1970, and each brings one leopard."""
    for kernel in ("one", "two", "three"):
        clock = SteppedClock(SteppedClock().now().replace(year=1970))
        boot(store, kernel, ClockTrust.NONE)
        take_in(store, run, clock, kernel)
        sort(store, run, clock, LEOPARD, LEOPARD, LEOPARD)
    assert len(store.outbox.waiting()) == 3
    assert not any(each.clock_trusted for each in store.sequences.observations())


def take_in(store, run, clock, kernel):
    station = station_of(store, run, boot(store, kernel))
    watch_pir(station, clock, [(0.0, 0.1)], NumberedCamera(clock))


@pytest.mark.parametrize(
    "refusal",
    [DeviceError("no such model"), ConfigError("no card"), MemoryError("no memory")],
    ids=["refused", "card", "memory"],
)
def test_without_a_classifier_every_sequence_stays(store, run, clock, refusal):
    def load():
        raise refusal

    take(store, run, clock, bursts=2)
    sorter = sorter_of(store, run, load)
    sort_all(sorter, clock)
    assert kept_unclassified(store, 2, 6)
    said: list[str] = []
    sorter.run(clock, After(lambda: bool(said)), said.append)
    assert said[0].startswith("no classifier, every sequence is kept")


@pytest.mark.parametrize(
    "error",
    [
        DeviceError("the model failed"),
        ProtocolError("nonsense"),
        TrapnodeError("torn"),
        MemoryError(),
        ValueError("shape"),
        (0.9, 0.1),
        (float("nan"),) * 3,
        (float("inf"), 0.0, 0.0),
        (-3.0, 2.0, 2.0),
        (),
    ],
    ids=repr,
)
def test_a_broken_classifier_costs_no_picture(store, run, clock, error):
    take(store, run, clock, bursts=2)
    sort(store, run, clock, error, error)
    assert kept_unclassified(store, 2, 6)


def test_a_classifier_that_fails_on_one_frame_forbids_the_discard(store, run, clock):
    take(store, run, clock)
    failing = DeviceError("failed")  # On the preview, and again on the pixels.
    script = [BLANK, failing, BLANK, BLANK, failing, BLANK]
    sorter = sorter_of(store, run, lambda: ScriptedClassifier(script))
    sort_all(sorter, clock)
    assert kept_unclassified(store, 1, 3)


@pytest.mark.parametrize("torn", [None, b"", b"torn"], ids=["missing", "empty", "torn"])
def test_a_blank_without_its_preview_stays_whole(store, run, clock, torn):
    """Its pixels can be judged; but gone, nothing would be left to check the verdict by."""
    take(store, run, clock)
    preview = next(store.archive.root.rglob("*.2.preview.jpg"))
    preview.unlink()
    if torn is not None:
        preview.write_bytes(torn)
    classifier = KnowingClassifier((BLANK,))

    class Picky(KnowingClassifier):
        def classify(self, jpeg: bytes):
            if number_of(jpeg) is None:
                raise TrapnodeError("this is no picture")
            return classifier.classify(jpeg)

    sort_all(sorter_of(store, run, lambda: Picky(())), clock)
    assert kept_unclassified(store, 1, 3)


def test_a_leopard_without_a_preview_is_seen_in_its_pixels(store, run, clock):
    take(store, run, clock)
    for preview in store.archive.root.rglob("*.preview.jpg"):
        preview.unlink()
    (observation,) = sort(store, run, clock, LEOPARD)
    assert observation.label == "leopard"


def test_a_sequence_whose_files_are_all_gone_stays_in_the_record(store, run, clock):
    take(store, run, clock)
    for path in list(store.archive.root.rglob("*.jpg")):
        path.unlink()
    (observation,) = sort(store, run, clock, BLANK)
    assert (observation.label, observation.verdict) == ("unclassified", Verdict.KEEP)


def test_a_file_that_cannot_be_read_costs_only_its_own_score(store, run, clock):
    take(store, run, clock)
    preview = next(store.archive.root.rglob("*.2.preview.jpg"))
    preview.unlink()
    preview.mkdir()
    (observation,) = sort(store, run, clock, LEOPARD)
    assert observation.label == "leopard"


def test_a_sequence_that_ended_the_sorter_twice_is_left_alone(store, run, clock):
    take(store, run, clock, bursts=2)
    ended = 0
    for _ in range(5):
        script = KnowingClassifier((KeyError("a bug"), DEER))
        try:
            sort_all(sorter_of(store, run, lambda script=script: script), clock)
        except KeyError:
            ended += 1
    assert ended == 2
    first, second = store.sequences.observations()
    assert first.reason == "the sorter ended 2 times on this sequence"
    assert second.label == "deer"


def brown_out(store, fresh, clock) -> None:
    """Begin a boot, in which the first burst is the end of it wherever it is judged."""
    fresh.mkdir()
    script = KnowingClassifier((KeyError("brown-out"), LEOPARD))
    with contextlib.suppress(KeyError):
        sort_all(sorter_of(store, fresh, lambda: script), clock)


def test_a_leopard_whose_judging_power_has_cut_twice_is_still_told(store, run, clock, tmp_path):
    take(store, run, clock)
    for life in range(3):
        brown_out(store, tmp_path / f"run{life}", clock)
    sort_all(sorter_of(store, run, lambda: KnowingClassifier((LEOPARD,))), clock)
    assert [each.label for each in store.sequences.observations()] == ["leopard"]


def test_power_that_fails_in_every_inference_ends_with_the_next_sequence_told(
    store, run, clock, tmp_path
):
    """A cold battery sags under load: /run is lost each time, the count on the card is not."""
    take(store, run, clock, bursts=2)
    for life in range(7):
        brown_out(store, tmp_path / f"run{life}", clock)
        assert len(store.sequences.observations()) == (0 if life < 5 else 2)
    assert [each.label for each in store.sequences.observations()] == ["unclassified", "leopard"]


def test_a_model_that_could_not_be_read_once_is_loaded_again(store, run, clock):
    loads = iter([DeviceError("a worn sector"), ScriptedClassifier([LEOPARD] * 3)])

    def load():
        loaded = next(loads)
        if isinstance(loaded, DeviceError):
            raise loaded
        return loaded

    take(store, run, clock)
    sorter = sorter_of(store, run, load)
    sort_all(sorter, clock)
    take(store, run, clock)
    clock.step(600)
    sort_all(sorter, clock)
    assert [each.label for each in store.sequences.observations()] == ["unclassified", "leopard"]


def test_a_target_that_the_model_does_not_know_discards_nothing_and_is_a_fault(store, run, clock):
    take(store, run, clock, bursts=2)
    script = ScriptedClassifier([BLANK] * 3 + [DEER] * 3)
    sorting = Sorting(Watch(("leopord",), (), 0.0), 0.0, 1800.0, lambda: 0.5)
    sorter = Sorter(store, run, sorting, OneJudge(lambda: script))
    said: list[str] = []
    sorter.run(clock, After(lambda: all_done(store)), said.append)
    assert [each.label for each in store.sequences.observations()] == ["unclassified", "deer"]
    assert "leopord" in said[0]


def test_discards_that_power_interrupted_are_finished_first(store, run, clock):
    take(store, run, clock, bursts=2)
    sorter = sorter_of(store, run, lambda: KnowingClassifier((BLANK, DEER)))
    assert sorter.sort_next(clock)
    assert len(whole(store)) == 6, "the verdict is on the card before the pixels go"
    later = sorter_of(store, run, lambda: KnowingClassifier((BLANK, DEER)))
    assert later.sort_next(clock)
    assert len(whole(store)) == 3


def test_what_was_found_and_counted_is_in_the_rows_and_on_the_air(store, run, clock):
    take(store, run, clock, bursts=2)
    judge = KnowingClassifier((LEOPARD, BLANK), boxes=2)
    sort_all(sorter_of(store, run, lambda: judge), clock)
    leopard, blank = store.sequences.observations()
    assert (leopard.count, blank.count) == (2, None)
    assert store.sequences.scores(1)[1].detections == (BOX, BOX)
    told = read_body(MessageKind.OBSERVATIONS, store.outbox.waiting()[0].body)
    assert told.observations[0].count == 2


@pytest.mark.parametrize("count", [0, 2, 4])
def test_a_judge_that_miscounts_the_frames_costs_no_picture(store, run, clock, count):
    class Miscounting(KnowingClassifier):
        def judge(self, pictures, past=()):
            return (super().judge(pictures) * 2)[:count]

    take(store, run, clock, bursts=1)
    sort_all(sorter_of(store, run, lambda: Miscounting((BLANK,))), clock)
    assert kept_unclassified(store, 1, 3)


def test_a_judge_that_raises_costs_no_picture(store, run, clock):
    class Raising(KnowingClassifier):
        def judge(self, pictures, past=()):
            raise MemoryError

    take(store, run, clock, bursts=1)
    sort_all(sorter_of(store, run, lambda: Raising(())), clock)
    assert kept_unclassified(store, 1, 3)


def test_the_loop_sorts_until_told_to_stop(store, run, clock):
    take(store, run, clock, bursts=2)
    watch = Watch(("leopard",), (), 0.0)
    judges = OneJudge(lambda: KnowingClassifier((DEER, BLANK)))
    sorter = Sorter(store, run, Sorting(watch, 0.0, 0.0, lambda: 0.5), judges)
    said: list[str] = []
    sorter.run(clock, After(lambda: all_done(store)), said.append)
    assert set(said) == {""}
    assert [each.label for each in store.sequences.observations()] == ["deer", "blank"]
    assert len(whole(store)) == 3


def test_a_long_burst_gives_a_sign_of_life_before_each_frame(store, run, clock):
    take(store, run, clock)
    sorter = sorter_of(store, run, lambda: KnowingClassifier((DEER,)))
    said: list[str] = []
    judging = After(lambda: bool(store.sequences.observations()))
    sorter.run(clock, judging, said.append)
    assert len(said) == 1 + 3


def test_a_full_run_folder_costs_no_verdict(store, run, tmp_path, clock):
    take(store, run, clock)
    found = sort(store, tmp_path / "none", clock, DEER)
    assert [each.label for each in found] == ["deer"]


def test_a_card_that_fails_ends_the_sorter_with_the_pixels_on_it(store, run, clock):
    take(store, run, clock)
    sorter = sorter_of(store, run, lambda: KnowingClassifier((BLANK,)))
    store.database.rows("DROP TABLE report")
    store.database.rows("ALTER TABLE observation RENAME TO elsewhere")
    with pytest.raises(StoreError, match="no such table"):
        sort_all(sorter, clock)
    assert len(whole(store)) == 3


def test_word_that_the_card_failed_is_no_verdict_on_what_was_being_judged(store, run, clock):
    """The leopard is still on the card, and is judged once the card is mounted anew."""
    take(store, run, clock)
    sorter = sorter_of(store, run, lambda: KnowingClassifier([LEOPARD]))

    def alive(_fault):
        if store.database.row("SELECT 1 FROM sequence WHERE tries > 0"):
            raise CardFailed("beginning again with the store in RAM")

    with pytest.raises(CardFailed):
        sorter.run(clock, lambda: all_done(store), alive)
    assert store.sequences.observations() == []
    assert [each.label for each in sort(store, run, clock, LEOPARD)] == ["leopard"]
