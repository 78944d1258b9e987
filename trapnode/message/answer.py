"""What became of commands, as the air carries it; `trapnode.message` has the format."""

import struct
from dataclasses import dataclass
from enum import IntEnum

from trapnode.errors import ProtocolError
from trapnode.message.header import MAX_BODY

__all__ = ["SET", "Answer", "Outcome", "Result", "pack_answer", "read_answer"]

COUNTER = struct.Struct(">I")
OUTCOME = struct.Struct(">BB")
IN_FORCE = struct.Struct(">Bi")
SET = 4  # The command whose outcome names a setting and its value.


class Result(IntEnum):
    """What became of a command; append only."""

    APPLIED = 0
    REFUSED = 1
    UNKNOWN = 2
    OUT_OF_RANGE = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one command; of `set`, also the setting and the value now in force."""

    command: int
    result: Result
    setting: int | None = None
    value: int | None = None  # Scaled as on the air; 0 if the setting is not known.

    @property
    def size(self) -> int:
        """Bytes on the air."""
        return OUTCOME.size + (IN_FORCE.size if self.command == SET else 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a downlink's commands but acks, in their order."""

    downlink: int  # Its counter.
    outcomes: tuple[Outcome, ...]


def pack_answer(answer: Answer) -> bytes:
    """Pack an answer into a body; raise ValueError for one that no message holds."""
    try:
        body = COUNTER.pack(answer.downlink) + b"".join(map(_packed, answer.outcomes))
    except struct.error as error:
        raise ValueError(f"{answer}: does not fit its field: {error}") from error
    if not COUNTER.size < len(body) <= MAX_BODY:
        raise ValueError(f"answer of {len(body)} bytes: {COUNTER.size + 1} to {MAX_BODY} fit")
    return body


def read_answer(body: bytes) -> Answer:
    """Read an answer; raise ProtocolError."""
    if not COUNTER.size < len(body) <= MAX_BODY:
        raise ProtocolError(
            f"answer of {len(body)} bytes: {COUNTER.size + OUTCOME.size} to {MAX_BODY}"
        )
    (downlink,), rest, outcomes = COUNTER.unpack_from(body), body[COUNTER.size :], []
    while rest:
        outcomes.append(_outcome(rest))
        rest = rest[outcomes[-1].size :]
    return Answer(downlink, tuple(outcomes))


def _packed(outcome: Outcome) -> bytes:
    packed = OUTCOME.pack(outcome.command, outcome.result)
    if outcome.command == SET:
        packed += IN_FORCE.pack(outcome.setting or 0, outcome.value or 0)
    return packed


def _outcome(rest: bytes) -> Outcome:
    size = OUTCOME.size + (IN_FORCE.size if rest[0] == SET else 0)
    if len(rest) < size:
        raise ProtocolError(f"answer: command {rest[0]} needs {size} bytes, {len(rest)} are left")
    command, code = OUTCOME.unpack_from(rest)
    if code not in set(Result):
        raise ProtocolError(f"answer: result {code}: 0 to {max(Result)} are known")
    if command != SET:
        return Outcome(command, Result(code))
    return Outcome(command, Result(code), *IN_FORCE.unpack_from(rest, OUTCOME.size))
