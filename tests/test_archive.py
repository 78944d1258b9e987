"""A burst on its way to the card: whole frames, in order, with their rows."""

import errno
from pathlib import Path

import pytest

from tests.fakes import BOOT, NOON, boot, jpeg, number_of
from tests.faults import FailingDisk, Power
from trapnode.errors import CardFailed, CardFull, StoreError
from trapnode.model import FrameState, SequenceState, Shot, Trigger
from trapnode.store import names
from trapnode.store.store import Store

UNIT, OFFSET = "AL07", 600


def shot(number: int = 1, preview: bytes | None = None) -> Shot:
    return Shot(jpeg(number), jpeg(number, (16, 12)) if preview is None else preview, NOON)


def begin(store: Store, at=NOON):
    return store.archive.begin(UNIT, OFFSET, "imx708", Trigger(at, 1.0), boot(store))


def files(store: Store) -> list[str]:
    return sorted(path.name for path in store.archive.root.rglob("*") if path.is_file())


def test_nothing_touches_the_card_before_the_first_frame(store):
    burst = begin(store)
    assert burst.sequence == 1
    burst.close()
    assert files(store) == []
    assert list(store.sequences.all()) == []


def test_a_frame_is_there_with_preview_and_row_once_synced(store):
    burst = begin(store)
    burst.add(shot())
    assert all(name.endswith(".part") for name in files(store))
    assert burst.unsynced == 1
    burst.sync()
    stem = "AL07.20261122T043000Z.000001.1"
    assert files(store) == [f"{stem}.jpg", f"{stem}.preview.jpg"]
    (sequence,) = store.sequences.all()
    assert sequence.state is SequenceState.OPEN
    (frame,) = sequence.frames
    pixels, preview = store.archive.pixels(frame), store.archive.preview(frame)
    assert pixels is not None
    assert number_of(pixels) == 1
    assert preview == jpeg(1, (16, 12))
    assert (burst.saved, burst.unsynced) == (1, 0)
    assert burst.saved_bytes == len(pixels) + len(preview)


def test_a_closed_burst_is_the_sorters(store):
    burst = begin(store)
    for number in range(1, 4):
        burst.add(shot(number))
    burst.close()
    sequence = store.sequences.next_unsorted()
    assert sequence is not None
    assert [frame.number for frame in sequence.frames] == [1, 2, 3]


def test_a_camera_without_a_small_stream_costs_no_frame(store):
    burst = begin(store)
    burst.add(shot(1, b""))
    burst.close()
    (sequence,) = store.sequences.all()
    assert store.archive.preview(sequence.frames[0]) is None


def test_two_sequences_of_the_same_second_have_their_own_names(store):
    for _ in range(3):
        burst = begin(store)
        burst.add(shot())
        burst.close()
    assert [each.id for each in store.sequences.all()] == [1, 2, 3]
    assert len(files(store)) == 6


def test_files_without_rows_keep_their_names(store):
    """Power went after the rename and before the row, then a wrong clock gave the same second."""
    orphan = store.archive.root / names.frame_path("AL07.20261122T043000Z.000003", NOON, 1)
    for _ in range(2):
        burst = begin(store)
        burst.add(shot())
        burst.close()
    orphan.write_bytes(jpeg(99))
    burst = begin(store)
    burst.add(shot())
    burst.close()
    assert burst.sequence == 4
    assert orphan.read_bytes() == jpeg(99)


def test_a_card_that_lost_its_rows_counts_on_after_its_files(store):
    folder = store.archive.root / "2026" / "11" / "22"
    folder.mkdir(parents=True)
    for sequence in (7, 41, 999_999_999):
        (folder / f"AL07.20261122T043000Z.{sequence:06d}.1.jpg").write_bytes(jpeg())
    (folder / "IMG_0099.jpg").write_bytes(jpeg())
    assert begin(store).sequence == 42


def test_pixels_go_and_the_preview_stays(store):
    burst = begin(store)
    burst.add(shot())
    burst.close()
    (sequence,) = store.sequences.all()
    (frame,) = sequence.frames
    assert store.archive.discard(frame) > 0
    assert store.archive.discard(frame) == 0
    assert [name.endswith(".preview.jpg") for name in files(store)] == [True]
    assert store.archive.pixels(frame) is None


class FullDisk(FailingDisk):
    """A card that has no room from write number `full` on, and tears that write."""

    full = 1

    def write(self, path: Path, data: bytes) -> None:
        self.full -= 1
        if self.full <= 0:
            super().write(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(path, data)


@pytest.mark.parametrize("full", range(1, 9))
def test_a_card_that_fills_up_in_a_burst_keeps_what_was_there(card, full):
    power = Power(make_disk=FullDisk)
    power.disk.full = full  # type: ignore[attr-defined]
    store = power.open(card)
    burst = begin(store)
    taken = (full - 1) // 2  # A frame and its preview are two writes.
    for number in range(1, taken + 1):
        burst.add(shot(number))
    with pytest.raises(CardFull, match="No space left"):
        burst.add(shot(taken + 1))
    assert [number_of(each.frame) for each in burst.unsaved] == list(range(1, taken + 2))
    burst.close()
    assert [number_of(each.frame) for each in burst.unsaved] == [taken + 1]
    assert len(files(store)) == 2 * taken, "the half frame is gone, in this very run"
    kept = {number_of(p.read_bytes()) for p in store.archive.root.rglob("*[0-9].jpg")}
    assert kept == set(range(1, taken + 1))
    assert all(each.state is SequenceState.UNSORTED for each in store.sequences.all())
    power.end()


class ThinDisk(FailingDisk):
    """A card whose backing is thinner than it says: writes go well, sync number `thin` does not."""

    thin = 1

    def sync(self, path: Path) -> None:
        self.thin -= 1
        if self.thin == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().sync(path)


@pytest.mark.parametrize(("thin", "lost"), [(1, 1), (2, 1), (3, 2), (6, 3)])
def test_a_frame_that_only_the_sync_refuses_costs_no_other(card, thin, lost):
    power = Power(make_disk=ThinDisk)
    power.disk.thin = thin  # type: ignore[attr-defined]
    store = power.open(card)
    burst = begin(store)
    for number in range(1, 4):
        burst.add(shot(number))
    with pytest.raises(CardFull, match="000001: cannot be synced"):
        burst.sync()
    burst.add(shot(4))
    burst.close()
    assert [number_of(each.frame) for each in burst.unsaved] == [lost]
    (sequence,) = store.sequences.all()
    assert [each.number for each in sequence.frames] == [n for n in range(1, 5) if n != lost]
    assert len(files(store)) == 6
    power.end()


class BrokenDisk(FailingDisk):
    """A card that gives errors instead of doing things."""

    def _fail(self, *_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    sync = rename = sync_folder = remove = _fail


def test_a_card_that_fails_says_which_file(card):
    good = Power()
    store = good.open(card)
    burst = begin(store)
    burst.add(shot())
    burst.close()
    bad = Power(make_disk=BrokenDisk)
    store = bad.open(card)
    (sequence,) = store.sequences.all()
    with pytest.raises(StoreError, match=r"000001\.1\.jpg: cannot be discarded"):
        store.archive.discard(sequence.frames[0])
    burst = begin(store)
    burst.add(shot())
    with pytest.raises(CardFailed, match="000002: cannot be synced"):
        burst.sync()
    path = store.archive.root / sequence.frames[0].path
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        store.archive.pixels(sequence.frames[0])
    good.end()
    bad.end()


def test_frames_of_a_burst_are_whole_in_their_rows(store):
    burst = begin(store)
    burst.add(shot())
    burst.close()
    (sequence,) = store.sequences.all()
    assert sequence.frames[0].state is FrameState.WHOLE
    assert sequence.boot == BOOT.id
