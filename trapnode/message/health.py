"""What the air carries of the unit's own health; `trapnode.message` has the format."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntFlag

from trapnode.errors import ProtocolError
from trapnode.message.fields import clamp, seconds, u24
from trapnode.model import CardCause, CardState, ClockTrust, WakeReason
from trapnode.words import Stage

__all__ = [
    "CardFailure",
    "Faults",
    "Status",
    "pack_card_failure",
    "pack_status",
    "read_card_failure",
    "read_status",
]

STATUS = struct.Struct(">IHbHH3s3sHHHHBBBBHHHB")
CARD_FAILURE = struct.Struct(">IBHH")

# Codes on the air; append only.
WAKE_REASONS = (
    WakeReason.POWER_ON,
    WakeReason.PIR,
    WakeReason.ALARM,
    WakeReason.TECHNICIAN,
    WakeReason.WATCHDOG,
)
TRUSTS = (ClockTrust.NONE, ClockTrust.RTC, ClockTrust.NETWORK)
CARD_STATES = (CardState.OK, CardState.FULL, CardState.FAILING)
STAGES = tuple(Stage)
CARD_CAUSES = (
    CardCause.OTHER,
    CardCause.READ_ONLY,
    CardCause.IO_ERROR,
    CardCause.GONE,
    CardCause.FULL,
)


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
    card: CardState = CardState.OK
    evicted: int = 0
    evicted_audit: int = 0
    written_mib: int | None = None  # In a day.
    syncs: int | None = None  # For each sequence.
    power_lost: int = 0  # Boots that a brown-out or a pulled battery ended, modulo 16;
    watchdog_resets: int = 0  # those that the watchdog ended, modulo 4.
    stage: Stage = Stage.FULL  # Of the battery.


@dataclass(frozen=True, slots=True)
class CardFailure:
    """The one thing that is told once the card takes no more writes."""

    at: datetime
    cause: CardCause
    sequences: int  # In RAM,
    targets: int  # and of these observations of a target.


def pack_status(status: Status) -> bytes:
    """Pack a status report into its 36-byte record."""
    return STATUS.pack(
        seconds(status.at),
        0xFFFF if status.battery_mv is None else clamp(status.battery_mv, 0xFFFE),
        -128 if status.temperature_c is None else max(-127, min(127, status.temperature_c)),
        clamp(status.card_free_mib // 16, 0xFFFF),
        status.boots & 0xFFFF,
        u24(status.sequences),
        u24(status.discarded),
        clamp(status.targets, 0xFFFF),
        clamp(status.unsorted, 0xFFFF),
        clamp(status.unclassified, 0xFFFF),
        clamp(status.waiting, 0xFFFF),
        WAKE_REASONS.index(status.wake_reason),
        TRUSTS.index(status.clock_trust)
        | (status.power_lost & 0xF) << 2
        | (status.watchdog_resets & 0x3) << 6,
        int(status.faults),
        CARD_STATES.index(status.card) | STAGES.index(status.stage) << 4,
        clamp(status.evicted, 0xFFFF),
        clamp(status.evicted_audit, 0xFFFF),
        0xFFFF if status.written_mib is None else clamp(status.written_mib, 0xFFFE),
        0xFF if status.syncs is None else clamp(status.syncs, 0xFE),
    )


def pack_card_failure(failure: CardFailure) -> bytes:
    """Pack the word that the card failed into its 9-byte record."""
    return CARD_FAILURE.pack(
        seconds(failure.at),
        CARD_CAUSES.index(failure.cause),
        clamp(failure.sequences, 0xFFFF),
        clamp(failure.targets, 0xFFFF),
    )


def read_status(body: bytes) -> Status:
    """Read a status; raise ProtocolError."""
    if len(body) != STATUS.size:
        raise ProtocolError(f"status of {len(body)} bytes: {STATUS.size} expected")
    (at_s, battery, temperature, card, boots, sequences, discarded, *rest) = STATUS.unpack(body)
    targets, unsorted, unclassified, waiting, wake, trusted, faults, *card_fields = rest
    stated, evicted, evicted_audit, written, syncs = card_fields
    trust, state, stage = trusted & 0x3, stated & 0xF, stated >> 4
    if wake >= len(WAKE_REASONS) or trust >= len(TRUSTS) or state >= len(CARD_STATES):
        raise ProtocolError(f"wake reason {wake}, clock trust {trust} or card {state}: not known")
    if stage >= len(STAGES):
        raise ProtocolError(f"battery stage {stage}: 0 to {len(STAGES) - 1} are known")
    return Status(
        at=datetime.fromtimestamp(at_s, UTC),
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
        card=CARD_STATES[state],
        evicted=evicted,
        evicted_audit=evicted_audit,
        written_mib=None if written == 0xFFFF else written,
        syncs=None if syncs == 0xFF else syncs,
        power_lost=trusted >> 2 & 0xF,
        watchdog_resets=trusted >> 6,
        stage=STAGES[stage],
    )


def read_card_failure(body: bytes) -> CardFailure:
    """Read the word that the card failed; raise ProtocolError."""
    if len(body) != CARD_FAILURE.size:
        raise ProtocolError(f"card failed of {len(body)} bytes: {CARD_FAILURE.size} expected")
    at_s, cause, sequences, targets = CARD_FAILURE.unpack(body)
    if cause >= len(CARD_CAUSES):
        raise ProtocolError(f"cause {cause}: 0 to {len(CARD_CAUSES) - 1} are known")
    return CardFailure(datetime.fromtimestamp(at_s, UTC), CARD_CAUSES[cause], sequences, targets)
