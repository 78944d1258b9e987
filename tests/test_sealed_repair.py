"""Start-up over a card with sealed files: adopted by their marks, forged ones set aside."""

import errno
from pathlib import Path

import pytest

from tests.fakes import LEOPARD, jpeg, take
from tests.faults import Power
from tests.invariants import check_card, frames_on
from tests.sealed import RECIPIENTS, STRANGER, SealedPower
from tests.test_sealing import files, sort
from trapnode.age import Sealer
from trapnode.model import FrameState, SequenceState
from trapnode.store import names
from trapnode.store.disk import RealDisk
from trapnode.store.repair import Repairs
from trapnode.store.seals import Sealing, read_seals, remember
from trapnode.store.store import DATABASE


@pytest.fixture
def sealed(state):
    """A store that seals; its copies lie beside it."""
    (state / "run").mkdir()
    power = SealedPower()
    yield power.open(state)
    power.end()


def adopted_after(store, state, clock, spoil):
    """Take a burst, lose its rows, spoil files; give what a repair does."""
    take(store, state / "run", clock)
    with store.database.transaction():
        store.database.run("DELETE FROM frame")
        store.database.run("DELETE FROM sequence")
    spoil(files(store))
    return store.repair()


def test_sealed_files_without_rows_are_adopted_by_their_marks(sealed, state, clock):
    assert adopted_after(sealed, state, clock, lambda found: None) == Repairs(adopted=3, closed=1)
    sequence = sealed.sequences.next_unsorted()
    assert sequence is not None
    assert {frame.state for frame in sequence.frames} == {FrameState.WHOLE}
    check_card(sealed)
    sort(sealed, state, LEOPARD)
    assert sealed.sequences.observations()[0].label == "leopard"


def test_a_forged_file_is_noticed_and_set_aside(sealed, state, clock, caplog):
    def forge(found):
        found[0].write_bytes(Sealer(RECIPIENTS)(jpeg(99)))  # Whoever has the public halves can.

    done = adopted_after(sealed, state, clock, forge)
    assert (done.forged, done.quarantined, done.adopted) == (1, 1, 3)
    assert "forged or torn" in caplog.text
    assert frames_on(sealed) == {2, 3}
    check_card(sealed)


def test_a_mark_belongs_to_one_name(sealed, state, clock):
    def swap(found):
        marks = [names.parse(path.name).mark for path in found[:2]]
        other = found[0].with_name(found[0].name.replace(marks[0], marks[1]))
        found[0].rename(other)

    assert adopted_after(sealed, state, clock, swap).forged == 1


def test_a_sealed_part_is_whole_by_its_mark_or_goes_to_quarantine(sealed, state, clock):
    def parts(found):
        for path in found:
            path.rename(path.with_name(path.name + ".part"))
        torn = found[0].with_name(found[0].name + ".part")
        torn.write_bytes(torn.read_bytes()[:-9])

    done = adopted_after(sealed, state, clock, parts)
    assert (done.renamed, done.quarantined, done.adopted, done.forged) == (5, 1, 3, 0)
    check_card(sealed)


def test_without_the_units_key_no_whole_file_is_set_aside(sealed, state, clock):
    take(sealed, state / "run", clock)
    with sealed.database.transaction():
        sealed.database.run("DELETE FROM frame")
        sealed.database.run("DELETE FROM sequence")
    power = Power()
    assert power.open(state).repair() == Repairs(adopted=3, closed=1)
    power.end()


@pytest.mark.parametrize("left", [None, "{"], ids=["gone", "torn"])
def test_files_of_a_lost_key_and_a_lost_database_are_adopted_and_not_taken_for_forged(
    sealed, state, clock, left
):
    def lose(_found):
        (state / "sealing.json").unlink(missing_ok=True)
        if left is not None:
            (state / "sealing.json").write_text(left)
        seals = remember(state, RealDisk(), RECIPIENTS)
        sealed.archive.sealing = Sealing(seals, Sealer(RECIPIENTS))

    assert adopted_after(sealed, state, clock, lose) == Repairs(adopted=3, closed=1)
    assert frames_on(sealed) == {1, 2, 3}
    assert not (state / "quarantine").exists()
    again = remember(state, RealDisk(), (STRANGER[1],))
    assert again.lost
    assert read_seals(state) == again


def test_a_key_that_was_always_there_still_finds_a_forged_file(state):
    remember(state, RealDisk(), RECIPIENTS)
    (state / "archive").mkdir(exist_ok=True)
    (state / "archive" / "x.age").write_bytes(b"sealed")
    assert not remember(state, RealDisk(), (STRANGER[1],)).lost


def test_a_sealed_file_that_is_gone_is_lost_and_one_that_is_back_is_not(sealed, state, clock):
    take(sealed, state / "run", clock)
    (sequence,) = sealed.sequences.all()
    path = sealed.archive.root / names.file_of(sequence.frames[0])
    away = path.rename(state / "away")
    assert sealed.repair().lost == 1
    away.rename(path)
    sealed.repair()
    (sequence,) = sealed.sequences.all()
    assert sequence.frames[0].state is FrameState.WHOLE
    assert sequence.state is SequenceState.UNSORTED


def test_a_worn_sealed_file_holds_up_no_other_of_its_day(sealed, state, clock, monkeypatch):
    take(sealed, state / "run", clock, 2)
    sealed.close()
    (state / DATABASE).write_bytes(b"garbage" * 999)
    worn, open_file = files(sealed)[0], Path.open

    def reads(path, *rest, **named):
        if path == worn:
            raise OSError(errno.EIO, "Input/output error")
        return open_file(path, *rest, **named)

    monkeypatch.setattr(Path, "open", reads)
    again = SealedPower().open(state)
    assert again.repair() == Repairs(adopted=6, closed=2)
    again.close()
