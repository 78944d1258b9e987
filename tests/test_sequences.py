"""The rows of sequences, frames, scores and observations."""

import pytest

from tests.fakes import NOON, an_observation, take
from trapnode.model import Detection, FrameState, Scores, SequenceState, Verdict
from trapnode.store import reading
from trapnode.store.store import Store

SCORES = Scores({"blank": 0.12345678, "leopard": 0.87654321})


@pytest.fixture
def taken(store: Store, run, clock) -> Store:
    take(store, run, clock, bursts=4)
    return store


def conclude(store: Store, identity: int, label: str, **changes: object) -> None:
    with store.database.transaction():
        store.sequences.conclude(an_observation(identity, label, **changes), [SCORES, None, SCORES])


def test_the_oldest_sequence_comes_first_and_only_once(taken):
    for identity in (1, 2):
        sequence = taken.sequences.next_unsorted()
        assert sequence is not None
        assert sequence.id == identity
        assert sequence.state is SequenceState.UNSORTED
        conclude(taken, identity, "deer")
    assert [each.state for each in taken.sequences.all()][:2] == [SequenceState.SORTED] * 2


def test_scores_go_with_their_frames(taken):
    conclude(taken, 1, "leopard")
    assert taken.sequences.scores(1) == {
        1: Scores({"blank": 0.1235, "leopard": 0.8765}),
        2: None,
        3: Scores({"blank": 0.1235, "leopard": 0.8765}),
    }


def test_an_observation_comes_back_as_it_was_written(taken):
    conclude(taken, 2, "leopard", event=1, reason="because", frames=3)
    (found,) = taken.sequences.observations()
    trigger = next(each.trigger for each in taken.sequences.all() if each.id == 2)
    assert found == an_observation(2, "leopard", event=1, reason="because", observed_at=trigger.at)


def test_detections_go_with_the_scores_and_the_count_with_the_observation(taken):
    boxes = (Detection(0.1, 0.2, 0.33333, 0.4, 0.91), Detection(0.0, 0.0, 1.0, 1.0, 0.3))
    with taken.database.transaction():
        observation = an_observation(1, "leopard", count=2)
        taken.sequences.conclude(observation, [Scores(SCORES.by_label, boxes), None, SCORES])
    found = taken.sequences.scores(1)
    assert found[1].detections == (Detection(0.1, 0.2, 0.3333, 0.4, 0.91), boxes[1])
    assert found[2] is None
    assert found[3].detections == ()
    assert [each.count for each in taken.sequences.observations()] == [2]
    (record, *_) = reading.walk(taken.database)
    assert record.observation.count == 2
    assert record.scores == found


def test_only_a_discard_without_audit_lets_frames_go(taken):
    conclude(taken, 1, "blank", verdict=Verdict.DISCARD)
    conclude(taken, 2, "blank", verdict=Verdict.DISCARD, audit=True)
    conclude(taken, 3, "deer")
    going = taken.sequences.discarding()
    assert {frame.sequence for frame in going} == {1}
    taken.sequences.discarded(going)
    assert taken.sequences.discarding() == []
    states = {each.id: {frame.state for frame in each.frames} for each in taken.sequences.all()}
    assert states[1] == {FrameState.DISCARDED}
    assert states[2] == states[3] == {FrameState.WHOLE}


def test_the_last_of_a_label_is_the_last_before(taken):
    for identity, label in ((1, "leopard"), (2, "deer"), (3, "leopard")):
        conclude(taken, identity, label)
    found = taken.sequences.last_of("leopard", 3)
    assert found is not None
    assert (found[0], found[1].id) == (1, 1)
    assert taken.sequences.last_of("tiger", 3) is None


def test_observations_can_be_asked_for_from_both_ends(taken):
    for identity in (1, 2, 3):
        conclude(taken, identity, "deer")
    assert [each.id for each in taken.sequences.observations(since=1)] == [2, 3]
    assert [each.id for each in taken.sequences.observations(last=2)] == [2, 3]


def test_a_walk_over_all_takes_more_than_one_look(store: Store):
    with store.database.transaction():
        for number in range(1, 251):
            store.database.run(
                "INSERT INTO sequence VALUES (?, ?, NULL, ?, 0, 'pir', 'timeLapse', 'sorted', 0)",
                number,
                f"stem {number}",
                NOON.isoformat(),
            )
    assert [each.id for each in store.sequences.all()] == list(range(1, 251))


def test_counts_tell_states_and_labels(taken):
    conclude(taken, 1, "leopard")
    counts = taken.sequences.counts()
    assert counts["sequence.sorted"] == counts["observation.leopard"] == 1
    assert counts["sequence.unsorted"] == 3
    assert counts["frame.whole"] == 12


def test_bytes_are_counted_by_sequence_and_by_what_became_of_them(taken):
    frames, previews = taken.sequences.bytes_of(1)
    assert frames > previews > 0
    assert taken.sequences.bytes_of(99) == (0, 0)
    conclude(taken, 1, "blank", verdict=Verdict.DISCARD)
    everything = sum(taken.sequences.bytes_of(each)[0] for each in (1, 2, 3, 4))
    assert taken.sequences.saved_and_discarded() == (everything - frames, frames)


def test_the_best_score_is_the_most_probable_label():
    assert SCORES.best == ("leopard", 0.87654321)
