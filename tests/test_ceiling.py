"""Counters never repeat, whatever becomes of the database."""

import pytest

from tests.fakes import NOON
from tests.faults import Power
from trapnode.errors import StoreError
from trapnode.message.sealing import CardKey, open_uplink, seal
from trapnode.model import MessageKind
from trapnode.store.ceiling import BLOCK, FAR, Ceiling
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


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_file_that_holds_no_number_silences_nobody(state, garbage):
    (state / "counters").write_bytes(garbage)
    store = Power().open(state)
    assert number(store) == FAR, "far above all that a card may have used"
    store.close()
    (state / DATABASE).write_bytes(b"garbage" * 999)
    store = Power().open(state)
    assert number(store) > FAR, "the file is whole again"
    store.close()


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_file_that_breaks_under_a_sound_database_skips_nothing(state, garbage):
    store = Power().open(state)
    used = [number(store)]
    store.close()
    (state / "counters").write_bytes(garbage)
    store = Power().open(state)
    used += [number(store), number(store)]
    store.close()
    assert used == [1, 2, 3]


def test_a_receiver_follows_the_jump():
    key = CardKey(1, bytes(range(16)))
    for highest in (0, 1, 40_000, FAR - 1):
        sealed = seal(MessageKind.STATUS, FAR, b"body", key)
        assert open_uplink(sealed, key, highest).counter == FAR


def test_a_card_that_cannot_be_read_is_no_new_card(state):
    (state / "counters").mkdir()
    assert Ceiling(state / "counters", RealDisk()).number() == FAR


def test_a_card_that_cannot_be_written_spends_no_counter(tmp_path):
    with pytest.raises(StoreError, match="cannot be written"):
        Ceiling(tmp_path / "none" / "counters", RealDisk()).cover(1)
