"""Open copies stay in RAM, bounded, and cost nobody a picture."""

import pytest

from trapnode.store.copies import Copies, leaves_ram

STEM = "AL07.20261122T043000Z.000001"
OTHER = "AL07.20261122T043000Z.000010"


def test_a_copy_is_there_until_its_sequence_is_dropped(run):
    copies = Copies(run)
    copies.put(f"{STEM}.1.preview.jpg", b"one")
    copies.put(f"{OTHER}.1.preview.jpg", b"other")
    assert copies.get(f"{STEM}.1.preview.jpg") == b"one"
    assert copies.stems() == {STEM, OTHER}
    copies.drop(STEM)
    assert copies.get(f"{STEM}.1.preview.jpg") is None
    assert copies.stems() == {OTHER}


@pytest.mark.parametrize("bounds", [{"most_bytes": 25}, {"most_files": 2}])
def test_what_does_not_fit_is_not_kept(run, bounds, caplog):
    copies = Copies(run, **bounds)
    for number in range(1, 4):
        copies.put(f"{STEM}.{number}.preview.jpg", bytes(10))
    kept = [copies.get(f"{STEM}.{number}.preview.jpg") is not None for number in range(1, 4)]
    assert kept == [True, True, False]
    assert "no room for a copy" in caplog.text


def test_a_folder_that_is_gone_costs_copies_only(tmp_path):
    copies = Copies(tmp_path / "none")
    copies.put(f"{STEM}.1.jpg", b"one")
    assert copies.get(f"{STEM}.1.jpg") is None
    copies.drop(STEM)
    assert copies.stems() == set()


def test_only_their_owner_may_read_copies(run):
    copies = Copies(run)
    copies.put(f"{STEM}.1.jpg", b"one")
    assert copies.folder.stat().st_mode & 0o77 == 0
    assert (copies.folder / f"{STEM}.1.jpg").stat().st_mode & 0o77 == 0


@pytest.mark.parametrize(
    ("mounts", "swaps", "says"),
    [
        ("tmpfs {run} tmpfs rw 0 0\n", "", ""),
        ("tmpfs {run} tmpfs rw 0 0\n", "/dev/zram0 partition 1 0 0\n", ""),
        ("tmpfs {run} tmpfs rw 0 0\n", "/var/swap file 1 0 0\n", "/var/swap is used for swapping"),
        ("/dev/root / ext4 rw 0 0\n", "", "lies on ext4, not in RAM"),
        ("tmpfs / tmpfs rw 0 0\n/dev/sda {run} ext4 rw 0 0\n", "", "lies on ext4"),
        ("tmpfs\n", "", "cannot be told"),
        ("", "", "an unknown file system"),
    ],
)
def test_a_folder_is_in_ram_or_it_is_said_why_not(run, tmp_path, mounts, swaps, says):
    (tmp_path / "mounts").write_text(mounts.format(run=run))
    (tmp_path / "swaps").write_text("Filename Type Size Used Priority\n" + swaps)
    told = leaves_ram(run, tmp_path / "mounts", tmp_path / "swaps", tmp_path)
    assert (says in told) if says else not told


@pytest.mark.parametrize(
    ("backing", "says"), [("none\n", ""), ("/dev/loop0\n", "/dev/zram0 is used for swapping")]
)
def test_a_zram_that_writes_back_is_no_ram(run, tmp_path, backing, says):
    (tmp_path / "zram0").mkdir()
    (tmp_path / "zram0" / "backing_dev").write_text(backing)
    (tmp_path / "mounts").write_text(f"tmpfs {run} tmpfs rw 0 0\n")
    (tmp_path / "swaps").write_text("Filename Type\n/dev/zram0 partition 1 0 0\n")
    assert leaves_ram(run, tmp_path / "mounts", tmp_path / "swaps", tmp_path) == says


def test_a_machine_that_does_not_tell_is_not_trusted(run, tmp_path):
    assert "cannot be told" in leaves_ram(run, tmp_path / "none", tmp_path / "none")
