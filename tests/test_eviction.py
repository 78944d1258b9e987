"""A full card: the least valuable goes, its rows stay, and targets never yield."""

import contextlib

import pytest

from tests.fakes import NOON, an_observation, boot, jpeg
from tests.faults import NamelessDisk, Power, every_cut
from tests.invariants import check_card, recovered
from tests.sealed import SealedPower
from trapnode.dump.rows import REMARKS
from trapnode.errors import StoreError
from trapnode.model import BLANK, FrameState, Scores, Shot, Trigger, Verdict
from trapnode.store import eviction
from trapnode.store.eviction import Eviction
from trapnode.store.reading import walk
from trapnode.store.repair import Repairs
from trapnode.store.store import open_store

KINDS = ("leopard", "deer", "blank", "audit", "person", "unknown", None)
ALL_THAT_MAY_GO = 1 << 40
SURE = Scores({"blank": 0.5, "leopard": 0.5})
# The ids of a card filled with KINDS, twice over: first and second of each.
FIRST = dict(zip(KINDS, range(1, 8), strict=True))
SECOND = dict(zip(KINDS, range(8, 15), strict=True))


def see(store, kind) -> int:
    """Take a sequence of two frames and judge it; None leaves it to the sorter."""
    burst = store.archive.begin("AL07", 600, "imx708", Trigger(NOON, 1.0), boot(store))
    for number in (1, 2):
        burst.add(Shot(jpeg(10 * burst.sequence + number), jpeg(number, (16, 12)), NOON))
    burst.close()
    if kind is None:
        return burst.sequence
    blank = kind in ("blank", "audit")
    changes = {"verdict": Verdict.DISCARD, "audit": kind == "audit"} if blank else {}
    seen = an_observation(burst.sequence, BLANK if blank else kind, **changes)
    with store.database.transaction():
        store.sequences.conclude(seen, [SURE, SURE])
    if going := store.sequences.discarding():
        for frame in going:
            store.archive.discard(frame)
        store.sequences.discarded(going)
    return burst.sequence


@pytest.fixture
def filled(store, monkeypatch):
    monkeypatch.setattr(eviction, "RECENT", 0)
    for kind in (*KINDS, *KINDS):
        see(store, kind)
    return store


def whole(store) -> set[int]:
    """The sequences whose pixels are on the card, by files and by rows alike."""
    rows = store.database.rows("SELECT DISTINCT sequence FROM frame WHERE state = 'whole'")
    root = store.archive.root
    pixels = [path for path in root.rglob("*.jpg") if "preview" not in path.name]
    assert {int(path.name.split(".")[2]) for path in pixels} == {row[0] for row in rows}
    return {int(row[0]) for row in rows}


def states(store, sequence) -> set[str]:
    rows = store.database.rows("SELECT state FROM frame WHERE sequence = ?", sequence)
    return {str(row[0]) for row in rows}


def evicted(store) -> set[int]:
    rows = store.database.rows("SELECT sequence FROM frame WHERE state = 'evicted'")
    return {int(row[0]) for row in rows}


def previews(store) -> set[int]:
    return {int(path.name.split(".")[2]) for path in store.archive.root.rglob("*.preview.jpg")}


def test_the_least_valuable_goes_first_and_the_oldest_of_it(filled):
    gone, left = [], whole(filled) | previews(filled)
    while filled.eviction.free(1):
        now = whole(filled) | previews(filled) - evicted(filled)
        gone += sorted(left - now)
        left = now
    oldest_first = [[FIRST[kind], SECOND[kind]] for kind in ("blank", "deer", "person")]
    assert gone[:2] == oldest_first[0]
    assert sorted(gone[2:4]) == [FIRST["audit"], SECOND["audit"]]  # In no order of time.
    assert gone[4:8] == oldest_first[1] + oldest_first[2]
    assert gone[8:] == [FIRST["unknown"], FIRST[None], SECOND["unknown"], SECOND[None]]


def test_no_more_goes_than_is_needed(filled):
    cheap = sum(filled.sequences.bytes_of(each["blank"])[1] for each in (FIRST, SECOND))
    cheap += sum(filled.sequences.bytes_of(each["audit"])[0] for each in (FIRST, SECOND))
    assert filled.eviction.free(cheap + 1) == cheap + filled.sequences.bytes_of(FIRST["deer"])[0]
    assert FIRST["deer"] not in whole(filled)
    assert {SECOND["deer"], FIRST["person"]} <= whole(filled)


def test_targets_never_yield(filled):
    filled.eviction.free(ALL_THAT_MAY_GO)
    assert whole(filled) == {FIRST["leopard"], SECOND["leopard"]}
    assert filled.eviction.free(ALL_THAT_MAY_GO) == 0


def test_a_target_found_while_room_is_made_does_not_yield(store, state, monkeypatch):
    """The sorter's verdict comes between any two transactions of the keeper."""
    sequence = see(store, None)
    other = open_store(state)
    oldest = Eviction._oldest

    def judged_meanwhile(eviction, value):
        found = oldest(eviction, value)
        if found:
            with contextlib.suppress(StoreError), other.database.transaction(0.01):
                other.sequences.conclude(an_observation(sequence, "leopard"), [SURE, SURE])
        return found

    monkeypatch.setattr(Eviction, "_oldest", judged_meanwhile)
    store.eviction.free(ALL_THAT_MAY_GO)
    other.close()
    kept = store.sequences.observations()
    assert not kept or whole(store) == {sequence}


def test_rows_and_evidence_stay(filled):
    filled.eviction.free(ALL_THAT_MAY_GO)
    assert len(list(filled.sequences.all())) == 14
    assert previews(filled) == set(range(1, 15)) - {FIRST["blank"], SECOND["blank"]}
    assert states(filled, FIRST["deer"]) == states(filled, FIRST["audit"]) == {FrameState.EVICTED}
    assert states(filled, FIRST["blank"]) == {FrameState.FADED}
    assert filled.repair() == Repairs(), "nothing is adopted, nothing is lost"


def test_a_preview_of_a_recent_blank_stays(store, monkeypatch):
    monkeypatch.setattr(eviction, "RECENT", 2)
    for _ in range(5):
        see(store, "blank")
    store.eviction.free(ALL_THAT_MAY_GO)
    assert previews(store) == {4, 5}


def test_a_burst_under_way_is_left_alone(store):
    burst = store.archive.begin("AL07", 600, "imx708", Trigger(NOON, 1.0), boot(store))
    burst.add(Shot(jpeg(1), jpeg(2), NOON))
    burst.sync()
    assert store.eviction.free(ALL_THAT_MAY_GO) == 0
    burst.close()
    assert store.eviction.free(ALL_THAT_MAY_GO) > 0


def test_blanks_kept_for_audit_hold_no_more_than_their_share_and_stay_a_fair_sample(store):
    for _ in range(40):
        see(store, "audit")
    size = store.sequences.bytes_of(1)[0]
    see(store, "deer")
    store.eviction.thin_audit(10 * size + size // 2)
    left = whole(store) - {41}
    assert len(left) == 10
    quarters = [sum(low < each <= low + 10 for each in left) for low in (0, 10, 20, 30)]
    assert min(quarters) >= 1, "some of each time stays"
    assert store.eviction.thin_audit(10 * size + size // 2) == 0


def test_the_store_makes_room_for_a_burst_only_when_it_must(filled, monkeypatch):
    space = [1_000, 1 << 30]
    monkeypatch.setattr(type(filled), "card_space", lambda _: tuple(space))
    reserve = filled.limits().reserve
    before = whole(filled)
    space[0] = reserve + 5_000
    assert filled.make_room(5_000) == 5_000
    assert whole(filled) == before
    filled.make_room(5_001)
    assert whole(filled) | previews(filled) != before | set(range(1, 15))


# Power cuts


def evict_all(state, power: Power) -> None:
    store = power.open(state)
    store.eviction.thin_audit(0)
    store.eviction.free(ALL_THAT_MAY_GO)


def goes_on_evicting(state, _cut: Power) -> None:
    power = Power()
    store = recovered(state, power.open)
    root = store.archive.root
    rows = store.database.rows("SELECT path, state FROM frame")
    assert not [path for path, was in rows if was == FrameState.EVICTED and (root / path).exists()]
    store.eviction.free(ALL_THAT_MAY_GO)
    assert whole(store) == {1}
    assert previews(store) == {1, 2, 4, 5}
    assert not store.database.rows("SELECT 1 FROM frame WHERE state IN ('evicting', 'fading')")
    check_card(store)
    power.end()


@pytest.fixture
def full(card, monkeypatch):
    monkeypatch.setattr(eviction, "RECENT", 0)
    state = card / "full"
    state.mkdir()
    power = Power()
    store = power.open(state)
    for kind in ("leopard", "deer", "blank", "audit", None):
        see(store, kind)
    power.end()
    return state


def test_a_cut_anywhere_in_an_eviction_is_finished_by_the_next(card, full):
    assert every_cut(card, full, evict_all, goes_on_evicting) > 60


def test_the_harness_bites_where_a_removal_is_not_synced(card, full):
    with pytest.raises(AssertionError):
        every_cut(card, full, evict_all, goes_on_evicting, make_disk=NamelessDisk)


def test_sealed_pictures_go_by_their_own_names(card, monkeypatch):
    monkeypatch.setattr(eviction, "RECENT", 0)
    power = SealedPower()
    store = power.open(card)
    for kind in ("leopard", "deer", "blank", None):
        see(store, kind)
    store.eviction.free(ALL_THAT_MAY_GO)
    files = [path.name for path in store.archive.root.rglob("*.age")]
    pixels = {int(name.split(".")[2]) for name in files if ".preview." not in name}
    assert pixels == {1}
    assert {int(name.split(".")[2]) for name in files} == {1, 2, 4}
    assert store.repair() == Repairs()
    power.end()


def test_the_dump_has_a_remark_on_whatever_became_of_a_frame():
    assert set(REMARKS) == set(FrameState)


def test_a_dump_of_an_evicted_card_tells_of_every_sequence(filled, tmp_path):
    filled.eviction.free(ALL_THAT_MAY_GO)
    records = list(walk(filled.database))
    assert [record.sequence.id for record in records] == list(range(1, 15))
    kept = {record.sequence.id for record in records if record.sequence.frames[0].state == "whole"}
    assert kept == {FIRST["leopard"], SECOND["leopard"]}
