"""What a message says, in JSON's words; its line of the command line is in `decode`."""

import argparse
import dataclasses
import json
import re
from datetime import datetime
from typing import TYPE_CHECKING

from trapnode.errors import UsageError

if TYPE_CHECKING:
    from trapnode.message import Header, Outcome, Told
    from trapnode.message.downlink import Command
    from trapnode.message.sealing import CardKey

__all__ = ["decode"]


def decode(arguments: argparse.Namespace) -> None:
    """Print a message as JSON."""
    from trapnode.message import read_header

    payload = _bytes_of(arguments.hex, "HEX")
    header = read_header(payload)
    told: dict[str, object] = {
        "version": header.version,
        "kind": header.kind.value,
        "counter16": header.counter16,
    }
    if key := _key_of(arguments):
        told |= _opened(payload, header, key, arguments.highest)
    else:
        told["sealed"] = f"{len(payload)} bytes: --key and --generation open them"
    print(json.dumps(told, indent=2, ensure_ascii=False))


def _opened(payload: bytes, header: "Header", key: "CardKey", highest: int) -> dict[str, object]:
    from trapnode.message import read_body
    from trapnode.message.downlink import read_commands
    from trapnode.message.sealing import open_downlink, open_uplink
    from trapnode.model import MessageKind

    if header.kind is MessageKind.COMMANDS:
        counter, body = open_downlink(payload, key, highest)
        return {"counter": counter, "commands": [*map(_command, read_commands(body))]}
    opened = open_uplink(payload, key, highest)
    counted = {} if opened.kind is MessageKind.CARD_FAILED else {"counter": opened.counter}
    return counted | _what(read_body(opened.kind, opened.body))


def _what(told: "Told") -> dict[str, object]:
    """Give what a message tells under its name, and nothing that it does not tell."""
    names = (field.name for field in dataclasses.fields(told) if field.name != "kind")
    return {name: _plain(value) for name in names if (value := getattr(told, name))}


def _plain(value: object) -> object:
    """Say a value in JSON's words."""
    from trapnode.message import Faults, Outcome, Result

    match value:
        case Faults():
            return [flag.name for flag in value]
        case Result():
            return value.name.lower()
        case Outcome():
            return _outcome(value)
        case datetime():
            return value.isoformat()
        case bytes():
            return value.hex()
        case tuple():
            return [*map(_plain, value)]
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: _plain(getattr(value, field.name)) for field in fields}
    return value


def _outcome(outcome: "Outcome") -> dict[str, object]:
    from trapnode.message.answer import SET

    told: dict[str, object] = {"command": _name(outcome.command), "result": _plain(outcome.result)}
    if outcome.command == SET and outcome.setting is not None:
        told |= _setting(outcome.setting, outcome.value or 0)
    return told


def _command(command: "Command") -> dict[str, object]:
    from trapnode.message.downlink import Set, Unknown, code_of

    told: dict[str, object] = {"command": _name(code_of(command))}
    match command:
        case Set(setting, value):
            return told | _setting(setting, value)
        case Unknown():
            return told
    fields = dataclasses.asdict(command)
    return told | {name: _plain(value) for name, value in fields.items()}


def _name(code: int) -> str:
    from trapnode.message.downlink import CODES

    words = {code: re.sub("(?<=.)(?=[A-Z])", " ", kind.__name__) for kind, code in CODES.items()}
    return words.get(code, f"unknown {code}").lower()


def _setting(code: int, value: int) -> dict[str, object]:
    from trapnode.message.downlink import KEYS

    if key := KEYS.get(code):
        return {"setting": f"{key.section}.{key.name}", "value": key.unscaled(value)}
    return {"setting": f"unknown {code}", "value": value}


def _key_of(arguments: argparse.Namespace) -> "CardKey | None":
    if (arguments.key is None) != (arguments.generation is None):
        raise UsageError("--key and --generation: one goes with the other")
    if arguments.key is None:
        return None
    from trapnode.message.sealing import CardKey

    try:
        return CardKey(arguments.generation, _bytes_of(arguments.key, "--key"))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _bytes_of(text: str, name: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        shown = "" if name == "--key" else f" {text!r}"  # A key is nobody's to read in a log.
        raise UsageError(f"{name}{shown} is not hex: {error}") from error
