"""The radio key that a card makes for itself, where the configuration gives it none.

STATE/radio.key holds one line, `GENERATION HEX`, and STATE/radio.key.copy the same. The random
generation tells the receiver, who must be told the key (`trapnode keys radio`), that this is a new
sender. A key is never replaced while one of the files can be read. Where both hold something else,
they are set aside and another key is made: the receiver keeps what it cannot open until it is told
the key, while a unit that seals nothing is silent for ever.
"""

import logging
import os
from pathlib import Path

from trapnode.errors import StoreError
from trapnode.store.disk import PART, Disk, write_whole
from trapnode.store.refusal import store_error

__all__ = ["FILE", "NoRadioKey", "make_radio_key", "read_radio_key"]

log = logging.getLogger(__name__)

FILE = "radio.key"
FILES = (FILE, f"{FILE}.copy")
TORN = ".torn"
KEY_SIZE = 16
GENERATIONS = 0xFFFFFFFF

GenerationAndKey = tuple[int, bytes]


class NoRadioKey(StoreError):
    """There is none, or it cannot be read: the file's misfortune, the card may be well."""


class _Torn(NoRadioKey):
    """The file is there, and holds no key."""


def read_radio_key(state: Path) -> GenerationAndKey | None:
    """Give the card's own generation and key; None: it has none yet. Raise NoRadioKey."""
    faults = []
    for name in FILES:
        try:
            if (found := _read(state / name)) is not None:
                return found
        except StoreError as error:
            faults.append(error)
    if faults:  # One that may only be hard to read now comes before one that is torn.
        raise min(faults, key=lambda each: isinstance(each, _Torn))
    return None


def make_radio_key(state: Path, disk: Disk) -> GenerationAndKey:
    """Give the card's own generation and key, made if there is none. Raise StoreError."""
    try:
        found = read_radio_key(state)
    except _Torn as error:
        log.error("another radio key is made, tell it to the receiver: %s", error)
        found = None
    made = found or (int.from_bytes(os.urandom(4), "big") or 1, os.urandom(KEY_SIZE))
    try:
        for name in FILES:
            _put(state / name, made, disk)
    except OSError as error:
        if found is None:
            raise store_error(f"{state / FILE}: cannot be written", error) from error
        log.warning("%s: is not there twice: %s", state / FILE, error)
    return made


def _read(path: Path) -> GenerationAndKey | None:
    try:
        generation, digits = path.read_text("ascii").split()
        found = int(generation), bytes.fromhex(digits)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NoRadioKey(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # Whose text may repeat the key.
        raise _Torn(f"{path}: holds no radio key: {type(error).__name__}") from None
    if not 0 < found[0] <= GENERATIONS or len(found[1]) != KEY_SIZE:
        raise _Torn(f"{path}: holds no radio key: generation or size is wrong")
    return found


def _put(path: Path, key: GenerationAndKey, disk: Disk) -> None:
    """Have the file hold this key; what it held instead is set aside. Raise OSError."""
    try:
        if _read(path) == key:
            return
    except StoreError:
        disk.rename(path, path.with_name(path.name + TORN))
    _make_private(path.with_name(path.name + PART))
    write_whole(disk, path, f"{key[0]} {key[1].hex()}\n".encode("ascii"))


def _make_private(path: Path) -> None:
    """Make a file that only its owner reads: what is written over keeps its mode."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
