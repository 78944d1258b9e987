"""What lives in RAM: heartbeats and the snapshot; never at a picture's cost."""

from pathlib import Path

import pytest

from trapnode.store import ram


def test_beats_are_read_as_they_were_left(run):
    ram.beat(run, "station", 12.5)
    ram.beat(run, "sorter", 13.0, "no classifier")
    assert ram.read_beats(run) == [
        ram.Beat("sorter", 13.0, "no classifier"),
        ram.Beat("station", 12.5, ""),
    ]


@pytest.mark.parametrize("torn", ["", "{", "[]", '{"monotonic_s": "x"}', "null", "\xff"])
def test_a_torn_file_is_no_sign_of_life_and_no_fault(run, torn):
    (run / "station.beat").write_text(torn, "latin-1")
    (run / "status.json").write_text(torn, "latin-1")
    assert ram.read_beats(run) == []
    assert not (ram.read_snapshot(run) or {}).get("unit")


def test_a_snapshot_is_read_as_it_was_written(run):
    assert ram.read_snapshot(run) is None
    ram.write_snapshot(run, {"unit": "AL07"})
    assert ram.read_snapshot(run) == {"unit": "AL07"}


def test_a_process_in_the_middle_of_a_write_does_not_spoil_anothers(run, monkeypatch):
    replace, meanwhile = Path.replace, [2, 3]

    def interrupted(part, target):
        if meanwhile:
            monkeypatch.setattr("os.getpid", meanwhile.pop)
            ram.write_snapshot(run, {"unit": "another"})
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    ram.write_snapshot(run, {"unit": "AL07"})
    assert ram.read_snapshot(run) == {"unit": "AL07"}
    assert [path.name for path in run.iterdir()] == ["status.json"]


def test_a_missing_or_full_folder_stops_nobody(tmp_path, caplog):
    missing = tmp_path / "none"
    ram.beat(missing, "station", 1.0)
    ram.write_snapshot(missing, {})
    assert ram.read_beats(missing) == []
    assert caplog.text.count("not written") == 2
