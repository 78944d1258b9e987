"""A person's words as a command to a unit."""

from collections.abc import Sequence
from datetime import datetime

from trapnode.config import parse
from trapnode.errors import ConfigError, UsageError
from trapnode.message.downlink import (
    KEYS,
    Command,
    Reboot,
    SendPreview,
    SendStatus,
    Set,
    SetTime,
    pack_commands,
)

__all__ = ["command_of"]


def command_of(words: Sequence[str], now: datetime) -> Command:
    """Read a command; raise UsageError."""
    try:
        command = _read(words, now)
        pack_commands([command])
    except (ValueError, ConfigError) as error:
        raise UsageError(f"{' '.join(words)}: {error}") from error
    return command


def _read(words: Sequence[str], now: datetime) -> Command:
    match list(words):
        case ["status"]:
            return SendStatus()
        case ["preview", sequence]:
            return SendPreview(int(sequence))
        case ["preview", sequence, first]:
            return SendPreview(int(sequence), int(first))
        case ["preview", sequence, first, length]:
            return SendPreview(int(sequence), int(first), int(length))
        case ["set", name, value]:
            return _set(name, value)
        case ["time"]:
            return SetTime(now)
        case ["reboot"]:
            return Reboot()
    raise ValueError(
        "one of: status; preview SEQUENCE [FIRST [LENGTH]]; set NAME VALUE; time; reboot"
    )


def _set(name: str, value: str) -> Set:
    """Check a value as the unit's configuration would, and scale it as the air carries it."""
    names = {f"{key.section}.{key.name}": (code, key) for code, key in KEYS.items()}
    if name not in names:
        raise ValueError(f"{name}: one of {', '.join(names)}")
    code, key = names[name]
    if not value.replace(".", "", 1).isdecimal():
        raise ValueError(f"{value!r} is no number")
    config = parse(f"[{key.section}]\n{key.name} = {value}\n", "value")
    return Set(code, round(getattr(getattr(config, key.section), key.name) * key.scale))
