"""The command line: help, examples, exit codes, one clear error line."""

import argparse
import json
import sys
from pathlib import Path

import pytest

from trapnode.cli import main, parser
from trapnode.meter import meter

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


def test_a_message_decodes_to_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "11 002a 00002a 65a1b2c3 01 dc 03 01"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["observations"][0]["label"] == "leopard"
    assert told["observations"][0]["probability"] == 0.92


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["decode", "xyz"], 2, "'xyz' is not hex"),
        (["decode", "52420000"], 1, "version 5"),
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


def test_without_tqdm_there_is_no_bar_and_the_work_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with meter(3, "file") as done:
        done(3)
    assert capsys.readouterr().err == ""
