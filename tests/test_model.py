"""Swapping the models of a unit, as a technician does it, with the models that ship."""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.sets import MODELS, OCELOT, burst
from tests.test_processes import config as unit_config
from tests.test_processes import end, start, watch, world  # noqa: F401
from trapnode.cli import main
from trapnode.cli.demo import folders_of, own
from trapnode.cli.model import chooser, package
from trapnode.config import read
from trapnode.sim.scene import show
from trapnode.store.disk import RealDisk
from trapnode.store.ram import read_snapshot
from trapnode.store.sets import MODELS as MODELS_FOLDER
from trapnode.store.sets import Proof, Sets

SLOW = "[sorter]\nframe_max_s = 20.0\n"  # A busy machine refuses no set here.


def stick(tmp_path: Path, version: str = "9", folder: str = "stick") -> Path:
    """The shipped models under another version, as they come on a stick."""
    target = tmp_path / folder
    target.mkdir(exist_ok=True)
    for path in (*MODELS.glob("*.json"), *MODELS.glob("*.tflite")):
        shutil.copy(path, target)
    card = target / "amur.json"
    card.write_text(json.dumps(json.loads(card.read_text("utf-8")) | {"version": version}), "utf-8")
    return card


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """A unit's configuration; its store is new."""
    (tmp_path / "state").mkdir()
    path = tmp_path / "config.toml"
    path.write_text(f'[paths]\nstate = "{tmp_path}/state"\nrun = "{tmp_path}"\n{SLOW}', "utf-8")
    return path


def model(unit: Path, *arguments: object) -> int:
    return main(["model", *map(str, arguments), "--config", str(unit)])


def put(unit: Path, card: Path) -> None:
    """Install a set that is known to be good without the minute that its self-test takes here."""
    new, sets = package(card), Sets(Path(read(unit).paths.state) / MODELS_FOLDER, RealDisk())
    sets.put(new)
    sets.admit(new.name, Proof(new.cards, new.sha256, 0.3, 100.0, "test"))


def judges(unit: Path) -> str:
    return chooser(read(unit), RealDisk()).load().name


def configured(unit: Path) -> str:
    return package(MODELS / f"{read(unit).sorter.model}.json").name


def test_a_set_is_installed_listed_tested_and_rolled_back(unit, tmp_path, capsys):
    assert model(unit, "list") == 0
    assert capsys.readouterr().out == f"configured: sorter.model = amur: {configured(unit)}\n"
    assert model(unit, "install", stick(tmp_path)) == 0
    said = capsys.readouterr().out
    assert said.startswith("amur-9 judges from the next sequence on: ")
    assert said.endswith(" MiB; before: configured\n")
    assert 40 < float(said.split(", ")[1].split()[0]) <= read(unit).sorter.memory_max_mib
    assert judges(unit) == "amur-9"
    assert model(unit, "list") == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("amur-9: ")
    assert model(unit, "test") == 0
    assert capsys.readouterr().out.startswith("amur-9 passes: ")
    assert model(unit, "rollback") == 0
    assert (
        capsys.readouterr().out == "configured judges from the next sequence on; before: amur-9\n"
    )
    assert judges(unit) == configured(unit)


def test_every_action_has_help_with_an_example(capsys):
    for action in ("install", "list", "test", "rollback"):
        with pytest.raises(SystemExit, match="0"):
            main(["model", action, "--help"])
        assert f"example: trapnode model {action}" in capsys.readouterr().out


def refused(unit: Path, card: Path, code: int, says: str, capsys) -> None:
    """Nothing of a refused set stays, nothing of it judges, one line says why."""
    assert model(unit, "install", card) == code
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith("trapnode model: ")
    assert says in said[0]
    left = [path for path in unit.parent.glob("state/models/*") if path.name != "order"]
    assert not left
    assert judges(unit) == configured(unit)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("frame_max_s = 0.01", "s a frame, must be at most 0.01 (sorter.frame_max_s)"),
        ('targets = ["snow_leopard"]', "knows no snow_leopard (sorter.targets)"),
    ],
)
def test_a_set_past_a_limit_of_the_unit_is_refused(unit, tmp_path, option, says, capsys):
    text = unit.read_text("utf-8")
    if "frame" in option:
        text = text.replace("frame_max_s = 20.0\n", "")
    unit.write_text(f"{text}{option}\n", "utf-8")
    refused(unit, stick(tmp_path), 1, says, capsys)


def spoil(card: Path, name: str, cut: int | None = None, edit: bytes = b"") -> None:
    path = card.with_name(name)
    content = path.read_bytes()
    path.write_bytes(content[:cut] if cut else content[:5000] + edit + content[5000 + len(edit) :])


def test_a_model_that_rotted_on_the_stick_is_refused(unit, tmp_path, capsys):
    card = stick(tmp_path)
    spoil(card, "yolox-tiny.tflite", edit=b"rot")
    refused(unit, card, 1, "sha256 is ", capsys)
    card = stick(tmp_path)
    spoil(card, "lite0-amur.tflite", cut=100_000)
    refused(unit, card, 1, "size in bytes is 100000", capsys)


def test_a_card_that_is_none_is_refused(unit, tmp_path, capsys):
    card = stick(tmp_path)
    spoil(card, "amur.json", cut=100)
    refused(unit, card, 1, "amur.json: ", capsys)
    refused(unit, tmp_path / "none.json", 1, "none.json", capsys)
    refused(unit, tmp_path, 1, "Is a directory", capsys)
    card = stick(tmp_path)
    card.with_name("yolox-tiny.tflite").unlink()
    refused(unit, card, 1, "yolox-tiny.tflite", capsys)


def test_a_card_is_a_file_whatever_it_is_called(unit, tmp_path, capsys):
    """Without its ending it must not be taken for the name of the shipped set."""
    card = stick(tmp_path)
    card = card.rename(card.with_name("amur"))
    spoil(card, "yolox-tiny.tflite", edit=b"rot")
    refused(unit, card, 1, "sha256 is ", capsys)
    card = stick(tmp_path)
    put(unit, card.rename(card.with_name("amur")))
    assert judges(unit) == "amur-9"


def test_a_set_that_drops_what_lives_is_refused(unit, tmp_path, capsys):
    card = stick(tmp_path)
    told = json.loads(card.read_text("utf-8"))
    told["thresholds"] |= {"blank": 0.0, "target": 1.0}
    card.write_text(json.dumps(told), "utf-8")
    refused(unit, card, 1, "amur-9: would drop 02_ocelot_night, must keep it", capsys)


def test_records_could_not_tell_two_sets_of_one_name(unit, tmp_path, capsys):
    version = configured(unit).removeprefix("amur-")
    card = stick(tmp_path, version)
    card.write_text(card.read_text("utf-8") + "\n", "utf-8")
    refused(unit, card, 2, f"amur-{version} is what sorter.model is called", capsys)


def test_another_users_install_would_be_unreadable_and_is_refused(
    unit, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    refused(unit, stick(tmp_path), 2, "sudo -u trapnode", capsys)
    assert model(unit, "rollback") == 2


def test_wrong_usage_has_its_exit_code(unit, tmp_path, capsys):
    assert model(unit, "rollback") == 2
    assert "no set is installed" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["model"])
    assert main(["model", "list", "--config", "/nowhere.toml"]) == 78
    shutil.rmtree(tmp_path / "state")
    assert model(unit, "install", MODELS / "amur.json") == 2
    assert "no store of a unit" in capsys.readouterr().err


def test_a_refused_set_leaves_the_installed_ones_as_they_are(unit, tmp_path, capsys):
    put(unit, stick(tmp_path))
    bad = stick(tmp_path, "10")
    spoil(bad, "lite0-amur.tflite", edit=b"rot")
    assert model(unit, "install", bad) == 1
    assert judges(unit) == "amur-9"
    assert not (tmp_path / "state/models/amur-10").exists()


def test_the_installed_set_again_from_a_stick_that_rotted_stays_as_it_is(unit, tmp_path, capsys):
    card = stick(tmp_path)
    put(unit, card)
    spoil(card, "lite0-amur.tflite", edit=b"rot")
    assert model(unit, "install", card) == 1
    assert "sha256 is " in capsys.readouterr().err
    assert judges(unit) == "amur-9"


def test_a_refusal_is_told_even_where_the_order_is_broken(unit, tmp_path, capsys):
    put(unit, stick(tmp_path))
    (tmp_path / "state/models/order").write_bytes(b"\xff")
    unit.write_text(unit.read_text("utf-8") + 'targets = ["snow_leopard"]\n', "utf-8")
    assert model(unit, "install", stick(tmp_path, "10")) == 1
    assert "knows no snow_leopard" in capsys.readouterr().err
    assert model(unit, "list") == 1
    assert "models/order: cannot be read" in capsys.readouterr().err


def test_a_set_that_rots_on_the_card_gives_way_and_list_names_it(unit, tmp_path, capsys):
    put(unit, stick(tmp_path))
    model_file = tmp_path / "state/models/amur-9/set/yolox-tiny.tflite"
    model_file.write_bytes(b"rot" + model_file.read_bytes()[3:])
    chosen = chooser(read(unit), RealDisk())
    judge = chosen.load()
    assert judge.name == configured(unit)
    assert "set amur-9: model " in chosen.fault
    assert all(each.scores for each in judge.judge(burst(OCELOT)))
    (tmp_path / "state/models/amur-9/proof.json").unlink()
    assert model(unit, "list") == 0
    assert "amur-9: ! passed over: " in capsys.readouterr().out


def until(keeper, run, **told) -> None:
    for _ in watch(keeper):
        if told.items() <= (read_snapshot(run) or {}).items():
            return


def test_a_running_unit_takes_the_new_set_and_every_record_names_it(world, tmp_path, capsys):  # noqa: F811
    config = unit_config(world, SLOW)
    (tmp_path / "store").mkdir()
    processes = [start(name, world, config) for name in ("station", "sorter", "keeper")]
    until(processes[2], world.folder, set=configured(config))
    put(config, stick(tmp_path))
    for number, expected in enumerate(("amur-9", configured(config)), 1):
        until(processes[2], world.folder, set=expected)
        for _ in watch(processes[0]):
            if show(world.folder, folders_of(own())[1]):
                break
        until(processes[2], world.folder, sequences=number, unsorted=0)
        if number == 1:
            assert model(config, "rollback") == 0
    for process in processes:
        assert end(process)["code"] == 0
    assert main(["dump", str(tmp_path / "dump"), "--config", str(config)]) == 0
    with (tmp_path / "dump/observations.csv").open(newline="", encoding="utf-8") as file:
        found = [row["classifiedBy"] for row in csv.DictReader(file)]
    assert set(found) == {"amur-9", configured(config)}
