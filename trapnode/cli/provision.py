"""Cards for many units: a folder with a configuration for each, and the desk's file of units."""

import argparse
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trapnode.errors import StoreError, UsageError

if TYPE_CHECKING:
    from trapnode.config import Config
    from trapnode.store.disk import Disk

__all__ = ["add_command", "provision", "write_folder"]


def add_command(add: Callable[..., argparse.ArgumentParser], commands: Any) -> None:
    """Add the command of this module to the parser."""
    example = "trapnode provision units.csv --out cards --recipient age1... --secret park.stick"
    does = "cards for many units: each one's configuration with keys of its own, and units.toml"
    command = add(commands, "provision", does, "trapnode.cli.provision:provision", example)
    command.add_argument("table", metavar="CSV", help="columns unit, modem, ...; never places")
    command.add_argument("--out", metavar="DIR", required=True, help="a new folder")
    command.add_argument("--units", metavar="FILE", help="the desk's units.toml: older cards stay")
    command.add_argument("--common", metavar="FILE", help="configuration that all have in common")
    command.add_argument("--secret", metavar="FILE", help="the park's, for sticks and consoles")
    command.add_argument(
        "--recipient", metavar="KEY", action="append", default=[], help="age1...; may be repeated"
    )


def provision(arguments: argparse.Namespace) -> None:
    """Write what `receive.provisioning` makes of the table: all of it, or nothing."""
    import secrets
    from datetime import UTC, datetime

    from trapnode.cli.stick import secret_in
    from trapnode.receive.provisioning import files, rows
    from trapnode.receive.units import DeskFile, read
    from trapnode.store.disk import RealDisk

    table, out = Path(arguments.table), Path(arguments.out)
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out}: is there already, and keys are never written over")
    try:
        text = table.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{table}: cannot be read: {error}") from error
    found, config = rows(text, str(table)), _common(arguments)
    made = files(
        found,
        config,
        read(Path(arguments.units)).file if arguments.units else DeskFile(),
        secret=secret_in(Path(arguments.secret)) if arguments.secret else None,
        today=datetime.now(UTC).date(),
        token=secrets.token_hex,
    )
    write_folder(RealDisk(), out, made)
    print(f"{out}: {len(found)} units, each with its config.toml, and units.toml for the receiver")
    if not config.sealing.recipients:
        print("without --recipient: whoever finds a card sees its pictures")
    if not arguments.secret:
        print("without --secret: nothing locks the consoles")


def _common(arguments: argparse.Namespace) -> "Config":
    from trapnode.config import Config, overlaid, read

    common = read(Path(arguments.common)) if arguments.common else Config()
    if arguments.recipient:
        common = overlaid(common, {"sealing.recipients": arguments.recipient}, "--recipient")
    return common


def write_folder(disk: "Disk", out: Path, made: Mapping[str, str]) -> None:
    """Write a folder of secrets that has its name only when it is whole; raise StoreError."""
    from trapnode.store.disk import PART

    part, mask = out.with_name(out.name + PART), os.umask(0o077)
    try:
        shutil.rmtree(part, ignore_errors=True)  # Of a run that was cut.
        disk.make_folder(part)
        for name, text in made.items():
            path = part / name
            disk.make_folder(path.parent)
            disk.write(path, text.encode())
            disk.sync(path)
            disk.sync_folder(path.parent)
        disk.sync_folder(part)
        disk.rename(part, out)
        disk.sync_folder(out.parent)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise StoreError(f"{out}: cannot be written: {error}") from error
    finally:
        os.umask(mask)
