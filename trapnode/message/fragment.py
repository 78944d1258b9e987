"""A piece of a preview, as the air carries it; `trapnode.message` has the format."""

import struct
from dataclasses import dataclass

from trapnode.errors import ProtocolError
from trapnode.message.fields import u24
from trapnode.message.header import MAX_FRAGMENT_BODY

__all__ = ["FRAGMENT_COST", "Fragment", "pack_fragment", "read_fragment"]

PLACE = struct.Struct(">3sHH")
FRAGMENT_COST = PLACE.size  # Bytes of its body that are not the preview's.
MAX_TOTAL = 0xFFFF


@dataclass(frozen=True, slots=True)
class Fragment:
    """Bytes of a sequence's radio preview, from `offset` on, of `total` in all."""

    sequence: int  # Modulo 2^24.
    offset: int
    total: int
    data: bytes


def pack_fragment(fragment: Fragment) -> bytes:
    """Pack a piece into a body; raise ValueError if it lies outside its preview, or is too long."""
    end = fragment.offset + len(fragment.data)
    if not 0 <= fragment.offset < end <= fragment.total <= MAX_TOTAL:
        raise ValueError(f"fragment {fragment.offset} to {end} of {fragment.total} bytes")
    if len(fragment.data) > MAX_FRAGMENT_BODY - PLACE.size:
        raise ValueError(
            f"fragment of {len(fragment.data)} bytes: {MAX_FRAGMENT_BODY - PLACE.size} at most"
        )
    return PLACE.pack(u24(fragment.sequence), fragment.offset, fragment.total) + fragment.data


def read_fragment(body: bytes) -> Fragment:
    """Read a piece; raise ProtocolError."""
    if not PLACE.size < len(body) <= MAX_FRAGMENT_BODY:
        raise ProtocolError(
            f"fragment of {len(body)} bytes: {PLACE.size + 1} to {MAX_FRAGMENT_BODY}"
        )
    sequence, offset, total = PLACE.unpack_from(body)
    data = body[PLACE.size :]
    if offset + len(data) > total:
        raise ProtocolError(f"fragment {offset} to {offset + len(data)} of {total} bytes")
    return Fragment(int.from_bytes(sequence, "big"), offset, total, data)
