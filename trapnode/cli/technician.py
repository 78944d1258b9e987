"""What a technician types at a shell: the self-test on the unit, keys and answers on the laptop."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trapnode.cli import CONFIG
from trapnode.errors import UsageError

__all__ = ["add_commands", "answer", "key", "route", "selftest"]

ROUTE = "# trapnode console keys 1"


def add_commands(add: Callable[..., argparse.ArgumentParser], commands: Any) -> None:
    """Add the commands of this module to the parser."""
    does = "look at every part of this unit: pass or fail, and what to do"
    run = "trapnode.cli.technician:selftest"
    test = add(commands, "selftest", does, run, "trapnode selftest")
    test.add_argument(
        "--config", metavar="FILE", default=CONFIG, help="configuration (default: %(default)s)"
    )
    test.add_argument("--twins", metavar="DIR", help="of a unit on simulated twins")
    example = "trapnode unlock answer route.keys --unit AL07 00112233aabbccdd"
    does = "keys of consoles, and the answer that unlocks one"
    unlock = add(commands, "unlock", does, "trapnode.cli.technician:key", example)
    actions = unlock.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, does: str, example: str) -> argparse.ArgumentParser:
        run = f"trapnode.cli.technician:{name}"
        return add(actions, name, does, run, f"trapnode unlock {example}")

    keyed = action("key", "print a unit's key for its config.toml", "key park.stick --unit AL07")
    keyed.add_argument("secret", metavar="FILE", help="the park's secret, of `trapnode stick new`")
    keyed.add_argument("--unit", metavar="CODE", required=True, help="its unit.name")
    does = "write the keys of a route's units, for the laptop that goes along"
    routed = action("route", does, "route park.stick --unit AL07 AL08 --out route.keys")
    routed.add_argument("secret", metavar="FILE", help="the park's secret; it stays on the desk")
    routed.add_argument("--unit", metavar="CODE", nargs="+", required=True, help="units")
    routed.add_argument("--out", metavar="FILE", required=True, help="a new file")
    answered = action("answer", "answer a unit's nonce", example[16:])
    answered.add_argument("secret", metavar="FILE", help="a route's keys, or the park's secret")
    answered.add_argument("nonce", metavar="NONCE", help="16 hex digits, from the unit")
    answered.add_argument("--unit", metavar="CODE", required=True, help="its unit.name")


def selftest(arguments: argparse.Namespace) -> int:
    """Run the console's self-test here; give 0 if all passed."""
    import logging

    from trapnode.cli.cable import unit_of
    from trapnode.cli.options import Options
    from trapnode.cli.process import process
    from trapnode.console import Failed, Wait, begin

    with process("selftest", Options(arguments.config, arguments.twins)) as own:
        logging.getLogger().setLevel(logging.WARNING)  # The lines below say it.
        unit = unit_of(own)
        steps = begin(unit, "selftest")
        try:
            while not own.stop():
                step = next(steps)
                if isinstance(step, Wait):
                    own.clock.wait([own.stop], step.seconds)
                else:
                    print(step, flush=True)
        except StopIteration:
            return 0
        except Failed as error:
            print(error.text(unit.texts), file=sys.stderr)
    return 1


def key(arguments: argparse.Namespace) -> None:
    """Print the key of a unit."""
    from trapnode.cli.stick import secret_in, units_of
    from trapnode.policy.session import unit_key

    unit = units_of([arguments.unit])[0]
    print(f"# for the config.toml of {unit} alone:\n[console]")
    print(f'key = "{unit_key(secret_in(Path(arguments.secret)), unit).hex()}"')


def route(arguments: argparse.Namespace) -> None:
    """Write the keys of some units."""
    from trapnode.cli.keys import write_secret
    from trapnode.cli.stick import secret_in, units_of
    from trapnode.policy.session import unit_key

    secret, units = secret_in(Path(arguments.secret)), units_of(arguments.unit)
    lines = [ROUTE, *(f"{each} {unit_key(secret, each).hex()}" for each in units), ""]
    write_secret(Path(arguments.out), "\n".join(lines))
    print(f"{arguments.out}: opens the consoles of {', '.join(units)}, and of no other unit")


def answer(arguments: argparse.Namespace) -> None:
    """Print the answer to a nonce."""
    from trapnode.policy import session

    try:
        nonce = bytes.fromhex(arguments.nonce)
    except ValueError:
        nonce = b""
    if len(nonce) != session.NONCE_BYTES:
        raise UsageError(
            f"{arguments.nonce[:40]!r}: a nonce is {2 * session.NONCE_BYTES} hex digits"
        )
    print(session.answer(_unit_key(Path(arguments.secret), arguments.unit), nonce).hex())


def _unit_key(file: Path, unit: str) -> bytes:
    """Find the key of a unit in a route's file, or derive it from the park's secret."""
    from trapnode.cli.stick import secret_in
    from trapnode.policy.session import KEY_BYTES, unit_key

    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read: {error}") from error
    if lines[:1] != [ROUTE]:
        return unit_key(secret_in(file), unit)
    keys = dict(line.split(" ", 1) for line in lines[1:] if " " in line)
    if unit not in keys:
        raise UsageError(f"{file}: holds no key of {unit}; it has {', '.join(sorted(keys))}")
    try:
        found = bytes.fromhex(keys[unit])
    except ValueError:
        found = b""
    if len(found) != KEY_BYTES:
        raise UsageError(f"{file}: the key of {unit} is damaged: make the file again")
    return found
