"""The commands of a stick: what the desk makes, and what udev calls."""

import os
from pathlib import Path

import pytest

from tests.archives import NOON, scores, sightings
from tests.test_stick import Port
from trapnode.cli import main
from trapnode.policy.authorisation import FILE


@pytest.fixture
def port(tmp_path):
    """The port of a unit with one leopard."""
    seen = sightings(tmp_path / "state")
    seen.judge(seen.see(NOON), "leopard", [scores(leopard=0.9)] * 3)
    yield Port(tmp_path, seen.store)
    seen.store.close()


@pytest.fixture
def unit(port, tmp_path, monkeypatch):
    """A configured unit; the folder of the stick counts as mounted."""
    port.mount.mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == port.mount)
    secret = tmp_path / "park.stick"
    assert main(["stick", "new", str(secret)]) == 0
    config = tmp_path / "config.toml"

    def configure(key: str) -> None:
        config.write_text(
            f'[unit]\nname = "AL07"\n[paths]\nstate = "{port.store.state}"\nrun = "{port.run}"\n'
            f"{key}led = ''\n"
        )

    return port, secret, config, configure


def test_from_the_secret_to_the_stick_that_may_be_pulled(unit, capsys, monkeypatch):
    port, secret, config, configure = unit
    assert secret.stat().st_mode & 0o77 == 0
    capsys.readouterr()
    assert main(["stick", "key", str(secret), "--unit", "AL07"]) == 0
    configure(capsys.readouterr().out)
    assert main(["config", "check", "--config", str(config)]) == 0
    on_unit = [str(port.mount), "--config", str(config)]
    assert main(["stick", "dump", *on_unit]) == 1
    assert "TRAPNODE.auth is not on it" in capsys.readouterr().err
    allow = ["--secret", str(secret), "--unit", "AL06", "AL07"]
    assert main(["stick", "authorise", str(port.mount), *allow]) == 0
    assert secret.read_text().split("\n")[1] not in (port.mount / FILE).read_text()
    assert main(["stick", "dump", *on_unit]) == 0
    monkeypatch.undo()  # It is unmounted.
    assert main(["stick", "release", *on_unit]) == 0
    assert port.line().startswith("done, pull it")
    assert main(["status", "--config", str(config)]) == 0
    assert "stick     done, pull it" in capsys.readouterr().out
    assert main(["stick", "gone", *on_unit]) == 0
    assert port.line().startswith("done and pulled")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["new", "{secret}"], "is there already"),
        (["key", "{secret}", "--unit", "AL-07"], "must be 1 to 16 letters and digits"),
        (["key", "{config}", "--unit", "AL07"], "is no secret"),
        (["key", "/nowhere", "--unit", "AL07"], "/nowhere: cannot be read"),
        (["authorise", "/nowhere", "--secret", "{secret}", "--unit", "AL07"], "/nowhere"),
        (
            ["authorise", "{mount}", "--secret", "{secret}", "--unit", "A", "--until", "soon"],
            "--until soon: must be a day",
        ),
    ],
)
def test_the_desk_is_told_what_is_wrong(unit, arguments, says, capsys):
    port, secret, config, configure = unit
    configure("[stick]\n")
    places = {"secret": secret, "config": config, "mount": port.mount}
    assert main(["stick", *(each.format(**places) for each in arguments)]) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_a_key_that_is_none_is_not_repeated(unit, capsys):
    _, _, config, configure = unit
    configure('[stick]\nkey = "c0ffee"\n')
    assert main(["config", "check", "--config", str(config)]) == 78
    said = capsys.readouterr().err
    assert "stick.key: must be the 64 hex digits" in said
    assert "c0ffee" not in said


def test_a_unit_without_a_store_says_so(unit, tmp_path, capsys):
    port, _, config, configure = unit
    configure("[stick]\n")
    config.write_text(config.read_text().replace(str(port.store.state), str(tmp_path / "none")))
    assert main(["stick", "dump", str(port.mount), "--config", str(config)]) == 2
    assert port.line().startswith("refused:")
