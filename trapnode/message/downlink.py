"""Commands to a unit, and the settings they may change; `trapnode.message` has the format."""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from trapnode.errors import ProtocolError
from trapnode.message.answer import SET, Outcome, Result
from trapnode.message.fields import seconds
from trapnode.message.header import MAX_BODY

__all__ = [
    "ACK_BITS",
    "KEYS",
    "Ack",
    "Command",
    "ConfigKey",
    "Reboot",
    "SendPreview",
    "SendStatus",
    "Set",
    "SetTime",
    "Setting",
    "Unknown",
    "code_of",
    "pack_commands",
    "read_commands",
]

MAX_U24 = 0xFFFFFF
ACK_BITS = 64  # Counters below its highest that an ack tells of.
MAX_ANSWER = MAX_BODY - 4  # An answer tells every outcome, after the downlink's counter.


class Setting(IntEnum):
    """What a command may set; append only."""

    STATUS_HOUR = 1
    BATCH_S = 2
    CREDITS_DAY = 3
    CREDITS_MONTH = 4
    AUDIT_SHARE = 5
    BURST_FRAMES = 6
    CAMERA_DELAY = 7
    MOST_AN_HOUR = 8
    LINGER = 9
    BLANK_LEAST = 10  # It can only keep more: see `Thresholds.at_least`.


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """Where a setting lies in the configuration: the air carries its value times `scale`."""

    section: str
    name: str
    scale: int = 1

    def unscaled(self, value: int) -> int | float:
        """Give the configuration's value for one of the air."""
        return value if self.scale == 1 else value / self.scale


KEYS: Mapping[int, ConfigKey] = {
    Setting.STATUS_HOUR: ConfigKey("keeper", "status_hour"),
    Setting.BATCH_S: ConfigKey("uplink", "batch_s"),
    Setting.CREDITS_DAY: ConfigKey("uplink", "credits_day"),
    Setting.CREDITS_MONTH: ConfigKey("uplink", "credits_month"),
    Setting.AUDIT_SHARE: ConfigKey("sorter", "audit_share", 1000),
    Setting.BURST_FRAMES: ConfigKey("burst", "frames"),
    Setting.CAMERA_DELAY: ConfigKey("trigger", "camera_delay_s", 1000),
    Setting.MOST_AN_HOUR: ConfigKey("uplink", "most_an_hour"),
    Setting.LINGER: ConfigKey("power", "linger_s"),
    Setting.BLANK_LEAST: ConfigKey("sorter", "blank_least", 1000),
}


@dataclass(frozen=True, slots=True)
class Ack:
    """Which messages arrived: `highest`, and each `highest` - 1 - i whose bit i is set."""

    highest: int  # Below 2^24.
    bitmap: int  # 64 bits; a clear one has surely not arrived.

    def arrived(self, counter: int) -> bool | None:
        """Say whether a counter's message arrived; None: it lies outside of what this tells."""
        below = self.highest - 1 - counter
        if below >= ACK_BITS or below < -1:
            return None
        return below == -1 or bool(self.bitmap >> below & 1)


@dataclass(frozen=True, slots=True)
class SendStatus:
    """Send a status report now."""


@dataclass(frozen=True, slots=True)
class SendPreview:
    """Send bytes of a sequence's radio preview; `length` 0: to its end."""

    sequence: int  # Modulo 2^24.
    offset: int = 0
    length: int = 0


@dataclass(frozen=True, slots=True)
class Set:
    """Set something of the configuration; `KEYS` may not know it, or what it is."""

    setting: int
    value: int  # Scaled as on the air.


@dataclass(frozen=True, slots=True)
class SetTime:
    """Set the clock, to the second."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Reboot:
    """Boot anew."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A command newer than this trapnode: what follows it in its downlink cannot be read."""

    code: int


Command = Ack | SendStatus | SendPreview | Set | SetTime | Reboot | Unknown

ACK = struct.Struct(">3sQ")
NOTHING = struct.Struct(">")
PREVIEW = struct.Struct(">3sHH")
SETTING = struct.Struct(">Bi")
TIME = struct.Struct(">I")
CODES: Mapping[type[Command], int] = {
    Ack: 1,
    SendStatus: 2,
    SendPreview: 3,
    Set: SET,
    SetTime: 5,
    Reboot: 6,
}
"""Codes on the air; append only."""
READERS: Mapping[int, tuple[struct.Struct, Callable[..., Command]]] = {
    CODES[Ack]: (ACK, lambda highest, bitmap: Ack(int.from_bytes(highest, "big"), bitmap)),
    CODES[SendStatus]: (NOTHING, SendStatus),
    CODES[SendPreview]: (
        PREVIEW,
        lambda sequence, *span: SendPreview(int.from_bytes(sequence, "big"), *span),
    ),
    CODES[Set]: (SETTING, Set),
    CODES[SetTime]: (TIME, lambda at_s: SetTime(datetime.fromtimestamp(at_s, UTC))),
    CODES[Reboot]: (NOTHING, Reboot),
}


def code_of(command: Command) -> int:
    """Give a command's code on the air."""
    return command.code if isinstance(command, Unknown) else CODES[type(command)]


def pack_commands(commands: Sequence[Command]) -> bytes:
    """Pack commands into a body; raise ValueError for what does not fit, nor does its answer."""
    try:
        body = b"".join(bytes([code_of(each)]) + _arguments(each) for each in commands)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{commands}: does not fit its field: {error}") from error
    if not 0 < len(body) <= MAX_BODY or _answer_size(commands) > MAX_ANSWER:
        raise ValueError(
            f"{len(commands)} commands of {len(body)} bytes, answered with"
            f" {_answer_size(commands)}: {MAX_BODY} and {MAX_ANSWER} fit"
        )
    return body


def read_commands(body: bytes) -> tuple[Command, ...]:
    """Read commands; one that is not known ends them, as Unknown. Raise ProtocolError."""
    if not 0 < len(body) <= MAX_BODY:
        raise ProtocolError(f"commands of {len(body)} bytes: 1 to {MAX_BODY}")
    commands: list[Command] = []
    while body:
        fields, make = READERS.get(body[0], (NOTHING, None))
        if make is None:
            commands.append(Unknown(body[0]))
            break
        if len(body) < 1 + fields.size:
            raise ProtocolError(
                f"command {body[0]}: {fields.size} bytes follow, {len(body) - 1} are there"
            )
        commands.append(make(*fields.unpack_from(body, 1)))
        body = body[1 + fields.size :]
    if _answer_size(commands) > MAX_ANSWER:
        raise ProtocolError(f"{len(commands)} commands: more than one answer can tell")
    return tuple(commands)


def _answer_size(commands: Sequence[Command]) -> int:
    """Give the bytes of the outcomes: acks have none."""
    told = (each for each in commands if not isinstance(each, Ack))
    return sum(Outcome(code_of(each), Result.APPLIED).size for each in told)


def _arguments(command: Command) -> bytes:
    match command:
        case Ack(highest, bitmap):
            return ACK.pack(highest.to_bytes(3, "big"), bitmap)
        case SendPreview(sequence, offset, length):
            return PREVIEW.pack((sequence & MAX_U24).to_bytes(3, "big"), offset, length)
        case Set(setting, value):
            return SETTING.pack(setting, value)
        case SetTime(at):
            return TIME.pack(seconds(at))
        case _:
            return b""
