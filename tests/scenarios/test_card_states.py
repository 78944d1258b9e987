"""Thousands of cards that a power cut may leave of one life, each started and held to its promises.

The rig checks more of them, and cuts real file systems.
"""

import functools

import pytest

from tests.powercut.card import State, states
from tests.powercut.explore import BAD, GOOD, LIVES, explore, fresh, record
from tests.powercut.recorder import recording
from tests.powercut.trace import Trace

CHANCES = 2  # States by chance at each cut, beside the four sure ones.
CHUNKS = 6  # Of one life, for the processors.
LEAST = 5_000  # States.

EVERY_LIFE = pytest.mark.parametrize("life", LIVES)
KINDS = pytest.mark.parametrize("weak", [False, True], ids=["journalled", "weak"])


@functools.cache
def trace(life: str) -> Trace:
    return record(life)


def cuts(life: str, chunk: int) -> range:
    size = -(-len(trace(life).operations) // CHUNKS)
    return range(1 + size * chunk, 1 + size * (chunk + 1))


@KINDS
@EVERY_LIFE
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_card_that_a_cut_leaves_keeps_every_promise(chunk, life, weak):
    found = explore(trace(life), weak=weak, chances=CHANCES, cuts=cuts(life, chunk))
    assert not found.broken, "\n".join(found.broken)
    assert found.states > len(cuts(life, chunk))
    assert found.thorough > found.states // 13


@EVERY_LIFE
def test_the_chunks_are_the_whole_life(life):
    operations = range(1, len(trace(life).operations) + 1)
    assert [cut for chunk in range(CHUNKS) for cut in cuts(life, chunk)][: len(operations)] == [
        *operations
    ]


def test_they_are_thousands_of_states():
    counted = sum(
        1
        for life in LIVES
        for weak in (False, True)
        for chunk in range(CHUNKS)
        for _ in states(trace(life), weak, CHANCES, cuts(life, chunk), seed=1)
    )
    assert counted >= LEAST


@pytest.mark.parametrize("fault", BAD)
def test_a_program_that_does_not_sync_is_found_out(fault):
    bad = record("unit", BAD[fault])
    cuts = range(60, len(bad.operations))
    found = explore(bad, weak=True, chances=1, cuts=cuts, thorough_every=10_000, enough=1)
    assert found.broken


@EVERY_LIFE
def test_the_recording_is_all_that_was_written(life):
    with fresh() as root, fresh() as run:
        with recording(root) as (seen, tell):
            GOOD.live(life, root, run, tell)
        left = [path for path in root.rglob("*") if path.is_file()]
        assert len(left) > 20
        for path in left:
            inode = seen.inode(str(path.relative_to(root)))
            assert inode is not None
            assert bytes(seen.contents[inode]) == path.read_bytes(), path


# What the two kinds of card do to files


def written(*, name_synced: bool = False) -> Trace:
    """Four sectors, synced; four more in another file, not; the first is renamed."""
    seen = Trace()
    sure = seen.create("sure.part")
    seen.write(sure, 0, b"s" * 2048)
    seen.sync("sure.part")
    seen.write(seen.create("not"), 0, b"n" * 2048)
    seen.rename("sure.part", "sure")
    if name_synced:
        seen.sync("")
    return seen


def last(seen: Trace, weak: bool) -> list[State]:
    whole = len(seen.operations)
    return list(states(seen, weak, 40, range(whole, whole + 1), seed=3))


@KINDS
def test_what_was_synced_is_whole_under_one_name_or_the_other(weak):
    found = [state.files for state in last(written(), weak)]
    assert any("sure" in files for files in found)
    assert any("sure" not in files for files in found)
    assert {data for files in found for name, data in files.items() if "sure" in name} == {
        b"s" * 2048
    }


def test_a_journal_loses_no_name_before_a_sync_and_a_weak_card_any_that_was_not_synced_itself():
    assert all(state.files.keys() & {"sure", "sure.part"} for state in last(written(), weak=False))
    assert any(
        not state.files.keys() & {"sure", "sure.part"} for state in last(written(), weak=True)
    )


@KINDS
def test_a_synced_folder_keeps_its_names(weak):
    assert all("sure" in state.files for state in last(written(name_synced=True), weak))


@KINDS
def test_what_was_not_synced_may_be_lost_kept_zeros_or_torn(weak):
    found = {state.files.get("not") for state in last(written(name_synced=True), weak)}
    assert {b"", b"n" * 2048, bytes(2048)} <= found
    torn = found - {b"", b"n" * 2048, bytes(2048), None}
    sectors = {data[at : at + 512] for data in torn for at in range(0, 2048, 512)}
    assert sectors == {b"n" * 512, bytes(512)}


def test_a_weak_card_may_keep_half_a_rename_between_folders():
    seen = Trace()
    for folder in ("from", "to"):
        seen.create(folder, is_folder=True)
    seen.write(seen.create("from/it"), 0, b"i")
    seen.sync_all()
    seen.rename("from/it", "to/it")
    found = {tuple(sorted(state.files)) for state in last(seen, weak=True)}
    assert found == {("from/it",), ("to/it",), ("from/it", "to/it"), ()}
    assert {tuple(sorted(state.files)) for state in last(seen, weak=False)} == {
        ("from/it",),
        ("to/it",),
    }
