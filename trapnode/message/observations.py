"""What the air carries of observations; `trapnode.message` has the format."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from trapnode.errors import ProtocolError
from trapnode.message.fields import clamp, seconds, u24
from trapnode.message.header import MAX_BODY
from trapnode.model import TAXA, Observation

__all__ = [
    "LABELS",
    "MAX_RECORDS",
    "ObservationRecord",
    "Suppressed",
    "pack_observation",
    "pack_observations",
    "pack_suppressed",
    "read_observations",
    "read_suppressed",
]

RECORD = struct.Struct(">3sIBBBB")
SINCE = struct.Struct(">I")
COUNT = struct.Struct(">BH")
MAX_RECORDS = MAX_BODY // RECORD.size
MAX_COUNTS = (MAX_BODY - SINCE.size) // COUNT.size

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
OTHER = f"label{OTHER_LABEL}"

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
class Suppressed:
    """How many observations of each label were not told, to spare the radio, since when."""

    since: datetime
    counts: Mapping[str, int]


def pack_observation(observation: Observation) -> bytes:
    """Pack one observation into its 11-byte record."""
    known = observation.probability is not None
    percent = clamp(round((observation.probability or 0.0) * 100), 100) if known else 127
    return RECORD.pack(
        u24(observation.id),
        seconds(observation.observed_at),
        _code(observation.label),
        percent | (0x80 if observation.clock_trusted else 0),
        clamp(observation.frames, 15) | clamp(observation.count or 0, 15) << 4,
        1 if observation.target else 0,
    )


def pack_observations(records: Sequence[bytes]) -> bytes:
    """Join 11-byte records into a body; raise ValueError for more than a message holds."""
    if not 0 < len(records) <= MAX_RECORDS or any(len(each) != RECORD.size for each in records):
        sizes = [len(each) for each in records]
        raise ValueError(f"records of {sizes} bytes: 1 to {MAX_RECORDS} of {RECORD.size} fit")
    return b"".join(records)


def read_observations(body: bytes) -> tuple[ObservationRecord, ...]:
    """Read one record after the other; raise ProtocolError."""
    if not body or len(body) % RECORD.size or len(body) > MAX_BODY:
        raise ProtocolError(
            f"observations of {len(body)} bytes: 1 to {MAX_RECORDS} records of {RECORD.size}"
        )
    return tuple(_observation(*fields) for fields in RECORD.iter_unpack(body))


def pack_suppressed(suppressed: Suppressed) -> bytes:
    """Pack the counts, the greatest first; more labels than fit are added up as one other."""
    by_code: dict[int, int] = {}
    for label, count in suppressed.counts.items():
        by_code[_code(label)] = by_code.get(_code(label), 0) + count
    if len(by_code) > MAX_COUNTS:
        _add_up_the_least(by_code)
    found = sorted(by_code.items(), key=lambda each: (-each[1], each[0]))
    return SINCE.pack(seconds(suppressed.since)) + b"".join(
        COUNT.pack(code, clamp(count, 0xFFFF)) for code, count in found
    )


def read_suppressed(body: bytes) -> Suppressed:
    """Read the counts; raise ProtocolError."""
    counts = body[SINCE.size :]
    if len(body) <= SINCE.size or len(counts) % COUNT.size or len(body) > MAX_BODY:
        raise ProtocolError(
            f"suppressed of {len(body)} bytes: {SINCE.size} and 1 to {MAX_COUNTS} counts of"
            f" {COUNT.size}"
        )
    found: dict[str, int] = {}
    for code, count in COUNT.iter_unpack(counts):
        label = _label(code)
        if label in found:
            raise ProtocolError(f"suppressed: {label} is counted twice")
        found[label] = count
    (since_s,) = SINCE.unpack_from(body)
    return Suppressed(datetime.fromtimestamp(since_s, UTC), found)


def _add_up_the_least(by_code: dict[int, int]) -> None:
    """Add the least counts to that of the other label, until all fit."""
    other = by_code.pop(OTHER_LABEL, 0)
    for code, count in sorted(by_code.items(), key=lambda each: -each[1])[MAX_COUNTS - 1 :]:
        other += count
        del by_code[code]
    by_code[OTHER_LABEL] = other


def _code(label: str) -> int:
    return LABELS.index(label) if label in LABELS else OTHER_LABEL


def _label(code: int) -> str:
    if code >= len(LABELS) and code != OTHER_LABEL:
        raise ProtocolError(f"label code {code}: 0 to {len(LABELS) - 1} are known")
    return LABELS[code] if code < len(LABELS) else OTHER


def _observation(
    identity: bytes, at_s: int, label: int, percent: int, sizes: int, flags: int
) -> ObservationRecord:
    if flags & ~1:
        raise ProtocolError(f"observation flags {flags:#04x}: only bit 0 is known")
    probability = percent & 0x7F
    if 100 < probability < 127:
        raise ProtocolError(f"probability {probability}: 0 to 100 percent")
    return ObservationRecord(
        observation=int.from_bytes(identity, "big"),
        observed_at=datetime.fromtimestamp(at_s, UTC),
        label=_label(label),
        probability=None if probability == 127 else probability / 100,
        frames=sizes & 0x0F,
        count=sizes >> 4 or None,
        target=bool(flags & 1),
        clock_trusted=bool(percent & 0x80),
    )
