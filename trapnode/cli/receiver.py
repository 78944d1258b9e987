"""The receiving end: serve, send, open, units, command, previews, export."""

import argparse
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from trapnode.errors import StoreError, TrapnodeError, UsageError

if TYPE_CHECKING:
    from trapnode.receive.database import Database
    from trapnode.receive.units import Desk

__all__ = ["command", "export", "open_", "previews", "send", "serve", "units"]

LOOPBACK = ("::1", "localhost")
EXTRA = "pip install 'trapnode[desk]'"


def serve(arguments: argparse.Namespace) -> None:
    """Take webhooks until SIGTERM."""
    with _needing_extra():
        from waitress.server import create_server

        from trapnode.receive.signature import check_key
        from trapnode.receive.web import application
    from trapnode.receive.deliveries import MAX_BODY
    from trapnode.receive.opening import Opening
    from trapnode.receive.watching import Watched

    _log()
    with _database(arguments) as database:
        opening = Opening(database)
        desk = Watched(Path(arguments.units), lambda desk: opening.open_all(desk, _now()))
        check_key(desk().rockblock.public_key)
        if Path(arguments.units).stat().st_mode & 0o077:
            print(
                f"warning: {arguments.units}: others may read its keys: chmod 600", file=sys.stderr
            )
        host, port = _listen(arguments.listen, desk())
        opening.open_all(desk(), _now())
        signal.signal(signal.SIGTERM, _end)
        try:
            server = create_server(
                application(database, desk, _now),
                host=host,
                port=port,
                threads=1,  # One connection, one writer: a webhook takes milliseconds.
                ident=None,
                max_request_body_size=MAX_BODY,
                channel_timeout=20,
            )
        except OSError as error:
            raise TrapnodeError(f"--listen {arguments.listen}: {error.strerror}") from error
        print(f"listening on {host}:{server.effective_port}", flush=True)
        server.run()


def send(arguments: argparse.Namespace) -> None:
    """Send downlinks until SIGTERM, or once."""
    from trapnode.devices.clock import SystemClock
    from trapnode.loop import Stop
    from trapnode.receive.opening import Opening
    from trapnode.receive.previews import ask_missing
    from trapnode.receive.sending import send_due
    from trapnode.receive.watching import Watched

    _log()
    clock, stop = SystemClock(), Stop().listen()
    with _database(arguments) as database:
        opening = Opening(database)
        desk = Watched(Path(arguments.units), lambda desk: opening.open_all(desk, _now()))
        while not stop():
            if arguments.preview_ask:
                ask_missing(database, desk(), _now())
            send_due(database, desk(), _now())
            if arguments.once:
                return
            clock.wait([stop], max(0.1, arguments.every))


def open_(arguments: argparse.Namespace) -> None:
    """Open what waits."""
    from trapnode.receive.opening import Opening

    _log()
    with _database(arguments) as database:
        print(f"{Opening(database).open_all(_desk(arguments), _now())} opened")


def units(arguments: argparse.Namespace) -> None:
    """Print what each unit last said."""
    from trapnode.receive.overview import as_json, in_words, overviews, strangers

    with _database(arguments) as database:
        found = list(overviews(database, _desk(arguments), _now()))
        if arguments.json:
            print(
                json.dumps([as_json(each) for each in found], indent=2, default=datetime.isoformat)
            )
            return
        for each in found:
            print("\n".join(in_words(each)))
        if unknown := strangers(database):
            print(f"{unknown} messages of modems that are no unit's: write them into the file")


def command(arguments: argparse.Namespace) -> None:
    """Ask something of a unit, or list what was asked of it."""
    from trapnode.receive.downlinks import Downlinks
    from trapnode.receive.overview import asked_of
    from trapnode.receive.wording import command_of

    unit = _desk(arguments).of_name(arguments.unit)
    if unit is None:
        raise UsageError(f"{arguments.unit}: {arguments.units} has no such unit")
    with _database(arguments) as database:
        if arguments.words == ["list"]:
            print("\n".join(asked_of(database, unit)) or "nothing was asked")
            return
        if unit.carrier == "none":
            raise UsageError(f"{unit.name}: has no carrier in {arguments.units}: nothing can go")
        asked = Downlinks(database).ask(unit, command_of(arguments.words, _now()), _now())
        print("waits for `trapnode receive send`" if asked else "waits already")


def previews(arguments: argparse.Namespace) -> int:
    """Write whole previews, tell what is missing; give 1 if one is not right."""
    from trapnode.receive.previews import previews as all_of
    from trapnode.receive.previews import write_previews

    opener = None
    if arguments.key:
        from trapnode.age import Opener

        opener = Opener(Path(arguments.key))
    with _database(arguments) as database:
        written = list(write_previews(all_of(database), Path(arguments.out), opener))
        for each in written:
            print(f"{each.path}" + (f": {each.fault}" if each.fault else ""))
        for preview in all_of(database):
            if preview.missing:
                gaps = ", ".join(f"{first} to {end}" for first, end in preview.missing)
                print(f"{preview.name}: of {preview.total} bytes missing {gaps}")
    return int(any(each.fault for each in written))


def export(arguments: argparse.Namespace) -> None:
    """Write observations as CSV and GeoJSON."""
    from trapnode.dump.choice import since_of
    from trapnode.receive.export import observed, places, write_csv, write_geojson

    if not arguments.csv and not arguments.geojson:
        raise UsageError("export: give --csv FILE, --geojson FILE or both")
    if arguments.grid and not arguments.public:
        raise UsageError("--grid: goes with --public")
    since = since_of(arguments.since, UTC) if arguments.since else None
    path = Path(arguments.deployments) if arguments.deployments else None
    degrees = float(arguments.grid or 1) if arguments.public else None
    stood = places(path, _desk(arguments).utc_offset_min, degrees)
    with _database(arguments) as database:
        for target, write in ((arguments.csv, write_csv), (arguments.geojson, write_geojson)):
            if target:
                number = write(observed(database, stood, since), Path(target))
                print(f"{target}: {number} observations")


@contextlib.contextmanager
def _database(arguments: argparse.Namespace) -> Iterator["Database"]:
    from trapnode.receive.database import Database

    path = Path(arguments.database)
    if not path.parent.is_dir():
        raise StoreError(f"{path.parent}: no such folder")
    with contextlib.closing(Database(path)) as database:
        yield database


def _desk(arguments: argparse.Namespace) -> "Desk":
    from trapnode.receive.units import read

    return read(Path(arguments.units))


def _listen(text: str, desk: "Desk") -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--listen {text}: must be HOST:PORT")
    if not desk.token:
        if host not in LOOPBACK and not host.startswith("127."):
            raise UsageError(
                f"--listen {text}: set receive.token first: strangers would fill the disk"
            )
        print("warning: receive.token is empty: who reaches this port may write", file=sys.stderr)
    return host, int(port)


@contextlib.contextmanager
def _needing_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise TrapnodeError(f"{error.name} is not installed: {EXTRA}") from error


def _log() -> None:
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)


def _now() -> datetime:
    return datetime.now(UTC)


def _end(*_: object) -> NoReturn:
    raise SystemExit(0)
