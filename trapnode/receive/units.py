"""The desk's file of units: who is who, which card has which key, how downlinks go out. TOML.

Strict: an unknown key is an error. It holds keys and passwords: nobody else's to read (`chmod
600`), and no error repeats one. A unit's cards stand in the order in which they went into it:
`trapnode keys radio` prints the lines for a new one, they go to the end.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from trapnode.config import Section, checked
from trapnode.errors import ConfigError
from trapnode.message.sealing import CardKey

__all__ = [
    "MODEM",
    "TEMPLATE",
    "Card",
    "CardSection",
    "ChirpStackApi",
    "Desk",
    "DeskFile",
    "RockBlockApi",
    "TtsApi",
    "Unit",
    "UnitSection",
    "desk_of",
    "read",
]

TEMPLATE = """\
[receive]
token = "put-32-letters-and-digits-here"  # webhooks go to https://HOST/TOKEN/rockblock
silent_days = 3.0

[rockblock]  # only what you use; likewise [tts], [chirpstack], [folder]
username = "park@example.org"
password = ""
public_key = ""  # of Ground Control: verify each webhook's JWT with it

[[unit]]
name = "AL07"
modem = "300234010753370"  # IMEI or DevEUI
carrier = "rockblock"      # its downlinks go this way

[[unit.card]]  # `trapnode keys radio` on the unit prints these lines
generation = 1
key = "00112233445566778899aabbccddeeff"
"""
MODEM = re.compile(r"[0-9]{15}|[0-9A-F]{16}")
KEY = re.compile(r"[0-9a-fA-F]{32}")
TOKEN = re.compile(r"([A-Za-z0-9_-]{16,128})?")
URL = re.compile(r"(https?://[!-~]+)?")

CarrierName = Literal["none", "rockblock", "tts", "chirpstack", "folder"]


class CardSection(Section, frozen=True):
    """A card's key, by its generation."""

    generation: Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]
    key: str
    revoked: bool = False  # Stolen or lost: nothing of it is believed any more.
    since: date | None = None  # For people.


class UnitSection(Section, frozen=True):
    """One unit."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,16}$")]
    modem: str
    carrier: CarrierName = "none"
    device: str = ""  # Its device id at The Things Stack; empty: eui- and its DevEUI.
    ack_hours: Annotated[float, Meta(ge=0, le=8760)] = 24.0  # At most one bare ack in so long.
    card: tuple[CardSection, ...] = ()


class ReceiveSection(Section, frozen=True):
    """The receiver itself."""

    token: str = ""
    silent_days: Annotated[float, Meta(gt=0, le=365)] = 3.0
    utc_offset_min: Annotated[int, Meta(ge=-720, le=840)] = 0  # Of deployments without an offset.


class RockBlockApi(Section, frozen=True):
    """RockBLOCK: who we are there, and how we know that a webhook is theirs."""

    username: str = ""
    password: str = ""
    public_key: str = ""
    url: str = "https://rockblock.rock7.com/rockblock/MT"


class TtsApi(Section, frozen=True):
    """The Things Stack."""

    url: str = ""  # https://eu1.cloud.thethings.network
    application: str = ""
    webhook: str = ""
    key: str = ""


class ChirpStackApi(Section, frozen=True):
    """ChirpStack's REST API."""

    url: str = ""  # http://localhost:8090
    key: str = ""


class FolderApi(Section, frozen=True):
    """A folder that takes one file for each downlink."""

    path: str = ""


class DeskFile(Section, frozen=True):
    """The whole file."""

    receive: ReceiveSection = ReceiveSection()
    rockblock: RockBlockApi = RockBlockApi()
    tts: TtsApi = TtsApi()
    chirpstack: ChirpStackApi = ChirpStackApi()
    folder: FolderApi = FolderApi()
    unit: tuple[UnitSection, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """One card that was or is in a unit."""

    key: CardKey
    revoked: bool


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit, its cards newest first."""

    name: str
    modem: str
    carrier: CarrierName
    device: str
    ack_hours: float
    cards: tuple[Card, ...]

    def card(self, generation: int) -> Card | None:
        """Give the card of a generation, if it may still be believed."""
        found = (each for each in self.cards if each.key.generation == generation)
        return next((each for each in found if not each.revoked), None)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the desk knows of its units and carriers."""

    units: tuple[Unit, ...] = ()
    token: str = field(default="", repr=False)
    silent_days: float = 3.0
    utc_offset_min: int = 0
    rockblock: RockBlockApi = field(default=RockBlockApi(), repr=False)
    tts: TtsApi = field(default=TtsApi(), repr=False)
    chirpstack: ChirpStackApi = field(default=ChirpStackApi(), repr=False)
    folder: str = ""
    file: DeskFile = field(default=DeskFile(), repr=False)  # As it is written.

    def of_modem(self, modem: str) -> Unit | None:
        """Give the unit behind a modem."""
        return next((each for each in self.units if each.modem == modem), None)

    def of_name(self, name: str) -> Unit | None:
        """Give a unit by its name."""
        return next((each for each in self.units if each.name == name), None)


def read(path: Path) -> Desk:
    """Read the file strictly; raise ConfigError."""
    try:
        return desk_of(checked(path.read_text("utf-8"), DeskFile, str(path)), path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def desk_of(file: DeskFile, path: Path) -> Desk:
    """Check what no section knows alone; raise ConfigError."""
    if not TOKEN.fullmatch(file.receive.token):
        raise ConfigError(f"{path}: receive.token: 16 to 128 letters, digits, - and _, or empty")
    for name in ("rockblock", "tts", "chirpstack"):
        if not URL.fullmatch(getattr(file, name).url):
            raise ConfigError(f"{path}: {name}.url: must begin with https:// or http://")
    units = tuple(_unit(path, each) for each in file.unit)
    _once(path, "unit", (each.name for each in units))
    _once(path, "modem", (each.modem for each in units))
    keys = [card.key.key for unit in units for card in unit.cards]
    if len(set(keys)) != len(keys):
        raise ConfigError(f"{path}: two cards have the same key: make a new one for one of them")
    return Desk(
        units,
        file.receive.token,
        file.receive.silent_days,
        file.receive.utc_offset_min,
        file.rockblock,
        file.tts,
        file.chirpstack,
        file.folder.path,
        file,
    )


def _unit(path: Path, unit: UnitSection) -> Unit:
    name = f"{path}: unit {unit.name}"
    modem = unit.modem.upper()
    if not MODEM.fullmatch(modem):
        raise ConfigError(
            f"{name}: modem {unit.modem!r}: must be an IMEI (15 digits) or a DevEUI (16 hex digits)"
        )
    for card in unit.card:
        if not KEY.fullmatch(card.key):  # Never repeated.
            raise ConfigError(f"{name}: card {card.generation}: key: must be 32 hex digits")
    _once(path, f"card of unit {unit.name}", (str(each.generation) for each in unit.card))
    return Unit(
        unit.name,
        modem,
        unit.carrier,
        unit.device or f"eui-{modem.lower()}",
        unit.ack_hours,
        tuple(
            Card(CardKey(each.generation, bytes.fromhex(each.key)), each.revoked)
            for each in reversed(unit.card)
        ),
    )


def _once(path: Path, what: str, names: Iterable[str]) -> None:
    listed = list(names)
    if twice := sorted({each for each in listed if listed.count(each) > 1}):
        raise ConfigError(f"{path}: {what} {', '.join(twice)}: is there twice")
