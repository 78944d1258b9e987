"""Sealing and opening messages: AES-128-CCM, as `trapnode.message` specifies it.

The only importer of `cryptography`, which costs 9 MiB and 30 ms: the package does not load this
module, so that a process which only packs bodies stays small.
"""

import struct
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from trapnode.errors import ProtocolError
from trapnode.message.header import (
    HEADER_SIZE,
    MAX_COUNTER,
    RANDOM_SIZE,
    SEALING_COST,
    TAG_SIZE,
    most_body,
    pack_header,
    read_header,
)
from trapnode.model import MessageKind

__all__ = [
    "KEY_SIZE",
    "CardKey",
    "Opened",
    "open_downlink",
    "open_uplink",
    "seal",
    "seal_card_failed",
    "seal_downlink",
]

KEY_SIZE = 16
NONCE = struct.Struct(">cIII")  # Direction, card generation, zero, counter.
FAILED_NONCE = struct.Struct(">cIH6s")  # Direction, card generation, header's counter, random.
UP, DOWN, FAILED = b"U", b"D", b"F"
WRAP = 1 << 16
WRAPS = 16  # Of the downlinks' counter: a unit may miss that much, and is not deaf for ever.


@dataclass(frozen=True, slots=True)
class CardKey:
    """The radio key of one card. Raise ValueError for another size, or no generation."""

    generation: int
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.generation <= MAX_COUNTER:
            raise ValueError(f"card generation {self.generation}: 1 to {MAX_COUNTER}")
        if len(self.key) != KEY_SIZE:
            raise ValueError(f"radio key of {len(self.key)} bytes: {KEY_SIZE} expected")


@dataclass(frozen=True, slots=True)
class Opened:
    """An authentic message. `counter` says nothing of order if the card failed: it is random."""

    kind: MessageKind
    counter: int
    body: bytes


def seal(kind: MessageKind, counter: int, body: bytes, key: CardKey) -> bytes:
    """Seal what goes up under a counter never used before; raise ValueError."""
    if kind in (MessageKind.CARD_FAILED, MessageKind.COMMANDS):
        raise ValueError(f"{kind}: is not sealed as what goes up under a counter")
    return _seal(UP, kind, counter, body, key)


def seal_card_failed(body: bytes, random: bytes, key: CardKey) -> bytes:
    """Seal the word that the card failed, with 8 fresh random bytes; raise ValueError."""
    if len(random) != 2 + RANDOM_SIZE:
        raise ValueError(f"{len(random)} random bytes: {2 + RANDOM_SIZE} expected")
    _check_body(MessageKind.CARD_FAILED, body)
    counter16, clear = int.from_bytes(random[:2], "big"), random[2:]
    header = pack_header(MessageKind.CARD_FAILED, counter16)
    nonce = FAILED_NONCE.pack(FAILED, key.generation, counter16, clear)
    return header + clear + _cipher(key).encrypt(nonce, body, header)


def open_uplink(payload: bytes, key: CardKey, highest: int) -> Opened:
    """Open what came up from a card; `highest` is its highest counter so far, 0 for none.

    The whole counter is the one nearest to `highest` that has the header's low 16 bits and with
    which the message is authentic. Raise ProtocolError: not a message, or not of this card.
    """
    header = read_header(payload)
    if header.kind is MessageKind.COMMANDS:
        raise ProtocolError(f"{header.kind}: a downlink, and this came up")
    if header.kind is MessageKind.CARD_FAILED:
        return _open_card_failed(payload, key, header.counter16)
    for counter in _candidates(header.counter16, highest):
        body = _open(UP, payload, key, counter)
        if body is not None:
            return Opened(header.kind, counter, body)
    raise ProtocolError(
        f"{header.kind} {header.counter16}: not sealed by this card, at a counter near {highest}"
    )


def seal_downlink(counter: int, body: bytes, key: CardKey) -> bytes:
    """Seal commands to a card under the downlinks' own counter; raise ValueError."""
    return _seal(DOWN, MessageKind.COMMANDS, counter, body, key)


def open_downlink(payload: bytes, key: CardKey, last: int) -> tuple[int, bytes]:
    """Open commands; give their counter, above `last` by 2^20 at most, and body.

    Raise ProtocolError: not a downlink, not for this card, or none that is newer than `last`.
    """
    header = read_header(payload)
    if header.kind is not MessageKind.COMMANDS:
        raise ProtocolError(f"{header.kind}: an uplink, and this came down")
    nearest = last + ((header.counter16 - last) % WRAP or WRAP)
    for counter in range(nearest, min(nearest + WRAPS * WRAP, MAX_COUNTER + 1), WRAP):
        if (body := _open(DOWN, payload, key, counter)) is not None:
            return counter, body
    raise ProtocolError(
        f"downlink {header.counter16}: not sealed for this card, or not newer than {last}"
    )


def _seal(direction: bytes, kind: MessageKind, counter: int, body: bytes, key: CardKey) -> bytes:
    if not 0 < counter <= MAX_COUNTER:
        raise ValueError(f"counter {counter}: 1 to {MAX_COUNTER}")
    _check_body(kind, body)
    header = pack_header(kind, counter)
    nonce = NONCE.pack(direction, key.generation, 0, counter)
    return header + _cipher(key).encrypt(nonce, body, header)


def _check_body(kind: MessageKind, body: bytes) -> None:
    if not 0 < len(body) <= most_body(kind):
        raise ValueError(f"{kind} body of {len(body)} bytes: 1 to {most_body(kind)} fit")


def _open(direction: bytes, payload: bytes, key: CardKey, counter: int) -> bytes | None:
    nonce = NONCE.pack(direction, key.generation, 0, counter)
    return _decrypt(key, nonce, payload[HEADER_SIZE:], payload[:HEADER_SIZE])


def _open_card_failed(payload: bytes, key: CardKey, counter16: int) -> Opened:
    start = HEADER_SIZE + RANDOM_SIZE
    if len(payload) <= SEALING_COST + RANDOM_SIZE:
        raise ProtocolError(f"card failed of {len(payload)} bytes: too short")
    nonce = FAILED_NONCE.pack(FAILED, key.generation, counter16, payload[HEADER_SIZE:start])
    body = _decrypt(key, nonce, payload[start:], payload[:HEADER_SIZE])
    if body is None:
        raise ProtocolError(f"card failed {counter16}: not sealed by this card")
    return Opened(MessageKind.CARD_FAILED, counter16, body)


def _candidates(counter16: int, highest: int) -> list[int]:
    """List the counters with these low bits, of this and both next wraps, nearest first."""
    here = (highest & ~(WRAP - 1)) | counter16
    found = [each for each in (here - WRAP, here, here + WRAP) if 0 < each <= MAX_COUNTER]
    return sorted(found, key=lambda each: abs(each - highest))


def _decrypt(key: CardKey, nonce: bytes, sealed: bytes, header: bytes) -> bytes | None:
    try:
        return _cipher(key).decrypt(nonce, sealed, header)
    except InvalidTag:
        return None


def _cipher(key: CardKey) -> AESCCM:
    return AESCCM(key.key, TAG_SIZE)
