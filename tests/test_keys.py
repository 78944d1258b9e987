"""Keys are made on the desk, proven before a unit goes out, and never printed."""

from pathlib import Path

import pytest

from tests.sealed import ESCROW, PARK, RECIPIENTS, STRANGER, key_file
from trapnode.age import Opener
from trapnode.cli import main
from trapnode.config import parse
from trapnode.errors import ConfigError


def config(folder: Path, *recipients: str) -> str:
    path = folder / "config.toml"
    path.write_text(f"[sealing]\nrecipients = {list(recipients)}\n")
    return str(path)


@pytest.fixture
def said(capsys):
    def read() -> str:
        told = capsys.readouterr()
        assert "AGE-SECRET-KEY" not in told.out + told.err
        return told.out + told.err

    return read


def test_new_keys_come_with_their_configuration(tmp_path, said):
    files = [tmp_path / "park.key", tmp_path / "escrow.key"]
    assert main(["keys", "new", *map(str, files)]) == 0
    text = said()
    chosen = parse(text)
    assert chosen.sealing.recipients == tuple(Opener(file).recipients[0] for file in files)
    assert all(file.stat().st_mode & 0o77 == 0 for file in files)
    (tmp_path / "config.toml").write_text(text)
    args = ["--config", str(tmp_path / "config.toml")]
    assert main(["config", "check", *args]) == 0
    assert "warning" not in said()
    assert main(["keys", "verify", *map(str, files), *args]) == 0
    assert said().count("opens what this unit seals") == 2


def test_a_key_is_never_written_over(tmp_path, said):
    kept = key_file(tmp_path)
    before = kept.read_text()
    assert main(["keys", "new", str(tmp_path / "new.key"), str(kept)]) == 2
    assert "is there already" in said()
    assert kept.read_text() == before
    assert not (tmp_path / "new.key").exists()
    assert main(["keys", "new", str(tmp_path / "none" / "a.key")]) == 2
    assert "cannot be written" in said()


def test_one_key_alone_is_a_warning(tmp_path, said):
    assert main(["config", "check", "--config", config(tmp_path, PARK[1])]) == 0
    assert "one key only" in said()
    assert main(["config", "check", "--config", config(tmp_path, PARK[1], PARK[1])]) == 0
    assert "one key only" in said(), "twice the same is one"
    assert main(["keys", "new", str(tmp_path / "a.key")]) == 0
    assert "one key only" in said()


def test_a_key_that_opens_nothing_is_found_before_the_unit_goes_out(tmp_path, said):
    stranger = key_file(tmp_path, STRANGER, "stranger.key")
    where = config(tmp_path, *RECIPIENTS)
    assert main(["keys", "verify", str(stranger), "--config", where]) == 2
    text = said()
    assert "does not seal to this key" in text
    assert STRANGER[1] in text
    assert PARK[1] in text


def test_a_key_that_nobody_verified_is_named(tmp_path, said):
    where = config(tmp_path, *RECIPIENTS)
    assert main(["keys", "verify", str(key_file(tmp_path)), "--config", where]) == 0
    assert f"not verified: {ESCROW[1]}" in said()


def test_a_unit_that_seals_nothing_is_not_verified(tmp_path, said):
    assert main(["keys", "verify", str(key_file(tmp_path)), "--config", config(tmp_path)]) == 78
    assert "seals nothing" in said()


@pytest.mark.parametrize(
    "text",
    [
        "[sealing]\nrecipients = ['{key}']",
        "[sealing]\nrecipients = '{key}'",
        "# {key}\n",
        "[unit]\nname = '{key}'",
        "{key}",
        "[sealing]\nkey = '{lower}'",
    ],
)
def test_a_private_key_in_a_configuration_is_an_error_that_never_prints_it(text):
    with pytest.raises(ConfigError, match=r"line \d holds a private key") as caught:
        parse(text.format(key=PARK[0], lower=PARK[0].lower()), "trap.toml")
    assert PARK[0][16:].lower() not in str(caught.value).lower()


def test_a_mistyped_public_half_is_named_by_its_place():
    mistyped = ESCROW[1][:-1] + ("p" if ESCROW[1].endswith("q") else "q")
    with pytest.raises(ConfigError, match=r"sealing\.recipients: number 2 is no public half"):
        parse(f"[sealing]\nrecipients = ['{PARK[1]}', '{mistyped}']")
