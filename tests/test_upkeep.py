"""What the keeper does for the card: room, bounds, proof that it keeps what it is given."""

import errno
import os

import pytest

from tests.fakes import NOON, boot, take
from tests.faults import Power, every_cut
from tests.invariants import check_card, recovered
from tests.test_eviction import previews, see, states
from trapnode.errors import CardFailed
from trapnode.message.downlink import Ack
from trapnode.model import CardState, ClockTrust, FrameState, MessageKind, WakeReason
from trapnode.policy.retention import Allowance
from trapnode.store import bounds
from trapnode.store.acks import acknowledge
from trapnode.store.bounds import trim
from trapnode.store.entries import begin_boot
from trapnode.store.store import Store
from trapnode.store.tally import tally
from trapnode.store.upkeep import Upkeep
from trapnode.store.wear import per_day, written_bytes

NONCE = bytes(range(16))


def ids(store) -> list[int]:
    return [each.id for each in store.sequences.all()]


# Room


def test_the_keeper_makes_room_ahead_and_says_when_it_cannot(store, monkeypatch):
    see(store, "deer")
    see(store, "leopard")
    space = [4 << 30]
    monkeypatch.setattr(Store, "card_space", lambda _: (space[0], 4 << 30))
    keeps = Upkeep(store)
    assert (keeps.look(0.0).state, states(store, 1)) == (CardState.OK, {FrameState.WHOLE})
    space[0] = 768 << 20
    assert (keeps.look(10.0).state, states(store, 1)) == (CardState.OK, {FrameState.WHOLE})
    space[0] -= 1
    found = keeps.look(20.0)
    assert (found.state, states(store, 1)) == (CardState.FULL, {FrameState.EVICTED})
    assert found.fault == "card: full, 767 MiB free, and nothing more may go"
    assert states(store, 2) == {FrameState.WHOLE}, "a target never yields"
    assert (tally(store).evicted, tally(store).evicted_audit) == (1, 0)


def test_evicted_blanks_of_the_audit_are_counted(store):
    for kind in ("audit", "audit", "deer"):
        see(store, kind)
    store.eviction.free(1)
    assert (tally(store).evicted, tally(store).evicted_audit) == (1, 1)
    store.eviction.free(1 << 40)
    assert (tally(store).evicted, tally(store).evicted_audit) == (3, 2)


def test_blanks_kept_for_audit_are_thinned_by_the_keeper(store):
    for _ in range(4):
        see(store, "audit")
    store.allowance = Allowance(audit_most=0.0)
    Upkeep(store).look(0.0)
    assert tally(store).evicted_audit == 4


# Bounds


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(bounds, "MOST_SEQUENCES", 4)
    monkeypatch.setattr(bounds, "MOST_BOOTS", 3)
    monkeypatch.setattr(bounds, "MOST_MESSAGES", 2)
    monkeypatch.setattr(bounds, "MOST_WAITING", 3)
    monkeypatch.setattr(bounds, "MOST_QUARANTINED", 2)


def test_rows_of_old_blanks_go_first_and_are_counted(store, small):
    for kind in ("deer", "blank", "audit", "blank", "leopard", "blank", "blank"):
        see(store, kind)
    before = tally(store)
    trim(store)
    assert ids(store) == [1, 3, 5, 7], "the newest never goes: its number is the next one's"
    assert previews(store) == {1, 3, 5, 7}
    assert store.database.rows("SELECT * FROM forgotten") == [("blank", 0, 0, 3)]
    after = tally(store)
    assert (after.sequences, after.discarded) == (before.sequences, before.discarded) == (7, 5)
    assert store.repair().adopted == 0
    check_card(store)


def test_rows_whose_pictures_are_on_the_card_stay_however_many(store, small):
    for _ in range(6):
        see(store, "deer")
    trim(store)
    assert len(ids(store)) == 6
    store.eviction.free(1 << 40)
    trim(store)
    assert ids(store) == [3, 4, 5, 6]


def test_targets_and_what_is_still_to_be_told_are_never_forgotten(store, small):
    for kind in ("leopard", "leopard", "leopard", "leopard", "deer", "deer", "blank"):
        see(store, kind)
    with store.database.transaction():
        store.outbox.tell(MessageKind.OBSERVATIONS, bytes(11), 3, NOON, 5)
    store.eviction.free(1 << 40)
    trim(store)
    assert ids(store) == [1, 2, 3, 4, 5, 7]


def test_messages_that_are_through_are_bounded_and_no_other(store, small):
    see(store, "deer")
    for number in range(1, 7):
        with store.database.transaction():
            kind = MessageKind.ANSWER if number in (1, 2) else MessageKind.STATUS
            store.outbox.tell(kind, bytes(36), 2, NOON)
        message = store.outbox.freeze(store.outbox.waiting(), NOON, lambda *_: bytes(39))
        if number not in (1, 2):
            store.outbox.sent(message, NOON, True)
    trim(store)
    assert [each.counter for each in store.outbox.messages()] == [1, 2, 5, 6]
    assert store.outbox.last_status() == NOON
    for _ in range(3):
        trim(store)
    assert store.outbox.last_status() == NOON, "the last status is known, or it would be due"


def test_what_was_acknowledged_goes_first_and_observations_without_a_word_last(store, small):
    kinds = [MessageKind.OBSERVATIONS] * 2 + [MessageKind.ANSWER] * 2 + [MessageKind.STATUS]
    for kind in kinds:
        with store.database.transaction():
            store.outbox.tell(kind, bytes(11), 2, NOON)
        message = store.outbox.freeze(store.outbox.waiting(), NOON, lambda *_: bytes(39))
        store.outbox.sent(message, NOON, True)
    with store.database.transaction():
        acknowledge(store.database, Ack(2, 0), NOON)  # And not the first, which waits again.
    store.outbox.sent(store.outbox.messages()[0], NOON, True)
    left = []
    for _ in range(4):
        trim(store)
        left.append([each.counter for each in store.outbox.messages()])
    assert left[0] == [1, 5], "2 was acknowledged, 3 and 4 are no observations"


def test_reports_that_wait_for_a_dead_radio_are_bounded_least_first(store, small):
    for number in range(1, 7):
        see(store, "deer")
        with store.database.transaction():
            priority = 0 if number in (1, 4) else 3
            store.outbox.tell(MessageKind.OBSERVATIONS, bytes(11), priority, NOON, number)
    trim(store)
    assert [each.observation for each in store.outbox.waiting()] == [1, 4, 6]


def test_boots_are_bounded_but_for_those_that_rows_need_and_the_first(store, small, run, clock):
    for number in range(1, 8):
        life = begin_boot(store.database, f"k{number}", NOON, WakeReason.PIR, ClockTrust.RTC)
        if number == 3:
            with store.database.transaction():
                store.database.run(
                    "INSERT INTO sequence VALUES (1, 's', ?, ?, 0, 'pir', 'x', 'sorted', 0)",
                    life.id,
                    "2026-11-22T04:30:00.000000Z",
                )
    trim(store)
    assert [row[0] for row in store.database.rows("SELECT id FROM boot ORDER BY id")] == [1, 3, 7]
    assert boot(store, "k8").id == 8


def test_quarantine_is_bounded_oldest_first(store, small):
    folder = store.state / "quarantine"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.part").write_bytes(b"torn")
        os.utime(folder / f"{number}.part", (number, number))
    trim(store)
    assert sorted(path.name for path in folder.iterdir()) == ["3.part", "4.part"]


def test_a_folder_in_a_full_quarantine_stays_and_ends_nobody(store, small):
    folder = store.state / "quarantine"
    (folder / "by hand").mkdir(parents=True)
    os.utime(folder / "by hand", (0, 0))
    for number in range(5):
        (folder / f"{number}.part").write_bytes(b"torn")
        os.utime(folder / f"{number}.part", (number, number))
    trim(store)
    assert sorted(path.name for path in folder.iterdir()) == ["3.part", "4.part", "by hand"]


def test_quarantine_is_bounded_in_bytes(store, monkeypatch):
    monkeypatch.setattr(bounds, "QUARANTINE_BYTES", 10)
    folder = store.state / "quarantine"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.part").write_bytes(b"torn")
    trim(store)
    assert len(list(folder.iterdir())) == 2


def test_a_cut_anywhere_in_a_trim_forgets_no_more_and_counts_each_once(card, small):
    state = card / "many"
    state.mkdir()
    power = Power()
    store = power.open(state)
    for kind in ("blank", "blank", "deer", "blank", "leopard", "audit", "blank"):
        see(store, kind)
    power.end()

    def work(state, power: Power) -> None:
        trim(power.open(state))

    def nothing_more_is_gone(state, _cut: Power) -> None:
        power = Power()
        store = recovered(state, power.open)
        assert tally(store).sequences == 7
        trim(store)
        assert ids(store) == [3, 5, 6, 7]
        assert previews(store) == {3, 5, 6, 7}
        assert tally(store).discarded == 5
        power.end()

    assert every_cut(card, state, work, nothing_more_is_gone) > 20


# Proof


def test_a_card_that_keeps_what_it_is_given_is_no_fault(store):
    keeps = Upkeep(store)
    for each in (NONCE, NONCE[::-1]):
        keeps.probe(each)
        assert keeps.look(0.0).fault == ""


def test_a_card_that_silently_drops_writes_is_a_fault_until_it_keeps_them(store, monkeypatch):
    keeps = Upkeep(store)
    keeps.probe(NONCE)
    with monkeypatch.context() as dropping:
        dropping.setattr(os, "pwrite", lambda descriptor, data, at: len(data))
        keeps.probe(NONCE[::-1])
    found = keeps.look(0.0)
    assert (found.state, found.fault) == (
        CardState.FAILING,
        "card: failing, it gives back other bytes than were written",
    )
    keeps.probe(NONCE)
    assert keeps.look(0.0).state is CardState.OK


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS])
def test_a_card_that_refuses_the_probe_has_failed(store, monkeypatch, code):
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(CardFailed, match="probe: cannot be written"):
        Upkeep(store).probe(NONCE)


def test_a_full_card_is_not_called_failing(store, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    keeps = Upkeep(store)
    monkeypatch.setattr(os, "pwrite", refuse)
    keeps.probe(NONCE)
    assert keeps.look(0.0).state is CardState.OK


# Wear


def test_what_was_written_is_the_kernels_count(tmp_path):
    device = tmp_path.stat().st_dev
    folder = tmp_path / f"{os.major(device)}:{os.minor(device)}"
    folder.mkdir()
    (folder / "stat").write_text("  12 0 96 4 7 3 2048 9 0 11 13 0 0 0 0 5 2\n")
    assert written_bytes(tmp_path, tmp_path) == 1 << 20


@pytest.mark.parametrize("text", [None, "", "1 2 3", "a b c d e f g h"])
def test_a_count_that_is_not_there_is_not_known(tmp_path, text):
    device = tmp_path.stat().st_dev
    folder = tmp_path / f"{os.major(device)}:{os.minor(device)}"
    folder.mkdir()
    if text is not None:
        (folder / "stat").write_text(text)
    assert written_bytes(tmp_path, tmp_path) is None


@pytest.mark.parametrize(
    ("written", "up_s", "found"),
    [(None, 9e9, None), (1000, 3599.0, None), (1000, 3600.0, 24_000), (1000, 172_800.0, 500)],
)
def test_what_a_day_would_write(written, up_s, found):
    assert per_day(written, up_s) == found


def test_every_sync_of_a_burst_is_counted(state, run, clock):
    from trapnode.store.store import open_store

    store = open_store(state)
    take(store, run, clock)
    before = store.syncs
    take(store, run, clock)
    assert 5 <= store.syncs - before <= 14
    store.close()
