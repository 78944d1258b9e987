"""The command `decode`: a message of either direction as JSON, opened if its key is given."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

__all__ = ["add_command"]


def add_command(add: "Callable[..., argparse.ArgumentParser]", commands: Any) -> None:
    """Add the command to the line."""
    command = add(
        commands,
        "decode",
        "a message as JSON; without its card's key what it says in clear",
        "trapnode.cli.decoding:decode",
        "trapnode decode 110001... --key 2b7e151628aed2a6abf7158809cf4f3c --generation 7",
    )
    command.add_argument("hex", metavar="HEX", help="the message's bytes, spaces allowed")
    command.add_argument("--key", metavar="HEX", help="the card's radio key, 32 digits")
    command.add_argument("--generation", metavar="N", type=int, help="the card's generation")
    command.add_argument(
        "--highest",
        metavar="N",
        type=int,
        default=0,
        help="the card's highest counter before this message, or that of its downlinks"
        " (default: %(default)s)",
    )
