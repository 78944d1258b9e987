"""Numbers as the fields of a message hold them."""

from datetime import datetime

__all__ = ["clamp", "seconds", "u24"]


def seconds(at: datetime) -> int:
    """Give unix seconds, held within what 32 bits can say: a clock can be mad."""
    return max(0, min(int(at.timestamp()), 0xFFFFFFFF))


def u24(value: int) -> bytes:
    """Give the low 24 bits."""
    return (value & 0xFFFFFF).to_bytes(3, "big")


def clamp(value: int, highest: int) -> int:
    """Hold a number within what its field can say."""
    return max(0, min(value, highest))
