"""The commands of people: status, classify, dump, decode, config."""

import argparse
import contextlib
import dataclasses
import json
import sys
import time
from datetime import UTC, datetime
from enum import Enum, IntFlag
from pathlib import Path
from typing import TYPE_CHECKING

from trapnode.errors import TrapnodeError, UsageError

if TYPE_CHECKING:
    from trapnode.config import Config

__all__ = ["classify", "config", "decode", "dump", "status"]


def status(arguments: argparse.Namespace) -> None:
    """Print the keeper's last snapshot, and how old it is; a broken configuration does not hide it.

    Its fault comes first; in JSON on stderr, where it disturbs no program.
    """
    from trapnode.cli.unit import last_good
    from trapnode.config import read_at_boot
    from trapnode.policy.status_text import age_of, render
    from trapnode.store.ram import read_snapshot

    at_boot = read_at_boot(Path(arguments.config), last_good())
    if at_boot.fault:
        print(
            f"! configuration: {at_boot.fault}",
            file=sys.stderr if arguments.json else sys.stdout,
            flush=True,
        )
    run = Path(at_boot.config.paths.run)
    snapshot = read_snapshot(run)
    if snapshot is None:
        raise TrapnodeError(f"{run}: no status snapshot: the keeper has not run since power came")
    if arguments.json:
        print(json.dumps(snapshot, indent=2))
        return
    print("\n".join(render(snapshot, age_of(snapshot, time.monotonic()))))


def classify(arguments: argparse.Namespace) -> None:
    """Run the sorter's models over pictures; write CSV, JSON, or a short table."""
    from trapnode.classify import classify as run
    from trapnode.cli.unit import load_judge

    sorter = _config(arguments).sorter
    run(
        [Path(path) for path in arguments.paths],
        load_judge(sorter.model, sorter.targets),
        sorter.targets,
        by_folder=arguments.by_folder,
        csv_path=arguments.csv,
        json_path=arguments.json,
    )


def dump(arguments: argparse.Namespace) -> None:
    """Write a Camtrap DP package of the archive."""
    from trapnode.dump import write_dump
    from trapnode.store.store import open_store

    chosen = _config(arguments)
    state = Path(chosen.paths.state)
    if not state.is_dir():
        raise UsageError(f"{state}: no store there (paths.state of the configuration)")
    with contextlib.closing(open_store(state)) as store:
        summary = write_dump(
            store,
            Path(arguments.dest),
            Path(arguments.deployments) if arguments.deployments else None,
            chosen.unit.name,
            chosen.unit.utc_offset_min,
            datetime.now(UTC),
        )
    print(summary)


def decode(arguments: argparse.Namespace) -> None:
    """Print a message as JSON."""
    from trapnode import message

    try:
        payload = bytes.fromhex(arguments.hex)
    except ValueError as error:
        raise UsageError(f"{arguments.hex!r} is not hex: {error}") from error
    print(json.dumps(dataclasses.asdict(message.decode(payload)), indent=2, default=_plain))


def config(arguments: argparse.Namespace) -> None:
    """Check the configuration strictly, or show every option with its value."""
    import msgspec

    from trapnode.config import options, read

    chosen = read(Path(arguments.config))
    if arguments.action == "check":
        print(f"{arguments.config}: good")
        return
    values = msgspec.to_builtins(chosen)
    section = ""
    for option in options():
        table, _, name = option.name.partition(".")
        if table != section:
            section = table
            print(f"[{table}]")
        unit = f" {option.unit}" if option.unit else ""
        print(f"{name} = {json.dumps(values[table][name])}  # {option.description}{unit}")


def _config(arguments: argparse.Namespace) -> "Config":
    """Read the configuration; at a desk without one, the defaults."""
    from trapnode.cli import CONFIG
    from trapnode.config import Config, read

    if arguments.config == CONFIG and not Path(CONFIG).exists():
        return Config()
    return read(Path(arguments.config))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, IntFlag):
        return [flag.name for flag in value]
    return value.value if isinstance(value, Enum) else str(value)
