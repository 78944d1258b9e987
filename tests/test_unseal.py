"""A sealed dump: copied as it is, and opened on the desk by whoever has a key."""

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from tests.archives import NOON, Sightings, a_day, desk, jpeg, scores, sightings
from tests.faults import PowerCut
from tests.sealed import ESCROW, PARK, RECIPIENTS, STRANGER, key_file, opener, sealing_in
from tests.test_camtrap_dp import BESIDE, MADE_AT, dumped, verdict_of_the_standard
from trapnode.age import Opener, Sealer, WrongKey
from trapnode.cli import main
from trapnode.dump import write_dump
from trapnode.dump.unsealing import unseal
from trapnode.errors import StoreError, UsageError
from trapnode.model import Shot, Trigger, TriggerSource
from trapnode.store.repair import is_whole_jpeg
from trapnode.store.store import open_store


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Path]:
    """A sealed dump of a day, and the dump of the same day as it would lie open."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "run").mkdir()
    for name, sealing in (("sealed", sealing_in(folder / "run")), ("open", None)):
        seen = a_day(folder / f"state-{name}", sealing)
        dumped(seen, folder / name, desk(folder))
        seen.store.close()
    return folder / "sealed", folder / "open"


@pytest.fixture
def dump(made, tmp_path) -> Path:
    return shutil.copytree(made[0], tmp_path / "dump")


def files(dest: Path) -> dict[str, bytes]:
    return {str(p.relative_to(dest)): p.read_bytes() for p in dest.rglob("*") if p.is_file()}


def media(dest: Path) -> list[dict[str, str]]:
    with (dest / "media.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check_sums(dest: Path) -> None:
    """As `sha256sum -c` does, and no file beside what is listed but the owner's mark."""
    listed = {}
    for line in (dest / "SHA256SUMS").read_text().splitlines():
        digest, path = line.split("  ")
        listed[path] = digest
        assert hashlib.sha256((dest / path).read_bytes()).hexdigest() == digest, path
    assert files(dest).keys() == listed.keys() | {"SHA256SUMS", "trapnode.json"}


def rated(dest: Path) -> list[str]:
    """The pictures with five stars."""
    pictures = sorted((dest / "media").rglob("*.jpg"))
    return [path.name for path in pictures if b"xmp:Rating='5'" in path.read_bytes()]


@BESIDE
def test_a_sealed_dump_is_valid_before_and_after(dump, tmp_path):
    assert verdict_of_the_standard(dump).startswith("VALID")
    unseal(dump, opener(tmp_path))
    assert verdict_of_the_standard(dump).startswith("VALID")


def test_a_dump_copies_sealed_files_as_they_are_and_says_so(dump, tmp_path):
    check_sums(dump)
    assert not list(dump.rglob("*.jpg"))
    rows = media(dump)
    assert rows
    for row in rows:
        assert row["filePath"].endswith(".jpg.age")
        assert is_whole_jpeg(opener(tmp_path).open((dump / row["filePath"]).read_bytes()))
    told = (dump / "SEALED.txt").read_text()
    assert all(each in told for each in RECIPIENTS)
    assert "SEALED.txt" in (dump / "index.html").read_text()


def test_unsealed_it_is_the_dump_of_a_unit_that_does_not_seal(dump, made, tmp_path):
    found = unseal(dump, opener(tmp_path, ESCROW))
    assert (found.kept, found.damaged) == (0, [])
    check_sums(dump)
    ours, theirs = files(dump), files(made[1])
    assert ours.keys() == theirs.keys() | {"SHA256SUMS.sealed"}
    for path in theirs.keys() - {"SHA256SUMS", "trapnode.json"}:
        lines = [b"".join(each[path].splitlines()) for each in (ours, theirs)]
        assert ours[path] == theirs[path] or (path == "index.html" and lines[0] == lines[1]), path
    assert all((dump / row["filePath"]).is_file() for row in media(dump))


def noisy(blur: float) -> bytes:
    """A picture full of detail, in focus or not."""
    out = io.BytesIO()
    detail = Image.effect_noise((640, 480), 60).convert("RGB")
    detail.filter(ImageFilter.GaussianBlur(blur)).save(out, "JPEG", quality=80)
    return out.getvalue()


class Blurred(Sightings):
    """Each frame of a sequence is sharper than the one before."""

    def see(self, at: datetime, frames: int = 3, **_: object) -> int:
        trigger = Trigger(at, 1.0, TriggerSource.PIR)
        burst = self.store.archive.begin("AL07", 600, "imx708", trigger, self.boot(self.trust))
        for number in range(1, frames + 1):
            frame = noisy(frames - number)
            burst.add(Shot(frame, jpeg("small"), at + timedelta(minutes=number)))
        burst.close()
        return burst.sequence


@pytest.fixture
def blurred(tmp_path: Path) -> Path:
    """A sealed dump of two leopards whose sharpest frames are not those the classifier likes."""
    (tmp_path / "run").mkdir()
    seen = Blurred(open_store(tmp_path / "state", sealing=sealing_in(tmp_path / "run")))
    for hour in range(2):
        sure = [scores(leopard=p, boxes=1) for p in (0.95, 0.9, 0.85)]
        seen.judge(seen.see(NOON + timedelta(hours=hour)), "leopard", sure)
    dumped(seen, tmp_path / "out", desk(tmp_path))
    seen.store.close()
    return tmp_path / "out"


def individuals(dest: Path) -> list[dict[str, str]]:
    with (dest / "individual_id.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_sharpest_frame_is_found_once_it_can_be_seen(blurred, tmp_path):
    before = [row["Encounter.mediaAsset0"] for row in individuals(blurred)]
    assert [name.split(".")[3] for name in before] == ["1", "1"]
    unseal(blurred, opener(tmp_path))
    check_sums(blurred)
    rows, marked = individuals(blurred), rated(blurred)
    assert [name.split(".")[3] for name in marked] == ["3", "3"]
    assert [row["Encounter.mediaAsset0"] for row in rows] == marked
    assert [row["Encounter.minutes"] for row in rows] == ["3", "3"]
    for name, row in zip(marked, rows, strict=True):
        assert name in row["Encounter.researcherComments"]
        assert "not known" not in row["Encounter.researcherComments"]
    favourites = [row["fileName"] for row in media(blurred) if row["favorite"] == "true"]
    assert favourites == marked


def test_a_torn_frame_is_not_the_sharpest(blurred, tmp_path):
    victim = next(blurred.rglob("*.000001.3.jpg.age"))
    sums = (blurred / "SHA256SUMS").read_text()
    before = hashlib.sha256(victim.read_bytes()).hexdigest()
    victim.write_bytes(victim.read_bytes()[:-20])
    torn = hashlib.sha256(victim.read_bytes()).hexdigest()
    (blurred / "SHA256SUMS").write_text(sums.replace(before, torn))
    found = unseal(blurred, opener(tmp_path))
    assert [Path(each).name for each in found.damaged] == [victim.name]
    (one, other) = rated(blurred)
    assert [one.split(".")[3], other.split(".")[3]] == ["2", "3"]
    assert [row["Encounter.mediaAsset0"] for row in individuals(blurred)] == [one, other]
    again = files(blurred)
    unseal(blurred, opener(tmp_path))
    assert files(blurred) == again


def test_a_picture_that_reads_back_otherwise_gets_no_name(dump, tmp_path, monkeypatch):
    opened, write = opener(tmp_path), Path.write_bytes

    def rotten(path: Path, data: bytes) -> int:
        return write(path, data[:-1] + b"?" if path.name.endswith(".jpg.part") else data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", rotten)
        with pytest.raises(StoreError, match="reads back otherwise"):
            unseal(dump, opened)
    assert not list(dump.rglob("*.jpg"))
    unseal(dump, opened)
    check_whole(dump)


def test_a_wrong_key_is_one_clear_error_and_writes_nothing(dump, tmp_path, capsys):
    before = files(dump)
    key = key_file(tmp_path, STRANGER, "stranger.key")
    assert main(["unseal", str(dump), "--key", str(key)]) == 2
    (said,) = capsys.readouterr().err.strip().splitlines()
    assert ".jpg.age: this key" in said
    assert STRANGER[1] in said
    assert all(each in said for each in RECIPIENTS)
    assert files(dump) == before


def test_unseal_says_what_it_did_and_a_second_time_there_is_nothing_to_do(dump, tmp_path, capsys):
    key = key_file(tmp_path)
    assert main(["unseal", str(dump), "--key", str(key)]) == 0
    opened = len(list(dump.rglob("*.jpg")))
    assert f"{opened} files opened" in capsys.readouterr().out
    before = files(dump)
    assert main(["unseal", str(dump), "--key", str(key)]) == 0
    assert "nothing is sealed there" in capsys.readouterr().out
    assert files(dump) == before


@pytest.mark.parametrize("content", [None, b"", b"no checksums\n"])
def test_what_is_no_whole_dump_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "SHA256SUMS").write_bytes(content)
    with pytest.raises(UsageError, match="no whole dump there"):
        unseal(tmp_path, opener(tmp_path))


def test_a_list_that_points_outside_is_refused(dump, tmp_path):
    with (dump / "SHA256SUMS").open("a") as sums:
        sums.write("0" * 64 + "  ../../etc/x.jpg.age\n")
    with pytest.raises(UsageError, match="points outside"):
        unseal(dump, opener(tmp_path))


def test_a_file_that_was_changed_since_the_dump_is_named(dump, tmp_path):
    path = next(dump.rglob("*.age"))
    path.write_bytes(Sealer(RECIPIENTS)(b"another"))
    with pytest.raises(UsageError, match="is not what SHA256SUMS says"):
        unseal(dump, opener(tmp_path))


@pytest.mark.parametrize("name", ["media.csv", "SEALED.xmp.jsonl"])
def test_a_table_that_was_changed_since_the_dump_is_named(dump, tmp_path, name):
    with (dump / name).open("a") as table:
        table.write("\n")
    with pytest.raises(UsageError, match=f"{name}: is not what SHA256SUMS says"):
        unseal(dump, opener(tmp_path))
    assert list(dump.rglob("*.jpg.age")), "nothing is gone"


def test_what_is_torn_stays_sealed_and_is_named(made, tmp_path, capsys):
    shutil.copytree(made[0].parent / "state-sealed", tmp_path / "state")
    path = sorted((tmp_path / "state").rglob("*.1.jpg.*.age"))[0]
    path.write_bytes(path.read_bytes()[:-20])
    (tmp_path / "run").mkdir()
    store = open_store(tmp_path / "state", sealing=sealing_in(tmp_path / "run"))
    summary = write_dump(store, tmp_path / "out", desk(tmp_path), "AL07", 600, MADE_AT)
    store.close()
    assert len(summary.forged) == 1
    assert "torn, or not sealed by this unit" in str(summary)
    assert main(["unseal", str(tmp_path / "out"), "--key", str(key_file(tmp_path))]) == 1
    assert "1 are torn or forged, and stay sealed" in capsys.readouterr().out
    check_sums(tmp_path / "out")
    sealed = [r["filePath"] for r in media(tmp_path / "out") if r["filePath"].endswith(".age")]
    assert len(sealed) == 1
    assert all((tmp_path / "out" / row["filePath"]).is_file() for row in media(tmp_path / "out"))
    assert "SEALED.txt" in (tmp_path / "out" / "index.html").read_text()


def test_a_file_that_this_unit_did_not_seal_is_noticed_by_the_dump(tmp_path):
    (tmp_path / "run").mkdir()
    seen = a_day(tmp_path / "state", sealing_in(tmp_path / "run"))
    path = sorted(seen.store.archive.root.rglob("*.1.jpg.*.age"))[0]
    path.write_bytes(Sealer(RECIPIENTS)(b"\xff\xd8\xff a leopard, honestly \xff\xd9"))
    summary = dumped(seen, tmp_path / "out", desk(tmp_path))
    seen.store.close()
    assert [name for name in summary.forged if name.rpartition("/")[2] in path.name]


def test_another_dump_to_the_same_place_is_unsealed_to_the_same_files(tmp_path):
    (tmp_path / "run").mkdir()
    seen = a_day(tmp_path / "state", sealing_in(tmp_path / "run"))
    dest = tmp_path / "out"
    dumped(seen, dest, desk(tmp_path))
    unseal(dest, opener(tmp_path))
    before = files(dest)
    dumped(seen, dest, desk(tmp_path))
    seen.store.close()
    found = unseal(dest, opener(tmp_path))
    assert found.opened == 0
    check_sums(dest)
    assert files(dest) == before


class Cut:
    """Ends the process before its operation number `at`, tearing what it was writing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.left = at
        write, rename, unlink = Path.write_bytes, os.rename, Path.unlink

        def writing(path: Path, data: bytes) -> int:
            if self.gone():
                write(path, data[: len(data) // 2])
                raise PowerCut
            return write(path, data)

        def renaming(path: Path, target: Path) -> None:
            if self.gone():
                raise PowerCut
            rename(path, target)

        def unlinking(path: Path, missing_ok: bool = False) -> None:
            if path.exists() and self.gone():
                raise PowerCut
            unlink(path, missing_ok)

        monkeypatch.setattr(Path, "write_bytes", writing)
        monkeypatch.setattr(os, "rename", renaming)
        monkeypatch.setattr(Path, "unlink", unlinking)

    def gone(self) -> bool:
        self.left -= 1
        return self.left == 0


def test_a_cut_anywhere_is_finished_by_the_next_run_and_loses_nothing(card, monkeypatch):
    (card / "run").mkdir()
    seen = sightings(card / "state", sealing_in(card / "run"))
    seen.judge(seen.see(NOON), "leopard", [scores(leopard=0.9)] * 3)
    seen.judge(seen.see(NOON + timedelta(hours=1)), "blank", [scores(blank=0.97)] * 3)
    dumped(seen, card / "made", desk(card))
    seen.store.close()
    key, cuts = opener(card), 0
    unseal(shutil.copytree(card / "made", card / "uncut"), key)
    for at in range(1, 1000):
        dest = shutil.copytree(card / "made", card / "cut")
        with monkeypatch.context() as patch:
            cut = Cut(patch, at)
            try:
                unseal(dest, key)
            except PowerCut:
                cuts += 1
        for path in dest.rglob("*.jpg"):
            assert is_whole_jpeg(path.read_bytes()), "whole once it has its name"
        unseal(dest, key)
        check_whole(dest)
        assert files(dest) == files(card / "uncut")
        shutil.rmtree(dest)
        if cut.left > 0:
            break
    assert cuts > 30


def check_whole(dest: Path) -> None:
    check_sums(dest)
    assert not list(dest.rglob("*.age"))
    images = json.loads((dest / "megadetector.json").read_text())["images"]
    assert all((dest / each["file"]).is_file() for each in images)


def test_a_full_disk_is_an_error_that_names_the_place(dump, tmp_path, monkeypatch):
    opened = opener(tmp_path)

    def full(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(StoreError, match="No space left"):
            unseal(dump, opened)
    unseal(dump, opener(tmp_path))
    check_whole(dump)


def test_progress_counts_every_byte_that_is_sealed(dump, tmp_path):
    total = sum(path.stat().st_size for path in dump.rglob("*.age"))
    steps: list[int] = []
    unseal(dump, opener(tmp_path), steps.append)
    assert sum(steps) == total


@pytest.mark.skipif(shutil.which("age") is None, reason="no age tool here")
def test_the_age_tool_opens_each_file(dump, tmp_path):
    path = next(dump.rglob("*.age"))
    key = key_file(tmp_path, PARK)
    done = subprocess.run(
        ["age", "--decrypt", "--identity", str(key), str(path)], capture_output=True, check=True
    )
    assert done.stdout == opener(tmp_path).open(path.read_bytes())


@pytest.mark.skipif(shutil.which("age-keygen") is None, reason="no age tool here")
def test_a_key_of_age_keygen_opens_what_is_sealed_to_it(tmp_path):
    key = tmp_path / "other.key"
    subprocess.run(["age-keygen", "-o", str(key)], capture_output=True, check=True)
    theirs = Opener(key)
    assert theirs.open(Sealer(theirs.recipients)(b"a picture")) == b"a picture"
    with pytest.raises(WrongKey):
        theirs.open(Sealer(RECIPIENTS)(b"a picture"))
