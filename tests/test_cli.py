"""The command line: help, examples, exit codes, one clear error line."""

import argparse
import json
import sys
from pathlib import Path

import pytest

from trapnode.cli import main
from trapnode.cli.commands import parser
from trapnode.meter import meter
from trapnode.store.ram import write_snapshot

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def commands() -> dict[str, argparse.ArgumentParser]:
    for action in parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError("no commands")


@pytest.mark.parametrize("name", commands())
def test_every_command_has_help_with_an_example(name: str) -> None:
    text = commands()[name].format_help()
    assert f"example: trapnode {name}" in text


@pytest.mark.parametrize("name", sorted(set(commands()) - {"twin-modem"}))
def test_every_command_stands_in_the_readme(name: str) -> None:
    table = README[README.index("| command | does |") : README.index("Every command has")]
    assert f"`trapnode {name}" in table or f"`{name}`" in table


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["config", "check", "--config", "/nowhere.toml"], 78, "/nowhere.toml"),
        (["classify", "/nowhere"], 2, "/nowhere"),
        (["demo", "--sequences", "/nowhere"], 2, "/nowhere"),
        (["demo", "--rate", "0"], 2, "--rate 0"),
        (["keeper", "--twins", "/nowhere"], 2, "/nowhere"),
    ],
)
def test_bad_input_gets_one_clear_line(
    arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    said = capsys.readouterr().err.strip().splitlines()
    assert says in said[-1]
    assert said[-1].startswith(f"trapnode {arguments[0]}: ")


def test_config_check_names_option_value_and_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "config.toml"
    bad.write_text("[trigger]\npir_pin = 99\n", "utf-8")
    assert main(["config", "check", "--config", str(bad)]) == 78
    assert "trigger.pir_pin = 99: Expected `int` <= 27" in capsys.readouterr().err


def test_config_show_prints_a_configuration_that_is_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = tmp_path / "config.toml"
    some.write_text('[unit]\nname = "AL07"\n', "utf-8")
    assert main(["config", "show", "--config", str(some)]) == 0
    shown = capsys.readouterr().out
    assert 'name = "AL07"' in shown
    some.write_text(shown, "utf-8")
    assert main(["config", "check", "--config", str(some)]) == 0


def test_config_show_shows_no_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    some = tmp_path / "config.toml"
    keys = ["0a" * 32, "1b" * 16, "2c" * 16]
    some.write_text(
        f'[stick]\nkey = "{keys[0]}"\n[modem]\napp_key = "{keys[1]}"\n'
        f'[uplink]\nkey = "{keys[2]}"\ngeneration = 7\n',
        "utf-8",
    )
    assert main(["config", "show", "--config", str(some)]) == 0
    shown = capsys.readouterr().out
    assert not [key for key in keys if key in shown]
    assert shown.count("characters, not shown") == len(keys)


def test_without_tqdm_there_is_no_bar_and_the_work_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with meter(3, "file") as done:
        done(3)
    assert capsys.readouterr().err == ""


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A unit whose last good configuration names the folder that its keeper writes to."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    (tmp_path / "last-good.toml").write_text(f'[paths]\nrun = "{tmp_path}"\n', "utf-8")
    write_snapshot(tmp_path, {"unit": "AL07", "monotonic_s": 1.0})
    return tmp_path


@pytest.mark.parametrize("broken", [None, "[unit", "[trigger]\npir_pin = 99\n"])
def test_status_answers_under_a_broken_configuration(
    unit: Path, broken: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    config = unit / "config.toml"
    if broken is not None:
        config.write_text(broken, "utf-8")
    assert main(["status", "--config", str(config)]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith(f"! configuration: {config}: ")
    assert first.endswith("running on the last good configuration")
    assert second.startswith("AL07  ")
    assert main(["status", "--json", "--config", str(config)]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["unit"] == "AL07"
    assert told.err.startswith("! configuration: ")


def test_status_under_a_good_configuration_says_nothing_of_it(
    unit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--config", str(unit / "last-good.toml")]) == 0
    assert capsys.readouterr().out.startswith("AL07  ")


def test_without_a_snapshot_status_fails_and_still_names_the_configuration(
    unit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (unit / "status.json").unlink()
    assert main(["status", "--config", "/nowhere.toml"]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("! configuration: /nowhere.toml: ")
    assert "no status snapshot" in told.err
