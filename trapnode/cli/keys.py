"""The commands of whoever keeps the keys: make them, prove them before a unit goes out, unseal."""

import argparse
import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trapnode.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from trapnode.age import Opener

__all__ = ["keys", "make_keys", "recipients_toml", "unseal", "write_secret"]

KEY = "# created: {at}\n# public key: {public}\n{private}\n"  # As age-keygen writes it.
TEST_BYTES = 4096


def keys(arguments: argparse.Namespace) -> None:
    """Make private halves, or prove that they open what a unit seals; or tell its radio key."""
    files = [Path(each) for each in arguments.files]
    if arguments.action == "radio":
        from trapnode.cli.uplink import keys_radio

        keys_radio(arguments)
        return
    if not files:
        raise UsageError(f"keys {arguments.action}: name the FILE of each private half")
    if arguments.action == "new":
        _new(files)
    else:
        _verify(files, Path(arguments.config))


def unseal(arguments: argparse.Namespace) -> int:
    """Open a sealed dump; give 1 if something stays sealed."""
    from trapnode.age import Opener
    from trapnode.dump.unsealing import unseal as run

    found = run(Path(arguments.dump), Opener(Path(arguments.key)))
    print(found)
    return int(bool(found.damaged))


def _new(files: list[Path]) -> None:
    made = make_keys(files)
    for file in files:
        print(f"# {file}: the private half; keep it, and a copy, away from every unit")
    print(f"# for the units' config.toml:\n{recipients_toml(made)}", end="")
    if len(made) == 1:
        print("# one key only: lose it and every picture is lost; make a second one")


def make_keys(files: list[Path]) -> list[str]:
    """Write new private halves; give their public ones. Raise UsageError."""
    from trapnode.age import new_key

    for file in files:
        if file.exists():
            raise UsageError(f"{file}: is there already, and a key is never written over")
    made = []
    for file in files:
        private, public = new_key()
        at = datetime.now(UTC).isoformat(timespec="seconds")
        write_secret(file, KEY.format(at=at, public=public, private=private))
        made.append(public)
    return made


def recipients_toml(public: list[str]) -> str:
    """Give the section of a unit's config.toml that makes it seal to public halves."""
    return f"[sealing]\nrecipients = {json.dumps(public)}\n"


def write_secret(file: Path, text: str) -> None:
    """Write a new file that only its owner can read; raise UsageError."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as written:
            written.write(text)
            written.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}") from error


def _verify(files: list[Path], config: Path) -> None:
    """Seal a test as the unit would, and open it with each key."""
    from trapnode.age import Opener, Sealer
    from trapnode.config import read

    recipients = read(config).sealing.recipients
    if not recipients:
        raise ConfigError(f"{config}: sealing.recipients is empty: this unit seals nothing")
    test = secrets.token_bytes(TEST_BYTES)
    sealed, proven = Sealer(recipients)(test), set()
    for file in files:
        opener = Opener(file)
        _prove(opener, sealed, test, f"{file}: {config}", recipients)
        proven |= {each for each in opener.recipients if each in recipients}
        print(f"{file}: opens what this unit seals")
    for each in recipients:
        if each not in proven:
            print(f"not verified: {each}: do it with its private half before the unit goes out")


def _prove(
    opener: "Opener", sealed: bytes, test: bytes, where: str, recipients: tuple[str, ...]
) -> None:
    from trapnode.age import WrongKey

    try:
        opened = opener.open(sealed)
    except WrongKey:
        raise UsageError(
            f"{where} does not seal to this key: its public half is"
            f" {', '.join(opener.recipients)}; the unit's are {', '.join(recipients)}"
        ) from None
    assert opened == test
