"""The demo: the whole unit end to end, its messages and its dump checked from outside."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes import KEY, an_observation
from trapnode.cli import main
from trapnode.cli.demo import folders_of, own
from trapnode.cli.narrator import boxed, in_words, named
from trapnode.cli.reckoning import blanks_in_order, reckon
from trapnode.cli.uplink import card_key, sealer
from trapnode.config import read
from trapnode.errors import UsageError
from trapnode.message import (
    Faults,
    Status,
    pack_observation,
    pack_status,
)
from trapnode.model import ClockTrust, Detection, FrameState, MessageKind, Scores, WakeReason
from trapnode.store.store import open_store

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
VALIDATOR = SHARED / "camtrap-dp" / "validate_offline.py"


def run_demo(out: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "trapnode", "demo", "--out", str(out), *arguments],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(out: Path, told: str, bursts: list[list[Path]]) -> None:
    assert "agree, id by id" in told
    assert "observations: agree with the store, id by id; sent " in told
    assert "WRONG" not in told
    store = open_store(out / "store")
    sequences = list(store.sequences.all())
    assert [len(sequence.frames) for sequence in sequences] == [len(burst) for burst in bursts]
    key = card_key(read(out / "config.toml"))
    assert reckon(store, out / "world" / "gateway.jsonl", key).wrong == ()
    assert blanks_in_order(store) == []
    states = {frame.state for sequence in sequences for frame in sequence.frames}
    assert states <= {FrameState.WHOLE, FrameState.DISCARDED}
    store.close()
    package = json.loads((out / "dump" / "datapackage.json").read_text("utf-8"))
    assert "incomplete" not in package
    if VALIDATOR.exists():
        valid = subprocess.run(
            [sys.executable, str(VALIDATOR), str(out / "dump" / "datapackage.json")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert valid.stdout.strip() == "VALID", valid.stdout + valid.stderr


def test_the_whole_unit_on_its_own_pictures(tmp_path: Path) -> None:
    told = run_demo(tmp_path / "demo", "--rate", "120")
    check(tmp_path / "demo", told, folders_of(own()))


def test_the_whole_unit_over_lorawan(tmp_path: Path) -> None:
    some = tmp_path / "some"
    shutil.copytree(own() / "09_raccoon_night", some / "09_raccoon_night")
    told = run_demo(
        tmp_path / "demo", "--rate", "120", "--modem", "lorawan", "--sequences", str(some)
    )
    check(tmp_path / "demo", told, folders_of(some))
    lines = (tmp_path / "demo" / "world" / "gateway.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(line)["dev_eui"] for line in lines} == {"AC1F09FFFE000001"}


def test_a_researcher_walks_on_from_a_sealed_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the commands that the demo prints, one after the other."""
    for burst in ("01_stream_day", "09_raccoon_night"):
        shutil.copytree(own() / burst, tmp_path / "some" / burst)
    out = tmp_path / "demo"
    told = run_demo(out, "--rate", "240", "--sealed", "--sequences", str(tmp_path / "some"))
    assert not list((out / "store").rglob("*.jpg"))
    assert not list((out / "dump").rglob("*.jpg"))
    assert "sealed" in told
    monkeypatch.chdir(tmp_path)
    steps = [line.split() for line in told.splitlines() if line.startswith("  trapnode ")]
    assert [step[1] for step in steps] == ["dump", "unseal", "audit", "individuals", "purge"]
    for step in steps:
        if step[1] == "audit":
            first = next((out / "laptop" / "media").rglob("*.000001.1.jpg")).name
            Path(step[-1]).write_text(f"path,label\n{first},blank\n", "utf-8")
        assert main(step[1:]) == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert "1 of 1 blanks were drawn for audit" in said
    assert "1 encounters" in said
    assert "stay: the dump" not in said
    assert not list((out / "store").rglob("*.000001.1.jpg.*")), "purged, by an unsealed dump"


def test_the_reckoning_bites(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    gateway = tmp_path / "gateway.jsonl"
    gateway.write_text('{"at": "2026-11-22T00:00:00Z", "hex": "1100010000"}\n', "ascii")
    wrong = reckon(store, gateway, KEY).wrong
    assert "the store never made 1100010000" in wrong
    assert "no status report arrived" in wrong
    store.close()


def test_a_status_report_with_faults_is_wrong(tmp_path: Path) -> None:
    store, gateway = open_store(tmp_path / "store"), tmp_path / "gateway.jsonl"
    now = datetime(2026, 11, 22, tzinfo=UTC)
    faults = Faults.SORTER | Faults.CARD
    status = Status(
        *(now, 10_800, -20, 64, 1, 0, 0, 0, 0, 0, 0),
        *(WakeReason.POWER_ON, ClockTrust.RTC, faults),
    )
    with store.database.transaction():
        store.outbox.tell(MessageKind.STATUS, pack_status(status), 9, now)
    reports = store.outbox.waiting()
    payload = store.outbox.freeze(reports, now, sealer(KEY)).payload
    gateway.write_text(f'{{"at": "{now.isoformat()}", "hex": "{payload.hex()}"}}\n', "ascii")
    assert reckon(store, gateway, KEY).wrong == ("the status report tells faults: SORTER, CARD",)
    store.close()


@pytest.mark.parametrize(("count", "told"), [(None, ""), (1, ""), (2, ", 2 of them")])
def test_the_narrator_tells_counts(count: int | None, told: str) -> None:
    leopard = an_observation(7, "leopard", count=count)
    payload = sealer(KEY)(MessageKind.OBSERVATIONS, 1, pack_observation(leopard))
    assert named(leopard) == f"leopard 95%{told}"
    assert in_words(payload, KEY) == f"#7 leopard 95%{told}"


def test_the_narrator_tells_in_how_many_frames_something_was_found() -> None:
    there = Scores({"leopard": 1.0}, (Detection(0.1, 0.1, 0.5, 0.5, 0.9),))
    assert boxed([there, None, Scores({"blank": 1.0}, ())]) == ", boxes in 1 of 3 frames"
    assert boxed([None]) == ""


def test_a_folder_that_is_not_a_demos_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "trapnode", "demo", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "not a demo's" in done.stderr
    assert (tmp_path / "thesis.txt").exists()


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=str(tmp_path)):
        folders_of(tmp_path)
