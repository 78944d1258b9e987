"""The commands around dumps: dump, purge, individuals, audit."""

import argparse
import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trapnode.cli import CONFIG

if TYPE_CHECKING:
    from trapnode.config import Config
    from trapnode.store.store import Store

__all__ = ["add_commands", "audit", "dump", "individuals", "purge"]

GRIDS = ("1", "0.1")


def add_commands(add: Callable[..., argparse.ArgumentParser], commands: Any) -> None:
    """Add the commands of this module to the parser."""
    for each in (_add_dump, _add_purge, _add_individuals, _add_audit):
        each(add, commands)


def _add_dump(add: Callable[..., argparse.ArgumentParser], commands: Any) -> None:
    dump = add(
        commands,
        "dump",
        "write a Camtrap DP package of the archive",
        "trapnode.cli.packages:dump",
        "trapnode dump /data/AL07 --from /media/card --deployments park.toml",
    )
    dump.add_argument("dest", metavar="DEST", help="folder of the package")
    _add_card(dump)
    dump.add_argument(
        "--deployments", metavar="FILE", help="the desk's file of places and dates (TOML)"
    )
    dump.add_argument("--only", metavar="LABELS", help="sequences of these: leopard,person")
    dump.add_argument("--since", metavar="DATE", help="sequences from then on: 2026-11-22")
    dump.add_argument(
        "--public",
        action="store_true",
        help="for everybody: no picture judged to show a person, no exact place",
    )
    dump.add_argument(
        "--grid",
        choices=GRIDS,
        help="with --public: a place is a cell of so many degrees (default: 1)",
    )


def _add_purge(add: Callable[..., argparse.ArgumentParser], commands: Any) -> None:
    purge = add(
        commands,
        "purge",
        "take off the card the pictures that a dump holds, each one proved",
        "trapnode.cli.packages:purge",
        "trapnode purge /data/AL07 --from /media/card",
    )
    purge.add_argument("dump", metavar="DUMP", help="folder of the finished dump")
    _add_card(purge)
    purge.add_argument("--targets", action="store_true", help="those of targets, too")


def _add_individuals(add: Callable[..., argparse.ArgumentParser], commands: Any) -> None:
    individuals = add(
        commands,
        "individuals",
        "the pictures to know individuals by, of many dumps, as Wildbook's bulk import takes them",
        "trapnode.cli.packages:individuals",
        "trapnode individuals /data/AL07 /data/AL08 --out wildbook",
    )
    individuals.add_argument("dumps", metavar="DUMP", nargs="+", help="folders of dumps")
    individuals.add_argument("--out", metavar="DIR", required=True, help="a new folder")


def _add_audit(add: Callable[..., argparse.ArgumentParser], commands: Any) -> None:
    audit = add(
        commands,
        "audit",
        "estimate what the filter missed, by a person's answers for a dump's audit sample",
        "trapnode.cli.packages:audit",
        "trapnode audit /data/AL07 --labels answers.csv",
    )
    audit.add_argument("dump", metavar="DUMP", help="folder of the dump")
    audit.add_argument(
        "--labels", metavar="FILE", required=True, help="CSV: path,label, one row a picture"
    )
    audit.add_argument("--of", metavar="LABEL", default="", help="these only: leopard")


def dump(arguments: argparse.Namespace) -> None:
    """Write a Camtrap DP package of the archive."""
    from trapnode.dump import write_dump

    with _card(arguments) as (store, config):
        summary = write_dump(
            store,
            Path(arguments.dest),
            Path(arguments.deployments) if arguments.deployments else None,
            config.unit.name,
            config.unit.utc_offset_min,
            datetime.now(UTC),
            choice=_choice(arguments, store, config),
        )
    print(summary)


def purge(arguments: argparse.Namespace) -> int:
    """Take off the card what a dump holds; give 1 if it lists a picture that it does not hold."""
    from trapnode.cli.desk import read_or_defaults
    from trapnode.dump.purging import purge as run
    from trapnode.store.store import open_store

    if arguments.card:
        state = state_on(Path(arguments.card))
    else:
        state = state_on(Path(read_or_defaults(arguments).paths.state))
    with contextlib.closing(open_store(state)) as store:
        purged = run(store, Path(arguments.dump), arguments.targets)
    print(purged)
    return int(bool(purged.different))


def audit(arguments: argparse.Namespace) -> None:
    """Print what the filter missed."""
    from trapnode.dump.auditing import audit as run

    print(run(Path(arguments.dump), Path(arguments.labels), arguments.of))


def individuals(arguments: argparse.Namespace) -> None:
    """Gather the pictures to know individuals by, the two cameras of a station paired."""
    from trapnode.dump.stations import gather

    encounters, shared = gather(list(map(Path, arguments.dumps)), Path(arguments.out))
    print(f"{arguments.out}: {encounters} encounters, {shared} of them seen by two cameras")


def _choice(arguments: argparse.Namespace, store: "Store", config: "Config") -> Any:
    from trapnode.dump.choice import Choice, labels_of, since_of
    from trapnode.errors import UsageError
    from trapnode.store import selection

    if arguments.grid and not arguments.public:
        raise UsageError("--grid: goes with --public")
    zone = timezone(timedelta(minutes=config.unit.utc_offset_min))
    on_card = selection.labels(store.database)
    return Choice(
        labels_of(arguments.only, on_card) if arguments.only else (),
        since_of(arguments.since, zone) if arguments.since else None,
        float(arguments.grid or GRIDS[0]) if arguments.public else None,
    )


def _add_card(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--from", metavar="CARD", dest="card", help="a pulled card, or its trapnode folder"
    )
    command.add_argument(
        "--config", metavar="FILE", default=CONFIG, help="configuration (default: %(default)s)"
    )


@contextlib.contextmanager
def _card(arguments: argparse.Namespace) -> Iterator[tuple["Store", "Config"]]:
    """Open the archive that is meant, without a touch if it is a pulled card's."""
    import tempfile

    from trapnode.cli.desk import read_or_defaults
    from trapnode.store.reading import open_card, open_for_dump

    with tempfile.TemporaryDirectory() as scratch:
        if arguments.card:
            state = state_on(Path(arguments.card))
            store = open_card(state, Path(scratch))
        else:
            config = read_or_defaults(arguments)
            store = open_for_dump(Path(config.paths.state), Path(scratch))
        with contextlib.closing(store):
            yield store, _config_of(arguments, store) if arguments.card else config


def state_on(card: Path) -> Path:
    """Find the store on a card: its system partition, its data partition, or the folder itself."""
    from trapnode.errors import UsageError
    from trapnode.store.store import DATABASE

    for place in (card, card / "trapnode", card / "var" / "lib" / "trapnode"):
        if (place / DATABASE).is_file():
            return place
    raise UsageError(
        f"{card}: no store there, nor in trapnode/ or var/lib/trapnode/: give the folder of"
        f" {DATABASE}"
    )


def _config_of(arguments: argparse.Namespace, store: "Store") -> "Config":
    """Give the configuration of a card's unit: that which was named, or the card's own."""
    import msgspec

    from trapnode.config import Config, read
    from trapnode.store.selection import unit_of
    from trapnode.store.store import LAST_GOOD

    if arguments.config != CONFIG:
        return read(Path(arguments.config))
    own = store.state / LAST_GOOD
    config = read(own) if own.is_file() else Config()
    name = unit_of(store.database) or config.unit.name
    return msgspec.structs.replace(config, unit=msgspec.structs.replace(config.unit, name=name))
