"""The commands around sticks: on the desk a secret, keys, authorisations; on the unit the dump."""

import argparse
import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trapnode.cli import CONFIG
from trapnode.errors import StoreError, UsageError

if TYPE_CHECKING:
    from trapnode.dump.stick import Stick

__all__ = [
    "add_commands",
    "authorise",
    "dump",
    "gone",
    "key",
    "new",
    "release",
    "secret_in",
    "units_of",
]

UNIT = re.compile("[A-Za-z0-9]{1,16}")  # As `unit.name` of the configuration.


def add_commands(add: Callable[..., argparse.ArgumentParser], commands: Any) -> None:
    """Add the command of this module to the parser."""
    example = "trapnode stick authorise /media/stick --secret park.stick --unit AL07 AL08"
    does = "let a USB stick carry a unit's pictures away, and bring them to it"
    stick = add(commands, "stick", does, "trapnode.cli.stick:new", example)
    actions = stick.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, does: str, example: str) -> argparse.ArgumentParser:
        return add(actions, name, does, f"trapnode.cli.stick:{name}", f"trapnode stick {example}")

    made = action("new", "make the park's secret, once, on the desk", "new park.stick")
    made.add_argument("secret", metavar="FILE", help="a new file; keep it away from every unit")
    keyed = action("key", "print a unit's key for its config.toml", "key park.stick --unit AL07")
    keyed.add_argument("secret", metavar="FILE", help="the park's secret")
    keyed.add_argument("--unit", metavar="CODE", required=True, help="its unit.name")
    allowed = action("authorise", "let a stick have the pictures of units", example[15:])
    allowed.add_argument("mount", metavar="MOUNT", help="folder of the stick")
    allowed.add_argument("--secret", metavar="FILE", required=True, help="the park's secret")
    allowed.add_argument("--unit", metavar="CODE", nargs="+", required=True, help="units")
    allowed.add_argument("--until", metavar="DATE", help="last day: 2027-01-31 (default: for ever)")
    _add_on_unit(action("dump", "copy what the unit has (systemd does)", "dump /media/stick"))
    _add_on_unit(action("release", "once unmounted: it may be pulled", "release /media/stick"))
    _add_on_unit(action("gone", "once pulled: the LED is dark", "gone /media/stick"))


def _add_on_unit(command: argparse.ArgumentParser) -> None:
    command.add_argument("mount", metavar="MOUNT", help="where the stick is mounted")
    command.add_argument(
        "--config", metavar="FILE", default=CONFIG, help="configuration (default: %(default)s)"
    )


def new(arguments: argparse.Namespace) -> None:
    """Make the park's secret."""
    import secrets

    from trapnode.cli.keys import write_secret
    from trapnode.policy.authorisation import KEY_BYTES

    file = Path(arguments.secret)
    if file.exists():
        raise UsageError(f"{file}: is there already, and a secret is never written over")
    write_secret(file, f"# trapnode stick secret 1\n{secrets.token_hex(KEY_BYTES)}\n")
    print(f"{file}: the secret that authorises sticks; keep it, and a copy, away from every unit")


def key(arguments: argparse.Namespace) -> None:
    """Print the key of a unit."""
    from trapnode.policy.authorisation import unit_key

    unit = units_of([arguments.unit])[0]
    print(f"# for the config.toml of {unit} alone:\n[stick]")
    print(f'key = "{unit_key(secret_in(Path(arguments.secret)), unit).hex()}"')


def authorise(arguments: argparse.Namespace) -> None:
    """Write the authorisation to a stick."""
    from datetime import date

    from trapnode.policy.authorisation import FILE, authorisation
    from trapnode.store.disk import RealDisk, write_whole

    mount, units = Path(arguments.mount), units_of(arguments.unit)
    if not mount.is_dir():
        raise UsageError(f"{mount}: is no folder: give the one where the stick is mounted")
    try:
        until = date.fromisoformat(arguments.until) if arguments.until else None
    except ValueError:
        raise UsageError(f"--until {arguments.until}: must be a day like 2027-01-31") from None
    content = authorisation(secret_in(Path(arguments.secret)), units, until)
    try:
        write_whole(RealDisk(), mount / FILE, content)
    except OSError as error:
        raise StoreError(f"{mount / FILE}: cannot be written: {error}") from error
    ends = f"until {until}" if until else "for ever"
    print(f"{mount / FILE}: may carry away the pictures of {', '.join(units)} {ends}")


def dump(arguments: argparse.Namespace) -> None:
    """Copy the unit's dump to a stick that may have it."""
    import tempfile

    from trapnode.cli.process import last_good
    from trapnode.config import read_at_boot
    from trapnode.devices.clock import SystemClock
    from trapnode.dump.stick import Terms
    from trapnode.store.reading import open_for_dump
    from trapnode.store.seals import read_seals

    at_boot = read_at_boot(Path(arguments.config), last_good())
    config, clock = at_boot.config, SystemClock()
    state, stick = Path(config.paths.state), _stick(arguments)
    with contextlib.ExitStack() as stack:
        stack.enter_context(stick.telling())
        try:  # In RAM: the card may take no more writes.
            scratch = stack.enter_context(tempfile.TemporaryDirectory(dir=config.paths.run))
        except OSError as error:
            raise StoreError(f"{config.paths.run}: cannot be written: {error}") from error
        store = stack.enter_context(contextlib.closing(open_for_dump(state, Path(scratch))))
        seals = config.sealing.recipients or (at_boot.fault and read_seals(state))
        terms = Terms(
            unit=config.unit.name,
            utc_offset_min=config.unit.utc_offset_min,
            key=bytes.fromhex(config.stick.key),
            seals=bool(seals),
            now=clock.now(),
            trust=clock.trust(),
        )
        print(stick.copy(store, terms, clock.monotonic))


def release(arguments: argparse.Namespace) -> None:
    """Say that the stick may be pulled."""
    _stick(arguments).release()


def gone(arguments: argparse.Namespace) -> None:
    """Note that the stick is out."""
    _stick(arguments).gone()


def _stick(arguments: argparse.Namespace) -> "Stick":
    from trapnode.cli.process import last_good
    from trapnode.config import read_at_boot
    from trapnode.devices.led import Led
    from trapnode.dump.stick import Stick

    config = read_at_boot(Path(arguments.config), last_good()).config
    led, run = Led(config.stick.led), Path(config.paths.run)
    return Stick(Path(arguments.mount), run, led, os.path.ismount)


def units_of(codes: list[str]) -> list[str]:
    """Check names of units, each once; raise UsageError."""
    for each in codes:
        if UNIT.fullmatch(each) is None:
            raise UsageError(f"--unit {each}: must be 1 to 16 letters and digits, as unit.name")
    return list(dict.fromkeys(codes))


def secret_in(file: Path) -> bytes:
    """Read the park's secret; raise UsageError."""
    from trapnode.policy.authorisation import KEY_BYTES

    try:
        with file.open(encoding="utf-8") as opened:
            lines = [each for each in opened.read(4096).split("\n") if not each.startswith("#")]
        found = bytes.fromhex("".join(lines))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    except ValueError:
        found = b""
    if len(found) != KEY_BYTES:
        raise UsageError(f"{file}: is no secret that `trapnode stick new` made")
    return found
