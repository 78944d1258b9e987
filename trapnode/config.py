"""TOML to checked, frozen sections.

Strict where a person is present (`read`): an unknown key is an error. At boot (`read_at_boot`) a
broken file costs no picture: the last good configuration stands in for it, then the defaults.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from trapnode.bech32 import is_public_half
from trapnode.errors import ConfigError

__all__ = [
    "AtBoot",
    "Config",
    "Option",
    "Section",
    "checked",
    "options",
    "parse",
    "read",
    "read_at_boot",
]


PRIVATE = "AGE-SECRET-KEY-"
KEY = re.compile("([0-9a-f]{64})?")
ABSOLUTE = r"^/[^\x00]+\Z"

T = TypeVar("T")


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the sections below: frozen, and a key that is not listed is an error."""


def _option(description: str, unit: str = "", **limits: Any) -> Meta:
    return Meta(description=description, extra={"unit": unit}, **limits)


class Unit(Section, frozen=True):
    """Who this unit is; never where."""

    name: Annotated[
        str,
        _option("station code, in every file name and record", pattern=r"^[A-Za-z0-9]{1,16}\Z"),
    ] = "TRAP"
    utc_offset_min: Annotated[
        int, _option("fixed offset of local time in pictures", "min", ge=-720, le=840)
    ] = 600


class Paths(Section, frozen=True):
    """Where the unit keeps things."""

    state: Annotated[
        str, _option("folder of the store: rows, frames, previews", pattern=ABSOLUTE)
    ] = "/var/lib/trapnode"
    run: Annotated[str, _option("folder in RAM: doorbells, status snapshot", pattern=ABSOLUTE)] = (
        "/run/trapnode"
    )


class TriggerSection(Section, frozen=True):
    """What wakes us."""

    pir_pin: Annotated[int, _option("GPIO (BCM number) of the PIR", ge=2, le=27)] = 17
    camera_delay_s: Annotated[
        float, _option("time after a trigger in which activity is ignored", "s", ge=0, le=3600)
    ] = 1.0


class Burst(Section, frozen=True):
    """How many frames a trigger makes."""

    frames: Annotated[int, _option("frames of every burst", ge=1, le=20)] = 3
    frames_max: Annotated[int, _option("most frames while the PIR stays active", ge=1, le=60)] = 12
    interval_s: Annotated[
        float, _option("from one frame of a burst to the next", "s", ge=0, le=10)
    ] = 0.3


class Sorter(Section, frozen=True):
    """How frames are judged."""

    model: Annotated[
        str,
        _option(
            "set in models/, or the path of its card; installed sets come before it", min_length=1
        ),
    ] = "amur"
    frame_max_s: Annotated[
        float, _option("slowest self-test of a set to install, a frame", "s", ge=0.01, le=60)
    ] = 2.0
    memory_max_mib: Annotated[
        int, _option("most memory of a set to install, in its self-test", "MiB", ge=32, le=256)
    ] = 160
    targets: Annotated[
        tuple[str, ...], _option("labels the unit watches for, never discarded lightly")
    ] = ("leopard",)
    audit_share: Annotated[
        float, _option("share of blank sequences kept whole for audit", ge=0, le=1)
    ] = 0.02
    independence_interval_s: Annotated[
        float, _option("sequences closer than this are one event", "s", ge=0, le=86400)
    ] = 1800.0


class Sealing(Section, frozen=True):
    """Who can open the pictures; with nobody named they lie open."""

    recipients: Annotated[
        tuple[str, ...], _option("public halves (age1...) of the keys that open pictures")
    ] = ()


class Uplink(Section, frozen=True):
    """What is told, and through which modem."""

    modem: Annotated[Literal["sbd", "none"], _option("kind of modem")] = "sbd"
    port: Annotated[str, _option("serial port of the modem", min_length=1)] = "/dev/ttyAMA0"
    at_once: Annotated[tuple[str, ...], _option("labels told at once; the rest is batched")] = (
        "leopard",
        "tiger",
        "person",
        "vehicle",
    )
    batch_s: Annotated[
        float, _option("longest wait of a batched observation", "s", ge=0, le=604800)
    ] = 43200.0


class Keeper(Section, frozen=True):
    """How the unit looks after itself."""

    status_hour: Annotated[
        int, _option("hour (UTC) of the daily status report", "h", ge=0, le=23)
    ] = 2
    battery: Annotated[str, _option("hwmon name of the battery gauge, or empty for none")] = (
        "ina219"
    )


class Card(Section, frozen=True):
    """How full the card may get; the least valuable goes first, targets never."""

    reserve_mib: Annotated[
        int, _option("room that only rows and messages may use", "MiB", ge=16, le=65536)
    ] = 256
    ahead_mib: Annotated[
        int, _option("room beyond it that is kept free for coming bursts", "MiB", ge=0, le=65536)
    ] = 512
    audit_most: Annotated[
        float, _option("share of the card that blanks kept for audit may hold", ge=0, le=1)
    ] = 0.1


class Console(Section, frozen=True):
    """The technician's cable."""

    port: Annotated[str, _option("serial port of the console", min_length=1)] = "/dev/ttyGS0"


class Stick(Section, frozen=True):
    """Who may carry pictures away on a stick, and the LED that says when it may be pulled."""

    key: Annotated[
        str,
        _option("this unit's key for sticks, 64 hex digits; without it only sealed pictures go"),
    ] = ""
    led: Annotated[
        str, _option("LED in /sys/class/leds, or empty for none", pattern=r"^[^/\x00]*\Z")
    ] = "ACT"


class Config(Section, frozen=True):
    """The whole configuration; every default takes pictures."""

    unit: Unit = Unit()
    paths: Paths = Paths()
    trigger: TriggerSection = TriggerSection()
    burst: Burst = Burst()
    sorter: Sorter = Sorter()
    sealing: Sealing = Sealing()
    uplink: Uplink = Uplink()
    keeper: Keeper = Keeper()
    card: Card = Card()
    console: Console = Console()
    stick: Stick = Stick()


@dataclass(frozen=True, slots=True)
class Option:
    """One line of the README's table."""

    name: str
    default: str
    unit: str
    limits: str
    description: str


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
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_explain(str(error), table)}") from error


def parse(text: str, name: str = "configuration") -> Config:
    """Check the text of a configuration; raise ConfigError."""
    for number, line in enumerate(text.splitlines(), 1):
        if PRIVATE in line.upper():  # Before all else: no error may repeat it.
            raise ConfigError(
                f"{name}: line {number} holds a private key, which must never be on a unit:"
                " give the public half (age1...), and make new keys if this file was on a card"
            )
    config = checked(text, Config, name)
    if config.sealing.recipients:
        _check_recipients(config.sealing.recipients, name)
    if not KEY.fullmatch(config.stick.key):
        raise ConfigError(  # Without repeating it.
            f"{name}: stick.key: must be the 64 hex digits that `trapnode stick key` prints, or"
            f" empty, not these {len(config.stick.key)} characters"
        )
    if config.burst.frames > config.burst.frames_max:
        raise ConfigError(
            f"{name}: burst.frames = {config.burst.frames}: "
            f"more than burst.frames_max = {config.burst.frames_max}"
        )
    return config


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


def options() -> Iterator[Option]:
    """List every option with default, unit, limits and meaning, as the README does."""
    for section in msgspec.structs.fields(Config):
        for field in msgspec.structs.fields(section.type):
            meta = field.type.__metadata__[0]
            yield Option(
                name=f"{section.name}.{field.name}",
                default=_toml(field.default),
                unit=(meta.extra or {}).get("unit", ""),
                limits=_limits(field.type, meta),
                description=meta.description or "",
            )


def _check_recipients(recipients: tuple[str, ...], name: str) -> None:
    for number, each in enumerate(recipients, 1):
        if not is_public_half(each):  # Which may be a private one, mistyped: never repeated.
            raise ConfigError(
                f"{name}: sealing.recipients: number {number} is no public half (age1...)"
            )


def _limits(kind: Any, meta: Meta) -> str:
    if meta.ge is not None or meta.le is not None:
        return f"{meta.ge} to {meta.le}"
    if meta.pattern is not None:
        return f"`{meta.pattern}`"
    literals = getattr(kind.__origin__, "__args__", ())
    if literals and all(isinstance(value, str) for value in literals):
        return ", ".join(literals)
    return ""


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


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
    return f"{path} = {_toml(value)}: {complaint}"
