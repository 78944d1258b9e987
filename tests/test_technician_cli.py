"""What a technician types at a shell: keys, answers, the self-test of this unit."""

from pathlib import Path

import pytest

from trapnode.cli import main
from trapnode.policy.session import Lock, unit_key

NONCE = "00112233aabbccdd"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The park's secret."""
    path = tmp_path / "park.stick"
    path.write_text(f"# trapnode stick secret 1\n{'5a' * 32}\n", "ascii")
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_from_the_secret_to_an_open_console(
    secret: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = said(capsys, "unlock", "key", str(secret), "--unit", "AL07")
    key = bytes.fromhex(config.split('"')[1])
    assert key == unit_key(bytes.fromhex("5a" * 32), "AL07")
    keys = tmp_path / "route.keys"
    units = ["--unit", "AL07", "AL08", "--out", str(keys)]
    assert "AL07, AL08" in said(capsys, "unlock", "route", str(secret), *units)
    assert keys.stat().st_mode & 0o077 == 0
    assert "5a5a" not in keys.read_text("ascii")
    lock = Lock(key, lambda _: bytes.fromhex(NONCE))
    for file in (keys, secret):
        lock.challenge(0)
        answer = said(capsys, "unlock", "answer", str(file), NONCE, "--unit", "AL07")
        assert lock.unlock(answer, 0) is None


@pytest.mark.parametrize(
    ("nonce", "unit", "says"),
    [
        ("xyz", "AL07", "'xyz': a nonce is 16 hex digits"),
        ("0011", "AL07", "'0011': a nonce is 16 hex digits"),
        (NONCE, "AL09", "holds no key of AL09; it has AL07, AL08"),
        (NONCE, "AL08", "the key of AL08 is damaged"),
    ],
)
def test_what_cannot_be_answered_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], nonce: str, unit: str, says: str
) -> None:
    keys = tmp_path / "route.keys"
    keys.write_text(f"# trapnode console keys 1\nAL07 {'5a' * 32}\nAL08 5a5\n", "ascii")
    assert main(["unlock", "answer", str(keys), nonce, "--unit", unit]) == 2
    assert says in capsys.readouterr().err


def test_a_file_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["unlock", "answer", "/nowhere", NONCE, "--unit", "AL07"]) == 2
    assert "/nowhere: cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(("language", "warned"), [("ru", False), ("xx", True)])
def test_a_language_without_a_catalogue_is_a_warning(
    language: str, warned: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[console]\nlanguage = "{language}"\n', "utf-8")
    assert main(["config", "check", "--config", str(config)]) == 0
    assert ("no catalogue xx: English is spoken" in capsys.readouterr().err) is warned
