"""Packing and reading messages; the format is the docstring of `trapnode.message`.

What is in a status, and in the word that the card failed, is in `health`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from trapnode.errors import ProtocolError
from trapnode.message.fields import clamp, seconds, u24
from trapnode.message.health import CardFailure, Status, read_card_failure, read_status
from trapnode.model import TAXA, MessageKind, Observation

__all__ = [
    "MAX_BODY",
    "MAX_MESSAGE",
    "MAX_RECORDS",
    "Decoded",
    "ObservationRecord",
    "decode",
    "pack_message",
    "pack_observation",
]

VERSION = 1
KINDS = {MessageKind.OBSERVATIONS: 1, MessageKind.STATUS: 2, MessageKind.CARD_FAILED: 3}
HEADER = struct.Struct(">BH")
TAG = 8  # Room kept for the seal.
MAX_MESSAGE = 50  # One Iridium credit; LoRaWAN takes 51 at its lowest data rate.
MAX_BODY = MAX_MESSAGE - HEADER.size - TAG

RECORD = struct.Struct(">3sIBBBB")
MAX_RECORDS = MAX_BODY // RECORD.size

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

assert set(LABELS) == set(TAXA)


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
class Decoded:
    """A message read: its header, and what it tells."""

    version: int
    kind: MessageKind
    counter: int  # The low 16 bits.
    observations: tuple[ObservationRecord, ...] = field(default=())
    status: Status | None = None
    card_failure: CardFailure | None = None


def pack_observation(observation: Observation) -> bytes:
    """Pack one observation into its 11-byte record."""
    known = observation.probability is not None
    percent = clamp(round((observation.probability or 0.0) * 100), 100) if known else 127
    label = LABELS.index(observation.label) if observation.label in LABELS else OTHER_LABEL
    return RECORD.pack(
        u24(observation.id),
        seconds(observation.observed_at),
        label,
        percent | (0x80 if observation.clock_trusted else 0),
        clamp(observation.frames, 15) | clamp(observation.count or 0, 15) << 4,
        1 if observation.target else 0,
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
        return Decoded(version, MessageKind.STATUS, counter, status=read_status(body))
    if code == KINDS[MessageKind.CARD_FAILED]:
        failure = read_card_failure(body)
        return Decoded(version, MessageKind.CARD_FAILED, counter, card_failure=failure)
    raise ProtocolError(
        f"message kind {code}: 1 (observations), 2 (status) and 3 (card failed) are known"
    )


def _observations(body: bytes) -> tuple[ObservationRecord, ...]:
    if len(body) % RECORD.size:
        raise ProtocolError(f"observations of {len(body)} bytes: not a multiple of {RECORD.size}")
    return tuple(_observation(*fields) for fields in RECORD.iter_unpack(body))


def _observation(
    identity: bytes, at_s: int, label: int, percent: int, sizes: int, flags: int
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
        observed_at=datetime.fromtimestamp(at_s, UTC),
        label=LABELS[label] if label < len(LABELS) else f"label{label}",
        probability=None if probability == 127 else probability / 100,
        frames=sizes & 0x0F,
        count=sizes >> 4 or None,
        target=bool(flags & 1),
        clock_trusted=bool(percent & 0x80),
    )
