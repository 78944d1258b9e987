"""Purging: nothing goes off a card that its dump does not hold, byte for byte, at any power cut."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.archives import NOON, Sightings, a_day, desk, scores, sightings
from tests.faults import Power, every_cut
from tests.sealed import opener, sealing_in
from tests.test_dump import files
from trapnode.cli import main
from trapnode.dump import write_dump
from trapnode.dump.purging import purge
from trapnode.dump.unsealing import unseal
from trapnode.dump.xmp import without
from trapnode.errors import UsageError
from trapnode.model import ClockTrust
from trapnode.store.store import open_store

MADE_AT = datetime(2026, 12, 1, tzinfo=UTC)


def dumped(seen: Sightings, dest: Path) -> None:
    write_dump(seen.store, dest, desk(dest.parent), "AL07", 600, MADE_AT)


@pytest.fixture
def day(day: Sightings, tmp_path: Path) -> Sightings:
    """The day after its dump."""
    dumped(day, tmp_path / "out")
    return day


@pytest.fixture(autouse=True)
def on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Wherever the tests run, their folders lie on an ext4; give what says so."""
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/root / ext4 rw 0 0\n")
    monkeypatch.setattr("trapnode.dump.purging.MOUNTS", mounts)
    return mounts


def whole(state: Path) -> set[int]:
    """The sequences whose full pictures are on the card."""
    found = (state / "archive").rglob("*.jpg")
    return {int(path.name.split(".")[2]) for path in found if "preview" not in path.name}


def test_what_the_dump_holds_goes_and_targets_and_the_unsorted_stay(day, tmp_path):
    rows = day.store.database.rows("SELECT count(*) FROM observation")
    done = purge(day.store, tmp_path / "out", targets=False)
    assert whole(tmp_path / "state") == {1, 2, 9}
    assert (done.gone, done.missing, done.different) == (15, 0, 0)
    assert day.store.database.rows("SELECT count(*) FROM observation") == rows
    assert len(list((tmp_path / "state").rglob("*.preview.jpg"))) == 27
    assert purge(day.store, tmp_path / "out", targets=False).gone == 0
    purge(day.store, tmp_path / "out", targets=True)
    assert whole(tmp_path / "state") == {9}


@pytest.mark.parametrize("kind", ["tmpfs", "ramfs"])
def test_a_dump_in_ram_proves_nothing(day, tmp_path, on_disk, kind):
    on_disk.write_text(f"/dev/root / ext4 rw 0 0\nnone {tmp_path / 'out'} {kind} rw 0 0\n")
    before = whole(tmp_path / "state")
    with pytest.raises(UsageError, match=rf"lies in RAM \({kind}\)"):
        purge(day.store, tmp_path / "out", targets=True)
    assert whole(tmp_path / "state") == before


def test_start_up_neither_misses_nor_reports_what_was_purged(day, tmp_path):
    purge(day.store, tmp_path / "out", targets=True)
    done = day.store.repair()
    assert (done.lost, done.adopted) == (0, 0)


def test_the_next_dump_to_the_same_place_has_all_pictures_still(day, tmp_path):
    out = tmp_path / "out"
    before = files(out)
    purge(day.store, out, targets=True)
    dumped(day, out)
    assert files(out) == before


def test_a_purged_picture_that_was_unsealed_stays_in_the_next_dump(tmp_path):
    """It is the only one there is: the card has let go of it."""
    (tmp_path / "run").mkdir()
    out, seen = tmp_path / "out", a_day(tmp_path / "state", sealing_in(tmp_path / "run"))
    dumped(seen, out)
    purge(seen.store, out, targets=True)
    unseal(out, opener(tmp_path))
    opened = {path for path in files(out) if path.startswith("media/") and "preview" not in path}
    dumped(seen, out)
    seen.store.close()
    listed = {line.partition("  ")[2] for line in (out / "SHA256SUMS").read_text().splitlines()}
    in_table = (out / "media.csv").read_text("utf-8")
    purged = {path for path in opened if ".000009." not in path}  # Not sorted: it stays.
    assert len(purged) == 21
    assert purged <= listed
    assert all(f"{path}," in in_table for path in purged)


def test_a_picture_that_rotted_in_the_dump_after_a_purge_is_not_called_whole(day, tmp_path):
    out = tmp_path / "out"
    purge(day.store, out, targets=True)
    victim = next((out / "media").rglob("*.000005.1.jpg"))
    victim.write_bytes(victim.read_bytes()[:-2] + b"\x00\x00")
    dumped(day, out)
    row = next(x for x in (out / "media.csv").read_text().splitlines() if ".000005.1" in x)
    assert "000005.1.preview.jpg" in row
    assert "the full picture is in an earlier dump" in row


@pytest.mark.parametrize("side", ["dump", "card", "gone", "sums"])
def test_what_differs_by_a_bit_stays(day, tmp_path, side):
    out, archive = tmp_path / "out", tmp_path / "state" / "archive"
    victim = next((archive if side == "card" else out / "media").rglob("*.000005.1.jpg"))
    if side == "gone":
        victim.unlink()
    elif side == "sums":
        sums = (out / "SHA256SUMS").read_text("utf-8")
        lines = [x for x in sums.splitlines(keepends=True) if ".000005.1.jpg" not in x]
        (out / "SHA256SUMS").write_text("".join(lines), "utf-8")
    else:
        content = bytearray(victim.read_bytes())
        content[-9] ^= 1
        victim.write_bytes(content)
    done = purge(day.store, out, targets=False)
    assert (done.gone, done.different + done.missing) == (14, 1)
    assert whole(tmp_path / "state") == {1, 2, 5, 9}
    assert ("pictures stay: the dump" in str(done)) is True


@pytest.mark.parametrize("wrong", ["unfinished", "other", "none"])
def test_only_a_finished_dump_of_this_archive_counts(day, tmp_path, wrong):
    out = tmp_path / "out"
    if wrong == "unfinished":
        (out / "SHA256SUMS").unlink()
    elif wrong == "none":
        out = tmp_path
    else:
        other = sightings(tmp_path / "other")
        other.trust = ClockTrust.NETWORK  # A boot of its own.
        other.judge(other.see(NOON), "deer", [scores(deer=0.9)] * 3)
        out = tmp_path / "otherout"
        dumped(other, out)
        other.store.close()
    with pytest.raises(UsageError):
        purge(day.store, out, targets=True)
    assert whole(tmp_path / "state") == {1, 2, 4, 5, 6, 7, 8, 9}


def test_power_may_go_at_any_step_of_a_purge(tmp_path):
    seen = sightings(tmp_path / "template")
    for label in ("deer", "boar"):
        seen.judge(seen.see(NOON, 2), label, [scores(deer=0.9)] * 2)
    dumped(seen, tmp_path / "out")
    seen.store.close()
    held = {path.name: without(path.read_bytes()) for path in (tmp_path / "out").rglob("*.jpg")}

    def work(state: Path, power: Power) -> None:
        purge(power.open(state), tmp_path / "out", targets=True, progress=lambda _: None)

    def check(state: Path, power: Power) -> None:
        for path in (state / "archive").rglob("*.jpg"):
            assert path.read_bytes() == held[path.name]
        store = open_store(state)
        assert store.repair().lost == 0
        purge(store, tmp_path / "out", targets=True, progress=lambda _: None)
        assert whole(state) == set()
        assert store.database.rows("SELECT count(*) FROM frame WHERE state = 'purged'") == [(4,)]
        store.close()

    assert every_cut(tmp_path / "cuts", tmp_path / "template", work, check) > 10


def test_the_command_purges_a_pulled_card(day, tmp_path, capsys):
    day.store.close()
    card = tmp_path / "card"
    shutil.move(tmp_path / "state", card)
    assert main(["purge", str(tmp_path / "out"), "--from", str(card)]) == 0
    said = capsys.readouterr().out
    assert "15 pictures" in said
    assert "targets stay without --targets" in said
    assert whole(card) == {1, 2, 9}


def test_what_the_dump_lists_and_does_not_hold_is_a_failure_of_the_command(day, tmp_path, capsys):
    victim = next((tmp_path / "out" / "media").rglob("*.000005.1.jpg"))
    victim.write_bytes(victim.read_bytes()[:-1])
    day.store.close()
    assert main(["purge", str(tmp_path / "out"), "--from", str(tmp_path / "state")]) == 1
    assert "warning: 1 pictures stay" in capsys.readouterr().out


def test_what_the_dump_does_not_list_is_none(day, tmp_path, capsys):
    day.judge(day.see(NOON + timedelta(hours=9)), "deer", [scores(deer=0.9)] * 3)
    day.store.close()
    assert main(["purge", str(tmp_path / "out"), "--from", str(tmp_path / "state")]) == 0
    assert "3 pictures stay" in capsys.readouterr().out


@pytest.fixture
def unsealed(tmp_path: Path) -> Iterator[Sightings]:
    """A sealed day whose dump somebody opened."""
    (tmp_path / "run").mkdir()
    seen = a_day(tmp_path / "state", sealing_in(tmp_path / "run"))
    dumped(seen, tmp_path / "out")
    unseal(tmp_path / "out", opener(tmp_path))
    yield seen
    seen.store.close()


def on_card(state: Path) -> set[int]:
    found = (state / "archive").rglob("*.age")
    return {int(path.name.split(".")[2]) for path in found if "preview" not in path.name}


def test_an_unsealed_dump_purges_the_sealed_card(unsealed, tmp_path):
    done = purge(unsealed.store, tmp_path / "out", targets=False)
    assert (done.gone, done.missing, done.different) == (15, 0, 0)
    assert on_card(tmp_path / "state") == {1, 2, 9}


def test_so_it_does_after_another_dump_to_the_same_place(unsealed, tmp_path):
    purge(unsealed.store, tmp_path / "out", targets=False)
    dumped(unsealed, tmp_path / "out")
    unseal(tmp_path / "out", opener(tmp_path))
    done = purge(unsealed.store, tmp_path / "out", targets=True)
    assert (done.gone, done.missing, done.different) == (6, 0, 0)
    assert on_card(tmp_path / "state") == {9}
    sums = (tmp_path / "out" / "SHA256SUMS.sealed").read_text()
    assert sums.count(".000005.1.jpg.age") == sums.count(".000001.1.jpg.age") == 1


@pytest.mark.parametrize("side", ["card", "opened", "sums"])
def test_what_cannot_be_proved_of_an_unsealed_dump_stays(unsealed, tmp_path, side):
    out = tmp_path / "out"
    victim = {
        "card": next((tmp_path / "state").rglob("*.000005.1.jpg.*.age")),
        "opened": next((out / "media").rglob("*.000005.1.jpg")),
        "sums": out / "SHA256SUMS.sealed",
    }[side]
    content = bytearray(victim.read_bytes())
    content[-9] ^= 1
    victim.write_bytes(content)
    done = purge(unsealed.store, out, targets=False)
    expected = (0, 15, 0) if side == "sums" else (14, 0, 1)
    assert (done.gone, done.missing, done.different) == expected
