"""Counters never repeat, whatever becomes of the database."""

from contextlib import closing
from itertools import pairwise

import pytest

from tests.fakes import NOON
from tests.faults import Power, every_cut
from trapnode.errors import StoreError
from trapnode.message.sealing import CardKey, open_uplink, seal
from trapnode.model import MessageKind
from trapnode.store.ceiling import BLOCK, COPY, FAR, Ceiling
from trapnode.store.disk import RealDisk
from trapnode.store.store import DATABASE


def number(store):
    """Take a counter, as a message does."""
    with store.database.transaction():
        store.outbox.tell(MessageKind.ANSWER, b"body", 2, NOON)
    return store.outbox.freeze(store.outbox.waiting()[:1], NOON, lambda *_: b"sealed").counter


def test_a_new_card_counts_from_one(state):
    store = Power().open(state)
    assert [number(store) for _ in range(3)] == [1, 2, 3]
    store.close()


def test_a_database_begun_anew_counts_on_above_what_was_used(state):
    used = []
    for life in range(3):
        store = Power().open(state)
        used += [number(store) for _ in range(BLOCK + life)]
        store.close()
        (state / DATABASE).write_bytes(b"garbage" * 999)
    assert used == sorted(set(used))


def test_one_write_covers_many_counters(state):
    power = Power()
    ceiling = Ceiling(state / "counters", power.disk)
    ceiling.cover(1)
    steps = power.steps
    for used in range(2, BLOCK + 1):
        ceiling.cover(used)
    assert power.steps == steps
    ceiling.cover(BLOCK + 1)
    assert power.steps > steps


GARBAGE = [b"", b"\x00\xff", b"no number", b"-5", b"99999999999"]
NAMES = ("counters", f"counters{COPY}")


def spoil(state, garbage=b"", names=NAMES):
    """Lose the database, and what these files hold."""
    for name in names:
        (state / name).write_bytes(garbage)
    (state / DATABASE).write_bytes(b"garbage" * 999)


def one(state):
    """Take a counter in a life of its own."""
    with closing(Power().open(state)) as store:
        return number(store)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("garbage", GARBAGE)
def test_one_torn_file_and_a_lost_database_repeat_and_skip_no_more_than_a_block(
    state, name, garbage
):
    used = []
    for _ in range(3):
        used.append(one(state))
        spoil(state, garbage, [name])
    assert used == sorted(set(used))
    assert used[-1] <= 1 + 2 * BLOCK
    one(state)
    assert (state / NAMES[0]).read_bytes() == (state / NAMES[1]).read_bytes()


@pytest.mark.parametrize("garbage", GARBAGE)
def test_files_that_hold_no_number_silence_nobody(state, garbage):
    one(state)
    spoil(state, garbage)
    assert one(state) == FAR, "far above all that a card may have used"
    (state / DATABASE).write_bytes(b"garbage" * 999)
    assert one(state) > FAR, "the files are whole again"


def test_all_is_lost_again_and_again_and_no_counter_comes_back(state):
    used = [one(state)]
    for _ in range(4):
        spoil(state)
        used.append(one(state))
    assert used == [1, FAR, 2 * FAR, 3 * FAR, 4 * FAR]
    assert all(after - before <= FAR for before, after in pairwise(used)), "a receiver follows"


def test_a_card_past_two_to_the_sixteen_repeats_nothing(state):
    with closing(Power().open(state)) as store:
        used = [number(store)]
        with store.database.transaction():
            store.database.run("UPDATE counter SET next = ? WHERE name = 'message'", FAR - 1)
        used += [number(store) for _ in range(3)]
    assert used == [1, FAR - 1, FAR, FAR + 1]
    spoil(state)
    assert one(state) == 2 * FAR


@pytest.mark.parametrize("garbage", GARBAGE)
def test_files_that_break_under_a_sound_database_skip_nothing(state, garbage):
    used = [one(state)]
    for name in NAMES:
        (state / name).write_bytes(garbage)
    used += [one(state), one(state)]
    assert used == [1, 2, 3]


@pytest.mark.parametrize("lost", [(), NAMES[:1], NAMES[1:]], ids=["none", "first", "copy"])
def test_no_cut_and_no_torn_file_after_it_brings_a_counter_back(card, state, lost):
    """Over the end of a block, and over 2^16: the database is lost at each step."""
    Ceiling(state / NAMES[0], RealDisk()).cover(FAR - BLOCK - 1)

    def work(state, power):
        ceiling = Ceiling(state / NAMES[0], power.disk)
        for used in (FAR - 2, FAR - 1, FAR, FAR + BLOCK):
            ceiling.cover(used)
            power.told.append(used)

    def check(state, cut):
        spoil(state, names=lost)
        after = Ceiling(state / NAMES[0], RealDisk()).number()
        assert after > max(cut.told, default=0)
        assert after <= FAR + 3 * BLOCK

    assert every_cut(card, state, work, check) > 20


def test_a_receiver_follows_the_jump():
    key = CardKey(1, bytes(range(16)))
    for highest in (0, 1, 40_000, FAR - 1):
        sealed = seal(MessageKind.STATUS, FAR, b"body", key)
        assert open_uplink(sealed, key, highest).counter == FAR


def test_a_card_that_cannot_be_read_is_no_new_card(state):
    for name in NAMES:
        (state / name).mkdir()
    assert Ceiling(state / "counters", RealDisk()).number() == FAR


def test_a_card_that_cannot_be_written_spends_no_counter(tmp_path):
    with pytest.raises(StoreError, match="cannot be written"):
        Ceiling(tmp_path / "none" / "counters", RealDisk()).cover(1)
