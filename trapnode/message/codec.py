"""Reading the body of an opened message by its kind; `trapnode.message` has the format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trapnode.errors import ProtocolError
from trapnode.message.answer import Answer, read_answer
from trapnode.message.fragment import Fragment, read_fragment
from trapnode.message.health import CardFailure, Status, read_card_failure, read_status
from trapnode.message.observations import (
    ObservationRecord,
    Suppressed,
    read_observations,
    read_suppressed,
)
from trapnode.model import MessageKind

__all__ = ["Told", "read_body"]


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
