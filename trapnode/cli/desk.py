"""The commands of people: status, classify, config."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from trapnode.errors import TrapnodeError

if TYPE_CHECKING:
    import argparse

    from trapnode.config import Config

__all__ = ["classify", "config", "read_or_defaults", "status"]


def status(arguments: "argparse.Namespace") -> None:
    """Print the keeper's last snapshot, and how old it is; a broken configuration does not hide it.

    Its fault comes first; in JSON on stderr, where it disturbs no program.
    """
    from trapnode.cli.process import last_good
    from trapnode.config import read_at_boot
    from trapnode.policy.status_text import age_of, render
    from trapnode.store.ram import read_snapshot
    from trapnode.texts import Texts

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
    age_s = age_of(snapshot, time.monotonic())
    if arguments.json:
        print(json.dumps({"age_s": round(age_s, 1), **snapshot}, indent=2))
        return
    print("\n".join(render(snapshot, age_s, Texts())))


def classify(arguments: "argparse.Namespace") -> None:
    """Run the sorter's models over pictures; write CSV, JSON, or a short table."""
    from trapnode.classify import classify as run
    from trapnode.cli.judges import load_judge

    sorter = read_or_defaults(arguments).sorter
    run(
        [Path(path) for path in arguments.paths],
        load_judge(sorter.model, sorter.targets),
        sorter.targets,
        by_folder=arguments.by_folder,
        csv_path=arguments.csv,
        json_path=arguments.json,
    )


def config(arguments: "argparse.Namespace") -> None:
    """Check the configuration strictly, or show every option with its value."""
    if arguments.action == "check":
        _check(Path(arguments.config))
    else:
        _show(read_or_defaults(arguments))


def _check(path: Path) -> None:
    from trapnode.config import read
    from trapnode.texts import is_spoken

    checked = read(path)
    if len(set(checked.sealing.recipients)) == 1:
        print(
            "warning: sealing.recipients: one key only: lose it and every picture is lost;"
            " add a second one and keep it elsewhere",
            file=sys.stderr,
        )
    if not is_spoken(checked.console.language):
        spoken = f"no catalogue {checked.console.language}: English is spoken"
        print(f"warning: console.language: {spoken}", file=sys.stderr)
    print(f"{path}: good")


def _show(chosen: "Config") -> None:
    import msgspec

    from trapnode.config import options

    values = msgspec.to_builtins(chosen)
    section = ""
    for option in options():
        table, _, name = option.name.partition(".")
        if table != section:
            section = table
            print(f"[{table}]")
        more = "; ".join(filter(None, (option.unit, option.limits.strip("`"))))
        remark = f"{option.description} ({more})" if more else option.description
        value = values[table][name]
        if option.secret and value:  # A comment: what is shown stays a configuration.
            print(f"# {name}: {len(value)} characters, not shown  # {remark}")
        else:
            print(f"{name} = {json.dumps(value)}  # {remark}")


def read_or_defaults(arguments: "argparse.Namespace") -> "Config":
    """Read the configuration; at a desk without one, the defaults."""
    from trapnode.cli import CONFIG
    from trapnode.config import Config, read

    if arguments.config == CONFIG and not Path(CONFIG).exists():
        return Config()
    return read(Path(arguments.config))
