"""Reading the body of an opened message by its kind; `trapnode.message` has the format."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from trapnode.errors import ProtocolError
from trapnode.message.answer import Answer, read_answer
from trapnode.message.fragment import Fragment, read_fragment
from trapnode.message.header import HEADER, KINDS, MAX_BODY, VERSION, pack_header
from trapnode.message.health import CardFailure, Status, read_card_failure, read_status
from trapnode.message.observations import (
    ObservationRecord,
    Suppressed,
    read_observations,
    read_suppressed,
)
from trapnode.model import MessageKind

__all__ = ["Decoded", "Told", "decode", "pack_message", "read_body"]


@dataclass(frozen=True, slots=True)
class Told:
    """What an opened message tells: of `kind`, and nothing else."""

    kind: MessageKind
    observations: tuple[ObservationRecord, ...] = ()
    status: Status | None = None
    card_failure: CardFailure | None = None
    suppressed: Suppressed | None = None
    answer: Answer | None = None
    fragment: Fragment | None = None


READERS: Mapping[MessageKind, tuple[str, Callable[[bytes], object]]] = {
    MessageKind.OBSERVATIONS: ("observations", read_observations),
    MessageKind.STATUS: ("status", read_status),
    MessageKind.CARD_FAILED: ("card_failure", read_card_failure),
    MessageKind.SUPPRESSED: ("suppressed", read_suppressed),
    MessageKind.ANSWER: ("answer", read_answer),
    MessageKind.FRAGMENT: ("fragment", read_fragment),
}


def read_body(kind: MessageKind, body: bytes) -> Told:
    """Read the body of what came up; raise ProtocolError."""
    if kind not in READERS:
        raise ProtocolError(f"{kind}: goes down, `downlink.read_commands` reads it")
    name, read = READERS[kind]
    return Told(kind, **{name: read(body)})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message without seal, read."""

    version: int
    kind: MessageKind
    counter: int  # The low 16 bits.
    observations: tuple[ObservationRecord, ...] = field(default=())
    status: Status | None = None
    card_failure: CardFailure | None = None


def pack_message(kind: MessageKind, counter: int, bodies: Sequence[bytes]) -> bytes:
    """Join header and records, without seal: only until the uplinker seals. Raise ValueError."""
    body = b"".join(bodies)
    if not 0 < len(body) <= MAX_BODY:
        raise ValueError(f"message body of {len(body)} bytes: 1 to {MAX_BODY} fit")
    return pack_header(kind, counter) + body


def decode(payload: bytes) -> Decoded:
    """Read a message without seal: only until the uplinker seals. Raise ProtocolError."""
    if not HEADER.size < len(payload) <= HEADER.size + MAX_BODY:
        raise ProtocolError(f"message of {len(payload)} bytes")
    first, counter = HEADER.unpack_from(payload)
    kinds = {code: kind for kind, code in KINDS.items() if code <= 3}
    if first >> 4 != VERSION or first & 15 not in kinds:
        raise ProtocolError(f"message version {first >> 4}, kind {first & 15}")
    told = read_body(kinds[first & 15], payload[HEADER.size :])
    return Decoded(VERSION, told.kind, counter, told.observations, told.status, told.card_failure)
