"""The dump as a person meets it: cut short, begun again, from a bad card, to a bad place."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.archives import NOON, Sightings, a_day, desk, scores, sightings
from trapnode.dump import DumpSummary, durable, write_dump
from trapnode.dump.xmp import MARK, without
from trapnode.errors import StoreError, UsageError
from trapnode.model import Verdict
from trapnode.store import reading

MADE_AT = datetime(2026, 12, 1, tzinfo=UTC)


class Cut(Exception):
    """The person pulls the stick."""


def dumped(seen: Sightings, dest: Path, progress=None) -> DumpSummary:
    desks = desk(dest.parent)
    return write_dump(seen.store, dest, desks, "AL07", 600, MADE_AT, progress)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def few(tmp_path: Path):
    seen = sightings(tmp_path / "state")
    seen.judge(seen.see(NOON), "leopard", [scores(leopard=0.9)] * 3)
    yield seen
    seen.store.close()


def test_the_sums_are_those_of_every_file(day, tmp_path):
    dumped(day, tmp_path / "out")
    told = dict(
        reversed(line.split("  ", 1))
        for line in (tmp_path / "out" / "SHA256SUMS").read_text("utf-8").splitlines()
    )
    found = {
        name: hashlib.sha256(data).hexdigest() for name, data in files(tmp_path / "out").items()
    }
    del found["SHA256SUMS"], found["trapnode.json"]
    assert told == found
    done = subprocess.run(
        ["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path / "out", check=False
    )
    assert done.returncode == 0


def test_the_pictures_are_the_cards_bytes_and_the_card_is_left_as_it_was(day, tmp_path):
    before = files(tmp_path / "state" / "archive")
    dumped(day, tmp_path / "out")
    assert files(tmp_path / "state" / "archive") == before
    brought = files(tmp_path / "out" / "media") | files(tmp_path / "out" / "previews")
    assert {name: without(data) for name, data in brought.items()} == before
    assert all(MARK in data for data in files(tmp_path / "out" / "media").values())


def test_a_dump_that_is_cut_anywhere_is_finished_by_the_next(day, tmp_path):
    whole = tmp_path / "whole"
    dumped(day, whole)
    sources = files(tmp_path / "state" / "archive")
    for cut in range(1, 52, 10):
        out, left = tmp_path / f"out{cut}", [cut]

        def progress(_count: int, left: list[int] = left) -> None:
            left[0] -= 1
            if not left[0]:
                raise Cut

        with pytest.raises(Cut):
            dumped(day, out, progress)
        assert not (out / "SHA256SUMS").exists()
        for name, data in (files(out / "media") if (out / "media").exists() else {}).items():
            assert name.endswith(".part") or without(data) == sources[name]
        dumped(day, out)
        assert files(out) == files(whole)


@pytest.mark.parametrize("torn", [b"", b'{"form', bytes(40)])
def test_a_dump_that_is_cut_before_it_took_its_folder_is_begun_again(few, tmp_path, torn):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "trapnode.json.part").write_bytes(torn)
    dumped(few, tmp_path / "out")
    assert (tmp_path / "out" / "SHA256SUMS").exists()
    assert not list((tmp_path / "out").rglob("*.part"))


def test_a_second_dump_brings_only_what_is_new(day, tmp_path):
    first = dumped(day, tmp_path / "out")
    day.see(NOON + timedelta(hours=9))
    second = dumped(day, tmp_path / "out")
    assert (first.kept, second.kept) == (0, 51)
    assert second.media == first.media + 3


def test_a_file_that_rotted_in_the_dump_is_brought_again(few, tmp_path):
    dumped(few, tmp_path / "out")
    victim = next((tmp_path / "out" / "media").rglob("*.jpg"))
    sound = victim.read_bytes()
    victim.write_bytes(sound[:-9] + bytes(9))
    dumped(few, tmp_path / "out")
    assert victim.read_bytes() == sound


def test_what_reads_back_otherwise_than_it_was_written_gets_no_name(few, tmp_path, monkeypatch):
    sync = durable.sync_all

    def lying(files: list[str], folder: Path) -> None:
        sync(files, folder)
        victim = next((Path(each) for each in files if each.endswith(".1.jpg.part")), None)
        if victim is not None:
            victim.write_bytes(victim.read_bytes()[:-3] + bytes(3))

    monkeypatch.setattr(durable, "sync_all", lying)
    with pytest.raises(StoreError, match=r"000001\.1\.jpg: reads back otherwise"):
        dumped(few, tmp_path / "out")
    assert not (tmp_path / "out" / "SHA256SUMS").exists()
    assert not list((tmp_path / "out").rglob("*.1.jpg"))
    monkeypatch.undo()
    dumped(few, tmp_path / "out")
    assert (tmp_path / "out" / "SHA256SUMS").exists()


def test_a_dump_does_not_go_into_the_units_own_folder(few, tmp_path):
    with pytest.raises(UsageError, match="own folder"):
        dumped(few, tmp_path / "state" / "dump")


def test_a_dump_does_not_go_among_other_files(few, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years", "utf-8")
    with pytest.raises(UsageError, match="holds other files"):
        dumped(few, tmp_path / "out")
    assert files(tmp_path / "out") == {"thesis.txt": b"years"}


def test_a_dump_does_not_replace_a_file(few, tmp_path):
    (tmp_path / "thesis.txt").write_text("years", "utf-8")
    with pytest.raises(UsageError, match="is a file"):
        dumped(few, tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text("utf-8") == "years"


def test_a_dump_does_not_mix_with_that_of_another_card(few, tmp_path):
    dumped(few, tmp_path / "out")
    before = files(tmp_path / "out")
    other = sightings(tmp_path / "other")
    try:
        with pytest.raises(UsageError, match="another archive"):
            dumped(other, tmp_path / "out")
    finally:
        other.store.close()
    assert files(tmp_path / "out") == before
    (tmp_path / "out" / "trapnode.json").write_text("{", "utf-8")
    with pytest.raises(UsageError, match="cannot be read"):
        dumped(few, tmp_path / "out")


def test_a_destination_that_fails_is_named(few, tmp_path):
    out = tmp_path / "out"
    dumped(few, out)
    for name in ("media.csv", "deployments.csv"):
        (out / name).unlink()
        (out / name).mkdir()
        with pytest.raises(StoreError, match=f"{name}: cannot be written"):
            dumped(few, out)
        (out / name).rmdir()
    dumped(few, out)


def test_a_lost_frame_is_named_and_has_no_row(few, tmp_path):
    for path in (tmp_path / "state" / "archive").rglob("*000001.2*"):
        path.unlink()
    summary = dumped(few, tmp_path / "out")
    assert summary.media == 2
    assert summary.lost == ["2026/11/22/AL07.20261122T020000Z.000001.2.jpg"]
    assert "1 frames are lost" in str(summary)
    assert ".000001.2" not in (tmp_path / "out" / "media.csv").read_text("utf-8")


def test_a_picture_without_a_row_is_named_until_the_unit_took_it_in(few, tmp_path):
    path = "2026/11/22/AL07.20261122T030000Z.000002.1.jpg"
    whole = next((tmp_path / "state" / "archive").rglob("*.000001.1.jpg")).read_bytes()
    (tmp_path / "state" / "archive" / path).write_bytes(whole)
    summary = dumped(few, tmp_path / "out")
    assert summary.without_row == [path]
    assert "1 pictures have no row yet" in str(summary)
    few.store.repair()
    summary = dumped(few, tmp_path / "out")
    assert summary.without_row == []
    assert summary.sequences == 2


def test_a_frame_that_cannot_be_read_leaves_its_preview(few, tmp_path):
    (frame,) = (tmp_path / "state" / "archive").rglob("*000001.2.jpg")
    frame.unlink()
    frame.mkdir()  # Reading it fails, as on a bad sector.
    summary = dumped(few, tmp_path / "out")
    assert summary.previews_only == 1
    assert len(summary.unreadable) == 1
    assert "the full picture cannot be read" in (tmp_path / "out" / "media.csv").read_text("utf-8")


def test_a_row_cannot_lead_out_of_the_archive(few, tmp_path):
    with few.store.database.transaction():
        few.store.database.run("UPDATE frame SET path = '../../secret.jpg' WHERE number = 1")
    with pytest.raises(StoreError, match="outside the archive"):
        dumped(few, tmp_path / "out")


def test_a_pulled_card_is_read_without_a_touch(tmp_path):
    seen = a_day(tmp_path / "state")
    card, scratch = tmp_path / "state", tmp_path / "scratch"
    scratch.mkdir()
    before = files(card)  # With the log that holds all rows: the unit never closed it.
    assert len(before["trapnode.db-wal"]) > 0
    store = reading.open_card(card, scratch)
    summary = write_dump(store, tmp_path / "out", None, "AL07", 600, MADE_AT)
    store.close()
    assert summary.sequences == 9
    assert files(card) == before
    seen.store.close()


def test_a_card_without_a_store_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"trapnode\.db: cannot be read"):
        reading.open_card(tmp_path, tmp_path)


@pytest.mark.parametrize("state", ["nowhere", "file", "."])
def test_no_store_is_made_where_there_is_none(tmp_path, state):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="no store there"):
        reading.open_for_dump(tmp_path / state, tmp_path)
    assert files(tmp_path) == {"file": b""}


@pytest.fixture
def anybody(a_day_made: Path):
    """A folder for all, and this process without root's rights for as long as the test runs."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        card = shutil.copytree(a_day_made, Path(folder, "card"))
        (Path(folder) / "scratch").mkdir(mode=0o777)
        (Path(folder) / "scratch").chmod(0o777)
        for path in (card, *card.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        yield Path(folder)
        os.seteuid(user)
        for path in (card, *card.rglob("*")):
            path.chmod(0o755)


def test_a_store_that_is_somebody_elses_is_dumped_all_the_same(anybody):
    before = files(anybody / "card")
    store = reading.open_for_dump(anybody / "card", anybody / "scratch")
    summary = write_dump(store, anybody / "out", None, "AL07", 600, MADE_AT)
    store.close()
    assert (summary.sequences, summary.unreadable) == (9, [])
    assert files(anybody / "card") == before


@pytest.mark.usefixtures("few")
def test_a_store_of_ours_is_opened_where_it_is(tmp_path):
    store = reading.open_for_dump(tmp_path / "state", tmp_path / "scratch")
    store.close()
    assert not (tmp_path / "scratch").exists()


def test_rows_that_change_while_they_are_copied_are_copied_again(few, tmp_path, monkeypatch):
    copy, left = shutil.copyfile, [2]

    def disturbed(source: Path, target: Path) -> None:
        copy(source, target)
        if left[0]:
            left[0] -= 1
            few.see(NOON + timedelta(hours=left[0] + 1))

    monkeypatch.setattr(shutil, "copyfile", disturbed)
    store = reading.open_card(tmp_path / "state", tmp_path)
    assert len(list(reading.walk(store.database))) == 3
    store.close()
    left[0] = 99
    with pytest.raises(StoreError, match="the unit is writing to it"):
        reading.open_card(tmp_path / "state", tmp_path)


def test_records_come_in_order(day, monkeypatch):
    monkeypatch.setattr(reading, "BATCH", 2)
    database = day.store.database
    assert [record.sequence.id for record in reading.walk(database)] == list(range(1, 10))
    verdicts = [r.observation and r.observation.verdict for r in reading.walk(database)]
    assert verdicts[2:4] == [Verdict.DISCARD] * 2
    assert verdicts[8] is None
