"""What a power cut left half done is finished, and nothing is ever deleted."""

import os
from pathlib import Path

import pytest

from tests.fakes import BLANK, LEOPARD, KnowingClassifier, jpeg, sort_all, sorter_of, take
from tests.faults import FailingDisk, Power
from trapnode.errors import StoreError
from trapnode.model import FrameState, SequenceState, TriggerSource
from trapnode.store.repair import Repairs, is_whole_jpeg
from trapnode.store.store import Store

DAY = "2026/11/22"
STEM = "AL07.20261122T043000Z"


def put(store: Store, name: str, data: bytes | None = None) -> Path:
    path = store.archive.root / DAY / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg() if data is None else data)
    return path


LARGE = jpeg(1, (160, 120))


def quarantined(state: Path) -> list[str]:
    folder = state / "quarantine"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_an_orderly_end_needs_no_repair(store, run, clock):
    take(store, run, clock)
    assert store.repair() == Repairs()


def test_a_complete_part_gets_its_name_and_a_row(store):
    put(store, f"{STEM}.000005.1.jpg.part")
    assert store.repair() == Repairs(renamed=1, adopted=1, closed=1)
    sequence = store.sequences.next_unsorted()
    assert sequence is not None
    assert (sequence.id, sequence.boot) == (5, 0)
    assert sequence.trigger.source is TriggerSource.ADOPTED
    assert sequence.frames[0].path == f"{DAY}/{STEM}.000005.1.jpg"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        jpeg()[:-2],
        bytes(5000),
        jpeg()[:99] + bytes(4096) + jpeg()[99:],
        jpeg() + bytes(9),
        LARGE[:512] + bytes(512) + LARGE[1024:],
    ],
    ids=["empty", "cut", "zeros", "hole", "tail", "sector"],
)
def test_a_torn_part_goes_to_quarantine(store, state, data):
    put(store, f"{STEM}.000005.1.jpg.part", data)
    assert store.repair() == Repairs(quarantined=1)
    assert (state / "quarantine" / f"{STEM}.000005.1.jpg.part").read_bytes() == data


def test_quarantine_never_replaces_what_it_holds(store, state):
    for number in range(3):
        put(store, f"{STEM}.000005.1.jpg.part", b"torn %d" % number)
        store.repair()
    name = f"{STEM}.000005.1.jpg.part"
    assert quarantined(state) == [name, f"{name}.1", f"{name}.2"]


def test_a_part_beside_its_whole_file_replaces_nothing(store, state):
    whole = put(store, f"{STEM}.000005.1.jpg", jpeg(1))
    put(store, f"{STEM}.000005.1.jpg.part", jpeg(2))
    store.repair()
    assert whole.read_bytes() == jpeg(1)
    assert quarantined(state) == [f"{STEM}.000005.1.jpg.part"]


def test_a_part_of_a_strangers_file_is_set_aside(store, state):
    put(store, "notes.txt.part")
    put(store, "folder.part").unlink()
    (store.archive.root / DAY / "folder.part").mkdir()
    assert store.repair().quarantined == 2
    assert quarantined(state) == ["folder.part", "notes.txt.part"]


def test_a_part_that_cannot_be_read_stops_nothing(store, state):
    """A folder of that name gives the same error class as a worn sector does."""
    put(store, f"{STEM}.000005.1.jpg.part").unlink()
    (store.archive.root / DAY / f"{STEM}.000005.1.jpg.part").mkdir()
    assert store.repair() == Repairs(quarantined=1)


def test_strangers_pictures_are_left_alone(store):
    stranger = put(store, "IMG_0001.jpg")
    assert store.repair() == Repairs()
    assert stranger.exists()


def test_frames_of_a_lost_row_join_the_sequence_they_were_of(store, run, clock):
    take(store, run, clock)
    (before,) = store.sequences.all()
    with store.database.transaction():
        store.database.run("DELETE FROM frame WHERE number > 1")
        store.database.run("UPDATE sequence SET state = 'open'")
    assert store.repair() == Repairs(adopted=2, closed=1)
    (after,) = store.sequences.all()
    assert [f.path for f in after.frames] == [f.path for f in before.frames]
    assert after.trigger == before.trigger


def test_two_stems_with_one_number_become_two_sequences(store):
    put(store, f"{STEM}.000005.1.jpg")
    put(store, "AL07.20261122T050000Z.000005.1.jpg")
    assert store.repair().adopted == 2
    assert [each.id for each in store.sequences.all()] == [5, 6]


def test_one_stem_in_two_folders_becomes_one_sequence_of_two_frames(store):
    put(store, f"{STEM}.000005.1.jpg")
    elsewhere = store.archive.root / "found" / f"{STEM}.000005.1.jpg"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(jpeg())
    store.repair()
    (sequence,) = store.sequences.all()
    assert [frame.number for frame in sequence.frames] == [1, 2]


def test_a_strangers_number_does_not_use_up_ours(store, run, clock):
    put(store, "AL99.20261122T043000Z.999999999.1.jpg")
    store.repair()
    take(store, run, clock)
    assert [each.id for each in store.sequences.all()] == [1, 2]


def test_a_preview_alone_is_adopted_as_evidence_of_a_lost_frame(store):
    put(store, f"{STEM}.000005.1.preview.jpg")
    store.repair()
    (sequence,) = store.sequences.all()
    assert [frame.state for frame in sequence.frames] == [FrameState.LOST]


def test_a_row_without_a_file_is_lost_until_the_file_is_back(store, run, clock):
    take(store, run, clock)
    (sequence,) = store.sequences.all()
    path = store.archive.root / sequence.frames[1].path
    data = path.read_bytes()
    path.unlink()
    assert store.repair().lost == 1
    assert store.repair() == Repairs()
    path.write_bytes(data)
    store.repair()
    (sequence,) = store.sequences.all()
    assert [frame.state for frame in sequence.frames] == [FrameState.WHOLE] * 3


def test_frames_a_verdict_discarded_are_not_lost(store, run, clock):
    take(store, run, clock, bursts=2)
    script = KnowingClassifier((BLANK, LEOPARD))
    sort_all(sorter_of(store, run, lambda: script), clock)
    assert store.repair() == Repairs()


def test_a_burst_that_power_ended_goes_to_the_sorter(store, run, clock):
    take(store, run, clock)
    with store.database.transaction():
        store.database.run("UPDATE sequence SET state = 'open'")
    assert store.repair() == Repairs(closed=1)
    assert store.sequences.next_unsorted() is not None


def test_a_repair_of_ten_thousand_good_files_changes_nothing_on_the_card(card):
    """Counted in steps, not seconds: a look at names and rows, and no write."""
    power = Power()
    store = power.open(card)
    folder = store.archive.root / DAY
    folder.mkdir(parents=True)
    with store.database.transaction():
        for number in range(1, 3334):
            stem = f"{STEM}.{number:06d}"
            store.database.run(
                "INSERT INTO sequence VALUES (?, ?, NULL, ?, 0, 'pir', 'activityDetection',"
                " 'sorted', 0)", number, stem, "2026-11-22T04:30:00.000000Z",
            )  # fmt: skip
            for frame in range(1, 4):
                (folder / f"{stem}.{frame}.jpg").touch()
                store.database.run(
                    "INSERT INTO frame VALUES (?, ?, ?, ?, 1, 0, 'whole', NULL, NULL, '', '')",
                    number, frame, f"{DAY}/{stem}.{frame}.jpg", "2026-11-22T04:30:00.000000Z",
                )  # fmt: skip
    before = power.steps
    assert store.repair() == Repairs()
    assert power.steps - before <= 3, "one transaction, which closes open bursts"
    power.end()


class DeadDisk(FailingDisk):
    def rename(self, path: Path, target: Path) -> None:
        raise OSError(30, "Read-only file system")


def test_a_card_that_cannot_be_repaired_says_so(card):
    power = Power(make_disk=DeadDisk)
    store = power.open(card)
    put(store, f"{STEM}.000005.1.jpg.part")
    with pytest.raises(StoreError, match="archive: cannot be repaired: .*Read-only"):  # noqa: RUF043
        store.repair()
    power.end()


def test_a_whole_jpeg_begins_and_ends_as_one():
    assert is_whole_jpeg(jpeg())
    assert not is_whole_jpeg(b"\xff\xd8\xff")


def test_an_adopted_sequence_is_sorted_like_any_other(store, run, clock):
    for number in (1, 2, 3):
        put(store, f"{STEM}.000001.{number}.jpg", jpeg(number))
        put(store, f"{STEM}.000001.{number}.preview.jpg", jpeg(number))
    store.repair()
    sort_all(sorter_of(store, run, lambda: KnowingClassifier((LEOPARD,))), clock)
    (observation,) = store.sequences.observations()
    assert (observation.label, observation.clock_trusted) == ("leopard", False)
    (sequence,) = store.sequences.all()
    assert sequence.state is SequenceState.SORTED


def test_a_folder_that_fails_holds_up_no_other_and_no_sequence(store, run, clock, monkeypatch):
    take(store, run, clock)
    store.database.run("UPDATE sequence SET state = 'open'")
    for day in ("01", "03"):
        folder = store.archive.root / "2025/01" / day
        folder.mkdir(parents=True)
        (folder / f"AL07.202501{day}T000000Z.0000{day}.1.jpg").write_bytes(jpeg(int(day)))
    scan = os.scandir

    def bad_sector(path):
        if str(path).endswith("2025/01/01"):
            raise OSError(5, "Input/output error", str(path))
        return scan(path)

    monkeypatch.setattr("trapnode.store.repair.os.scandir", bad_sector)
    with pytest.raises(StoreError, match="cannot be repaired"):
        store.repair()
    states = {each.state for each in store.sequences.all()}
    assert states == {SequenceState.UNSORTED}
    assert len(list(store.sequences.all())) == 2
