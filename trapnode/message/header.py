"""The three bytes that begin every message, in clear; `trapnode.message` has the format."""

import struct
from dataclasses import dataclass

from trapnode.errors import ProtocolError
from trapnode.model import MessageKind

__all__ = [
    "HEADER_SIZE",
    "KINDS",
    "MAX_BODY",
    "MAX_COUNTER",
    "MAX_FRAGMENT_BODY",
    "MAX_FRAGMENT_MESSAGE",
    "MAX_MESSAGE",
    "RANDOM_SIZE",
    "SEALING_COST",
    "TAG_SIZE",
    "VERSION",
    "Header",
    "most_body",
    "pack_header",
    "read_header",
]

VERSION = 1
HEADER = struct.Struct(">BH")
HEADER_SIZE = HEADER.size
TAG_SIZE = 8
SEALING_COST = HEADER_SIZE + TAG_SIZE  # Bytes of a message that are not its body.
RANDOM_SIZE = 6  # In clear, in a message that the card failed.
MAX_COUNTER = 0xFFFFFFFF
MAX_MESSAGE = 50  # One Iridium credit; LoRaWAN takes 51 at the lowest rate of most regions.
MAX_BODY = MAX_MESSAGE - SEALING_COST
MAX_FRAGMENT_MESSAGE = 340  # What a 9602 takes at once; LoRaWAN's 242 are less.
MAX_FRAGMENT_BODY = MAX_FRAGMENT_MESSAGE - SEALING_COST

# Codes on the air; append only. 1 to 7 go up, 8 to 15 go down.
KINDS = {
    MessageKind.OBSERVATIONS: 1,
    MessageKind.STATUS: 2,
    MessageKind.CARD_FAILED: 3,
    MessageKind.SUPPRESSED: 4,
    MessageKind.ANSWER: 5,
    MessageKind.FRAGMENT: 6,
    MessageKind.COMMANDS: 8,
}
BY_CODE = {code: kind for kind, code in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Header:
    """What a message says in clear: all that one without its key can know."""

    version: int
    kind: MessageKind
    counter16: int  # The counter's low 16 bits; random if the card failed.


def most_body(kind: MessageKind) -> int:
    """Give the most bytes that a body of this kind may have."""
    if kind is MessageKind.CARD_FAILED:
        return MAX_BODY - RANDOM_SIZE
    return MAX_FRAGMENT_BODY if kind is MessageKind.FRAGMENT else MAX_BODY


def pack_header(kind: MessageKind, counter: int) -> bytes:
    """Pack the header of a message with this counter."""
    return HEADER.pack(VERSION << 4 | KINDS[kind], counter & 0xFFFF)


def read_header(payload: bytes) -> Header:
    """Read the header of a sealed message; raise ProtocolError for what cannot be one."""
    if len(payload) <= SEALING_COST:
        raise ProtocolError(
            f"message of {len(payload)} bytes: {SEALING_COST + 1} at least, header, body and seal"
        )
    first, counter16 = HEADER.unpack_from(payload)
    version, kind = first >> 4, BY_CODE.get(first & 0x0F)
    if version != VERSION:
        raise ProtocolError(f"message version {version}: this trapnode reads {VERSION}")
    if kind is None:
        known = ", ".join(f"{code} ({kind})" for kind, code in KINDS.items())
        raise ProtocolError(f"message kind {first & 0x0F}: {known} are known")
    most = MAX_FRAGMENT_MESSAGE if kind is MessageKind.FRAGMENT else MAX_MESSAGE
    if len(payload) > most:
        raise ProtocolError(f"message of {len(payload)} bytes: {kind} has {most} at most")
    return Header(version, kind, counter16)
