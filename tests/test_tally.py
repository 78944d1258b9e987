"""The tally of everything on the card."""

from tests.archives import a_day
from tests.fakes import (
    BLANK,
    DEER,
    LEOPARD,
    KnowingClassifier,
    ScriptedModem,
    boot,
    sorter_of,
    take,
    uplinker_of,
)
from trapnode.errors import DeviceError, LinkUnavailable, MessageRefused
from trapnode.model import MessageKind
from trapnode.store.store import open_store
from trapnode.store.tally import Tally, changes, tally


def test_an_empty_card_counts_nothing(store):
    assert tally(store) == Tally(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, None, None, (), (0, 0), "")


def test_everything_is_counted_once(store, run, clock):
    take(store, run, clock, bursts=5)
    scenes = (BLANK, LEOPARD, DEER, DeviceError("broken"), BLANK)
    sorter = sorter_of(store, run, lambda: KnowingClassifier(scenes))
    for _ in range(5):  # Four verdicts and one discard of pixels.
        sorter.sort_next(clock)
    uplinker = uplinker_of(store, run, boot(store), batch_s=1e6)
    with store.database.transaction():
        store.outbox.tell(MessageKind.STATUS, bytes(36), 2, clock.now())
    for _ in range(2):  # A target that is refused waits for another day; what is not is parked.
        uplinker.send_next(ScriptedModem([MessageRefused("too long")]), clock)
    (sequence,) = [each for each in store.sequences.all() if each.id == 3]
    (store.archive.root / sequence.frames[0].path).unlink()
    store.repair()
    found = tally(store)
    assert (found.sequences, found.discarded, found.targets) == (5, 1, 1)
    assert (found.unsorted, found.unclassified) == (1, 1)
    assert (found.waiting, found.parked, found.lost_frames) == (1, 1, 1)
    assert found.last_trigger is not None
    assert found.last_trigger.startswith("2026-11-22T04:35")
    assert found.last_accepted is None
    assert found.as_snapshot()["sequences"] == 5


def test_messages_tried_in_vain_are_counted_with_the_last_reason(store, run, clock):
    take(store, run, clock, bursts=2)
    sorter = sorter_of(store, run, lambda: KnowingClassifier((LEOPARD, DEER)))
    while sorter.sort_next(clock):
        pass
    uplinker = uplinker_of(store, run, boot(store))
    modem = ScriptedModem(LinkUnavailable(f"no network, try {each}") for each in (1, 2, 3))
    for stuck in (0, 0, 1):
        uplinker.send_next(modem, clock)
        clock.step(86_400)
        assert tally(store).stuck == stuck
    assert tally(store).stuck_reason == "no network, try 3"
    uplinker.send_next(modem, clock)  # Now it is accepted.
    assert (tally(store).stuck, tally(store).stuck_reason) == (0, "")


def test_only_what_others_commit_is_a_change(store):
    before = changes(store)
    boot(store)
    assert changes(store) == before
    other = open_store(store.state)
    boot(other, "two")
    assert changes(store) != before
    other.close()


def test_the_last_verdicts_are_told_newest_first(tmp_path):
    seen = a_day(tmp_path)
    assert tally(seen.store).last_verdicts == ("vehicle 90%", "unclassified", "unknown 50%")
    seen.store.close()
