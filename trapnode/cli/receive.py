"""The words of `trapnode receive`; what they do is in `receiver`."""

import argparse
from collections.abc import Callable
from typing import Any

__all__ = ["add_commands"]

UNITS = "/etc/trapnode/units.toml"
DATABASE = "/var/lib/trapnode/receive.db"
LISTEN = "127.0.0.1:8080"
GRIDS = ("1", "0.1")


def add_commands(add: Callable[..., argparse.ArgumentParser], commands: Any) -> None:
    """Add the commands of this module to the parser."""
    does = "the receiving end: webhooks of the carriers in, observations and commands out"
    receive = add(
        commands,
        "receive",
        does,
        "trapnode.cli.receiver:units",
        "trapnode receive serve --units units.toml --database receive.db",
    )
    actions = receive.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, does: str, more: str = "") -> argparse.ArgumentParser:
        run = f"trapnode.cli.receiver:{'open_' if name == 'open' else name}"
        one = add(actions, name, does, run, f"trapnode receive {name}{more}")
        one.add_argument("--units", metavar="FILE", default=UNITS, help="default: %(default)s")
        one.add_argument(
            "--database", metavar="FILE", default=DATABASE, help="default: %(default)s"
        )
        return one

    action("serve", "take webhooks until told to stop").add_argument(
        "--listen", metavar="HOST:PORT", default=LISTEN, help="default: %(default)s"
    )
    one = action("send", "send downlinks until told to stop")
    one.add_argument(
        "--every", metavar="SECONDS", type=float, default=20.0, help="default: %(default)g"
    )
    one.add_argument("--once", action="store_true", help="one round, then end")
    one.add_argument("--preview-ask", action="store_true", help="ask for missing bytes of previews")
    action("open", "open what waits, with the keys that are known now")
    action("units", "what each unit last said, which are silent").add_argument(
        "--json", action="store_true", help="as JSON"
    )
    _add_command(action)
    one = action("previews", "write the previews that are whole", " --out previews")
    one.add_argument("--out", metavar="DIR", required=True, help="one file each")
    one.add_argument("--key", metavar="FILE", help="private halves: open sealed ones")
    _add_export(action)


def _add_command(action: Callable[..., argparse.ArgumentParser]) -> None:
    one = action("command", "ask something of a unit, or list what was asked", " AL07 preview 42")
    one.add_argument("unit", metavar="UNIT")
    one.add_argument(
        "words",
        metavar="COMMAND",
        nargs="+",
        help="list; status; preview SEQUENCE [FIRST [LENGTH]]; set NAME VALUE; time; reboot",
    )


def _add_export(action: Callable[..., argparse.ArgumentParser]) -> None:
    one = action("export", "observations as CSV and GeoJSON", " --csv told.csv --since 2026-11-01")
    one.add_argument("--csv", metavar="FILE")
    one.add_argument("--geojson", metavar="FILE")
    one.add_argument("--since", metavar="DATE", help="observed from then on (UTC): 2026-11-22")
    one.add_argument("--deployments", metavar="FILE", help="the desk's places and dates (TOML)")
    one.add_argument("--public", action="store_true", help="for everybody: no exact place")
    one.add_argument(
        "--grid", choices=GRIDS, help="with --public: cells of so many degrees (default: 1)"
    )
