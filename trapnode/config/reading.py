"""TOML to checked, frozen sections.

Strict where a person is present (`read`): an unknown key is an error. At boot (`read_at_boot`) a
broken file costs no picture: the last good configuration stands in for it, then the defaults.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from trapnode.bech32 import is_public_half
from trapnode.config.options import options, toml, values
from trapnode.config.pins import clash
from trapnode.config.sections import Config, Modem, Power, Uplink
from trapnode.errors import ConfigError

__all__ = ["AtBoot", "checked", "overlaid", "parse", "read", "read_at_boot"]

PRIVATE = "AGE-SECRET-KEY-"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AtBoot:
    """What the unit runs with, and what a person should know of it (empty: all is well)."""

    config: Config
    fault: str = ""


def checked(text: str, kind: type[T], name: str) -> T:
    """Check TOML text against a section; raise ConfigError naming the key, value and limit."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # A number too long, brackets too deep.
        raise ConfigError(f"{name}: not TOML: {error}") from error
    return _converted(table, kind, name)


def parse(text: str, name: str = "configuration") -> Config:
    """Check the text of a configuration; raise ConfigError."""
    for number, line in enumerate(text.splitlines(), 1):
        if PRIVATE in line.upper():  # Before all else: no error may repeat it.
            raise ConfigError(
                f"{name}: line {number} holds a private key, which must never be on a unit:"
                " give the public half (age1...), and make new keys if this file was on a card"
            )
    config = checked(text, Config, name)
    _check_together(config, name)
    return config


def overlaid(config: Config, values: Mapping[str, Any], name: str = "settings") -> Config:
    """Lay values (`burst.frames`: 2) over a configuration; raise ConfigError as `parse` does."""
    table = msgspec.to_builtins(config)
    for option, value in values.items():
        section, _, key = option.partition(".")
        table.setdefault(section, {})[key] = value
    changed = _converted(table, Config, name)
    _check_together(changed, name)
    return changed


def read(path: Path) -> Config:
    """Read a configuration file strictly; raise ConfigError."""
    try:
        return parse(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def read_at_boot(path: Path, last_good: Path) -> AtBoot:
    """Read the configuration, or the last good one, or take the defaults; never raise."""
    try:
        return AtBoot(read(path))
    except ConfigError as error:
        fault = str(error)
    try:
        return AtBoot(read(last_good), f"{fault}; running on the last good configuration")
    except ConfigError:
        return AtBoot(Config(), f"{fault}; running on built-in defaults")


def _converted(table: dict[str, Any], kind: type[T], name: str) -> T:
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_explain(str(error), table)}") from error


def _check_together(config: Config, name: str) -> None:
    """Check what no section knows alone; raise ConfigError."""
    _check_recipients(config.sealing.recipients, name)
    _check_secret("stick.key", config.stick.key, 64, name)
    _check_secret("console.key", config.console.key, 64, name)
    _check_modem(config.modem, name)
    _check_uplink(config.uplink, name)
    _check_power(config.power, name)
    if shared := clash({each.name: value for each, value in values(config)}):
        raise ConfigError(f"{name}: {shared}")
    if config.burst.frames > config.burst.frames_max:
        raise ConfigError(
            f"{name}: burst.frames = {config.burst.frames}: "
            f"more than burst.frames_max = {config.burst.frames_max}"
        )


def _check_recipients(recipients: tuple[str, ...], name: str) -> None:
    for number, each in enumerate(recipients, 1):
        if not is_public_half(each):  # Which may be a private one, mistyped: never repeated.
            raise ConfigError(
                f"{name}: sealing.recipients: number {number} is no public half (age1...)"
            )


def _check_secret(option: str, value: str, digits: int, name: str) -> None:
    if re.fullmatch(f"([0-9a-f]{{{digits}}})?", value) is None:  # Without repeating it.
        raise ConfigError(
            f"{name}: {option}: must be the {digits} hex digits (0-9, a-f) of a key, or empty, not"
            f" these {len(value)} characters"
        )


def _check_modem(modem: Modem, name: str) -> None:
    _check_secret("modem.app_key", modem.app_key, 32, name)
    if modem.kind == "lorawan":
        for option in ("dev_eui", "app_eui", "app_key"):
            if not getattr(modem, option):
                raise ConfigError(f'{name}: modem.{option}: is empty, and kind "lorawan" needs it')


def _check_uplink(uplink: Uplink, name: str) -> None:
    _check_secret("uplink.key", uplink.key, 32, name)
    if bool(uplink.key) is not (uplink.generation > 0):
        raise ConfigError(
            f"{name}: uplink.generation = {uplink.generation}: must be 1 or more with an"
            " uplink.key, and 0 without one"
        )


def _check_power(power: Power, name: str) -> None:
    if power.profile == "gated" and power.board == "none":
        raise ConfigError(
            f'{name}: power.board = "none": profile "gated" needs a board that wakes the unit'
            " again: latch, wittypi4 or pi5"
        )
    if power.empty_mv > power.low_mv:
        raise ConfigError(
            f"{name}: power.empty_mv = {power.empty_mv}: more than power.low_mv = {power.low_mv}"
        )


def _explain(message: str, table: dict[str, Any]) -> str:
    """Turn msgspec's `Expected ... - at `$.trigger.pir_pin`` into our words, with the value."""
    match = re.fullmatch(r"(.*) - at `\$\.?(.*)`", message, re.DOTALL)
    if match is None:
        return message
    complaint, path = match.groups()
    value: Any = table
    for key in re.findall(r"[^.\[\]]+", path):
        value = value[int(key)] if isinstance(value, list) else value.get(key)
    if complaint.startswith("Invalid enum value"):
        limits = (each.limits for each in options() if each.name == path)
        complaint = next((f"Expected {each}" for each in limits), complaint)
    if isinstance(value, dict | list):
        return f"{path}: {complaint}" if path else complaint
    return f"{path} = {toml(value)}: {complaint}"
