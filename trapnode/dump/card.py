"""Reading the files of a card, piece by piece, on one buffer."""

import os
from collections.abc import Iterator

from trapnode.dump.xmp import place_in
from trapnode.errors import TrapnodeError

__all__ = ["Unreadable", "pieces_of"]


class Unreadable(TrapnodeError):
    """The card does not give this file; DEST is as it was. `gone`: it is not there at all."""

    def __init__(self, path: str, error: OSError) -> None:
        super().__init__(f"{path}: cannot be read: {error.strerror or error}")
        self.gone = isinstance(error, FileNotFoundError)


def pieces_of(source: str, segment: bytes, buffer: memoryview) -> Iterator[list[memoryview]]:
    """Give a file of the card in pieces, with the segment where it belongs.

    A piece holds only until the next one is asked for. Raise Unreadable.
    """
    try:
        card = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unreadable(source, error) from error
    try:
        while count := _read(card, buffer, source):
            content = buffer[:count]
            at = place_in(content) if segment else None
            yield [content] if at is None else [
                content[:at], memoryview(segment), content[at:]
            ]  # fmt: skip
            segment = b""  # Whether it found a place or not: it is not for later pieces.
    finally:
        os.close(card)


def _read(card: int, buffer: memoryview, source: str) -> int:
    try:
        return os.readv(card, [buffer])
    except OSError as error:
        raise Unreadable(source, error) from error
