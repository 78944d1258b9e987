"""The radio key that a card makes for itself, where the configuration gives it none.

STATE/radio.key holds one line, `GENERATION HEX`. The random generation tells the receiver, who
must be told the key (`trapnode keys radio`), that this is a new sender. A key is never replaced:
one that cannot be read is no reason to seal with another one under counters that were used.
"""

import os
from pathlib import Path

from trapnode.errors import StoreError
from trapnode.store.disk import PART, Disk, write_whole
from trapnode.store.refusal import store_error

__all__ = ["FILE", "make_radio_key", "read_radio_key"]

FILE = "radio.key"
KEY_SIZE = 16
GENERATIONS = 0xFFFFFFFF

GenerationAndKey = tuple[int, bytes]


def read_radio_key(state: Path) -> GenerationAndKey | None:
    """Give the card's own generation and key; None: it has none yet. Raise StoreError."""
    path = state / FILE
    try:
        generation, digits = path.read_text("ascii").split()
        found = int(generation), bytes.fromhex(digits)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise store_error(f"{path}: cannot be read", error) from error
    except ValueError as error:  # Whose text may repeat the key.
        raise StoreError(f"{path}: holds no radio key: {type(error).__name__}") from None
    if not 0 < found[0] <= GENERATIONS or len(found[1]) != KEY_SIZE:
        raise StoreError(f"{path}: holds no radio key: generation or size is wrong")
    return found


def make_radio_key(state: Path, disk: Disk) -> GenerationAndKey:
    """Give the card's own generation and key, made if there is none. Raise StoreError."""
    if (found := read_radio_key(state)) is not None:
        return found
    generation, key = int.from_bytes(os.urandom(4), "big") or 1, os.urandom(KEY_SIZE)
    path = state / FILE
    try:
        _make_private(path.with_name(path.name + PART))
        write_whole(disk, path, f"{generation} {key.hex()}\n".encode("ascii"))
    except OSError as error:
        raise store_error(f"{path}: cannot be written", error) from error
    return generation, key


def _make_private(path: Path) -> None:
    """Make a file that only its owner reads: what is written over keeps its mode."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
