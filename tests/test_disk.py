"""The durable write: after a power cut a file is the old one or the new one, whole."""

import itertools
import os
from pathlib import Path

import pytest

from tests.fakes import BOOT, NOON, jpeg
from tests.faults import ForgetfulDisk, NamelessDisk, Power, PowerCut
from trapnode.model import Shot, Trigger
from trapnode.store.disk import PART, RealDisk, make_folders, write_whole
from trapnode.store.store import open_store


def cuts(card, make_disk=None):
    """Replace a file with the power cut before each step; give what was left each time."""
    found = []
    for cut in itertools.count(1):
        folder = card / str(cut)
        folder.mkdir()
        (folder / "file").write_bytes(b"old")
        power = Power(cut, make_disk=make_disk) if make_disk else Power(cut)
        try:
            write_whole(power.disk, folder / "file", b"new")
        except PowerCut:
            power.end()
            found.append((folder / "file").read_bytes())
            write_whole(RealDisk(), folder / "file", b"next")  # The next boot can try again.
            assert (folder / "file").read_bytes() == b"next"
        else:
            assert (folder / "file").read_bytes() == b"new"
            return found


def test_a_power_cut_leaves_the_old_file_or_the_new_one(card):
    assert cuts(card) == [b"old"] * 4  # Four steps; names that nobody synced are undone.


def test_a_disk_that_only_says_it_syncs_is_found_out(card):
    power = Power(5, seed=1, make_disk=ForgetfulDisk)
    write_whole(power.disk, card / "file", b"new")
    with pytest.raises(PowerCut):
        power.disk.sync_folder(card)
    power.end()
    assert (card / "file").read_bytes() != b"new"


def test_a_name_that_nobody_synced_is_gone(card):
    power = Power(5, seed=0, make_disk=NamelessDisk)
    write_whole(power.disk, card / "file", b"new")
    with pytest.raises(PowerCut):
        power.disk.remove(card / "file")
    power.end()
    assert not (card / "file").exists()


def test_a_real_disk_does_what_it_says(tmp_path):
    disk = RealDisk()
    make_folders(disk, tmp_path / "a" / "b" / "c")
    make_folders(disk, tmp_path / "a" / "b" / "c")
    file = tmp_path / "a" / "b" / "c" / "file"
    write_whole(disk, file, b"x" * 100_000)
    assert file.read_bytes() == b"x" * 100_000
    assert [path.name for path in file.parent.iterdir()] == ["file"]
    disk.remove(file)
    disk.remove(file)
    assert not file.exists()


@pytest.fixture
def synced(monkeypatch):
    """Each fsync in order: what was synced, and the files of its folder at that moment."""
    done, fsync = [], os.fsync

    def recorder(descriptor):
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        folder = path if path.is_dir() else path.parent
        done.append((path, {each.name for each in folder.iterdir() if each.is_file()}))
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", recorder)
    return done


def test_a_durable_write_syncs_the_file_before_its_name_and_the_folder_after(tmp_path, synced):
    folder = tmp_path.resolve()
    (folder / "file").write_bytes(b"old")
    write_whole(RealDisk(), folder / "file", b"new")
    assert synced == [(folder / "file.part", {"file", "file.part"}), (folder, {"file"})]


def test_new_folders_are_synced_from_the_top_down(tmp_path, synced):
    top = tmp_path.resolve()
    make_folders(RealDisk(), top / "2026" / "11")
    assert synced == [(top, set()), (top / "2026", set())]


def test_a_burst_syncs_every_file_before_any_name_and_the_folder_after(tmp_path, synced):
    store = open_store(tmp_path.resolve() / "state")
    with store.database.transaction():
        store.database.run("INSERT INTO boot VALUES (1, 'one', ?, 'pir', 'rtc')", NOON.isoformat())
    burst = store.archive.begin("AL07", 600, "imx219", Trigger(NOON, 0.0), BOOT)
    for number in (1, 2):
        burst.add(Shot(jpeg(number), jpeg(number, (16, 12)), NOON))
    synced.clear()  # The folders that are new on the card.
    burst.sync()
    (sequence,) = store.sequences.all()
    finals = [name for each in sequence.frames for name in (each.path, each.preview_path)]
    paths = [store.archive.root / name for name in finals]
    parts = [path.with_name(path.name + PART) for path in paths]
    names = ({path.name for path in parts}, {path.name for path in paths})
    assert synced == [*((part, names[0]) for part in parts), (paths[0].parent, names[1])]
    burst.close()
    store.close()


def test_folders_are_made_durably_from_the_top_down(card):
    for cut in itertools.count(1):
        root = card / str(cut)
        root.mkdir()
        power = Power(cut, seed=0)
        try:
            make_folders(power.disk, root / "2026" / "11")
        except PowerCut:
            power.end()
            assert {p.name for p in root.iterdir()} <= {"2026"}
        else:
            break
    assert cut == 5
