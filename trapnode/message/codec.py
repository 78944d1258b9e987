"""Packing and reading messages; the format is the docstring of `trapnode.message`."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntFlag

from trapnode.errors import ProtocolError
from trapnode.model import TAXA, ClockTrust, MessageKind, Observation, WakeReason

__all__ = [
    "MAX_BODY",
    "MAX_MESSAGE",
    "MAX_RECORDS",
    "Decoded",
    "Faults",
    "ObservationRecord",
    "Status",
    "decode",
    "pack_message",
    "pack_observation",
    "pack_status",
]

VERSION = 1
KINDS = {MessageKind.OBSERVATIONS: 1, MessageKind.STATUS: 2}
HEADER = struct.Struct(">BH")
TAG = 8  # Room kept for the seal.
MAX_MESSAGE = 50  # One Iridium credit; LoRaWAN takes 51 at its lowest data rate.
MAX_BODY = MAX_MESSAGE - HEADER.size - TAG

RECORD = struct.Struct(">3sIBBBB")
MAX_RECORDS = MAX_BODY // RECORD.size
STATUS = struct.Struct(">IHbHH3s3sHHHHBBB")

# Codes on the air; append only.
LABELS = (
    "blank",
    "leopard",
    "tiger",
    "bear",
    "boar",
    "deer",
    "small_carnivore",
    "other_mammal",
    "bird",
    "person",
    "vehicle",
    "unknown",
    "unclassified",
)
OTHER_LABEL = 255  # A label of a model newer than this table.
WAKE_REASONS = (
    WakeReason.POWER_ON,
    WakeReason.PIR,
    WakeReason.ALARM,
    WakeReason.TECHNICIAN,
    WakeReason.WATCHDOG,
)
TRUSTS = (ClockTrust.NONE, ClockTrust.RTC, ClockTrust.NETWORK)

assert set(LABELS) == set(TAXA)


class Faults(IntFlag):
    """What a technician must hear of."""

    STATION = 1
    SORTER = 2
    UPLINKER = 4
    KEEPER = 8
    CONSOLE = 16
    CONFIG = 32
    CARD = 64
    CLOCK = 128


@dataclass(frozen=True, slots=True)
class ObservationRecord:
    """One observation as the air carries it; `observation` is modulo 2^24."""

    observation: int
    observed_at: datetime
    label: str
    probability: float | None  # In whole percents.
    frames: int
    count: int | None
    target: bool
    clock_trusted: bool


@dataclass(frozen=True, slots=True)
class Status:
    """The status report as the air carries it."""

    at: datetime
    battery_mv: int | None
    temperature_c: int | None
    card_free_mib: int
    boots: int
    sequences: int
    discarded: int
    targets: int
    unsorted: int
    unclassified: int
    waiting: int
    wake_reason: WakeReason
    clock_trust: ClockTrust
    faults: Faults


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message read: its header, and what it tells."""

    version: int
    kind: MessageKind
    counter: int  # The low 16 bits.
    observations: tuple[ObservationRecord, ...] = field(default=())
    status: Status | None = None


def pack_observation(observation: Observation) -> bytes:
    """Pack one observation into its 11-byte record."""
    known = observation.probability is not None
    percent = _clamp(round((observation.probability or 0.0) * 100), 100) if known else 127
    label = LABELS.index(observation.label) if observation.label in LABELS else OTHER_LABEL
    return RECORD.pack(
        _u24(observation.id),
        _seconds(observation.observed_at),
        label,
        percent | (0x80 if observation.clock_trusted else 0),
        _clamp(observation.frames, 15) | _clamp(observation.count or 0, 15) << 4,
        1 if observation.target else 0,
    )


def pack_status(status: Status) -> bytes:
    """Pack a status report into its 28-byte record."""
    return STATUS.pack(
        _seconds(status.at),
        0xFFFF if status.battery_mv is None else _clamp(status.battery_mv, 0xFFFE),
        -128 if status.temperature_c is None else max(-127, min(127, status.temperature_c)),
        _clamp(status.card_free_mib // 16, 0xFFFF),
        status.boots & 0xFFFF,
        _u24(status.sequences),
        _u24(status.discarded),
        _clamp(status.targets, 0xFFFF),
        _clamp(status.unsorted, 0xFFFF),
        _clamp(status.unclassified, 0xFFFF),
        _clamp(status.waiting, 0xFFFF),
        WAKE_REASONS.index(status.wake_reason),
        TRUSTS.index(status.clock_trust),
        int(status.faults),
    )


def pack_message(kind: MessageKind, counter: int, bodies: Sequence[bytes]) -> bytes:
    """Join header and records; raise ValueError for more than a message holds."""
    body = b"".join(bodies)
    if not 0 < len(body) <= MAX_BODY:
        raise ValueError(f"message body of {len(body)} bytes: 1 to {MAX_BODY} fit")
    return HEADER.pack(VERSION << 4 | KINDS[kind], counter & 0xFFFF) + body


def decode(payload: bytes) -> Decoded:
    """Read a message; raise ProtocolError for anything that is not exactly one."""
    if not HEADER.size < len(payload) <= MAX_MESSAGE:
        raise ProtocolError(
            f"message of {len(payload)} bytes: {HEADER.size + 1} to {MAX_MESSAGE} are possible"
        )
    first, counter = HEADER.unpack_from(payload)
    version, code = first >> 4, first & 0x0F
    if version != VERSION:
        raise ProtocolError(f"message version {version}: this trapnode reads {VERSION}")
    body = payload[HEADER.size :]
    if code == KINDS[MessageKind.OBSERVATIONS]:
        return Decoded(version, MessageKind.OBSERVATIONS, counter, _observations(body))
    if code == KINDS[MessageKind.STATUS]:
        return Decoded(version, MessageKind.STATUS, counter, status=_status(body))
    raise ProtocolError(f"message kind {code}: 1 (observations) and 2 (status) are known")


def _observations(body: bytes) -> tuple[ObservationRecord, ...]:
    if len(body) % RECORD.size:
        raise ProtocolError(f"observations of {len(body)} bytes: not a multiple of {RECORD.size}")
    return tuple(_observation(*fields) for fields in RECORD.iter_unpack(body))


def _observation(
    identity: bytes, seconds: int, label: int, percent: int, sizes: int, flags: int
) -> ObservationRecord:
    if label >= len(LABELS) and label != OTHER_LABEL:
        raise ProtocolError(f"label code {label}: 0 to {len(LABELS) - 1} are known")
    if flags & ~1:
        raise ProtocolError(f"observation flags {flags:#04x}: only bit 0 is known")
    probability = percent & 0x7F
    if 100 < probability < 127:
        raise ProtocolError(f"probability {probability}: 0 to 100 percent")
    return ObservationRecord(
        observation=int.from_bytes(identity, "big"),
        observed_at=datetime.fromtimestamp(seconds, UTC),
        label=LABELS[label] if label < len(LABELS) else f"label{label}",
        probability=None if probability == 127 else probability / 100,
        frames=sizes & 0x0F,
        count=sizes >> 4 or None,
        target=bool(flags & 1),
        clock_trusted=bool(percent & 0x80),
    )


def _status(body: bytes) -> Status:
    if len(body) != STATUS.size:
        raise ProtocolError(f"status of {len(body)} bytes: {STATUS.size} expected")
    (seconds, battery, temperature, card, boots, sequences, discarded, *rest) = STATUS.unpack(body)
    targets, unsorted, unclassified, waiting, wake, trust, faults = rest
    if wake >= len(WAKE_REASONS) or trust >= len(TRUSTS):
        raise ProtocolError(f"wake reason {wake} or clock trust {trust}: not known")
    return Status(
        at=datetime.fromtimestamp(seconds, UTC),
        battery_mv=None if battery == 0xFFFF else battery,
        temperature_c=None if temperature == -128 else temperature,
        card_free_mib=card * 16,
        boots=boots,
        sequences=int.from_bytes(sequences, "big"),
        discarded=int.from_bytes(discarded, "big"),
        targets=targets,
        unsorted=unsorted,
        unclassified=unclassified,
        waiting=waiting,
        wake_reason=WAKE_REASONS[wake],
        clock_trust=TRUSTS[trust],
        faults=Faults(faults),
    )


def _seconds(at: datetime) -> int:
    """Give unix seconds, held within what 32 bits can say: a clock can be mad."""
    return max(0, min(int(at.timestamp()), 0xFFFFFFFF))


def _u24(value: int) -> bytes:
    return (value & 0xFFFFFF).to_bytes(3, "big")


def _clamp(value: int, highest: int) -> int:
    return max(0, min(value, highest))
