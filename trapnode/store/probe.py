"""Whether the card still keeps what it is given: a file is written, dropped from RAM, read again.

A worn card may say that it wrote, and not have. The same blocks are written each time with other
bytes, so one that only pretends gives the bytes of before.
"""

import os
from pathlib import Path

from trapnode.store.refusal import store_error

__all__ = ["probe"]

PROBE = "probe"
SIZE = 4096


def probe(folder: Path, nonce: bytes) -> str:
    """Write and read back; give the fault, or nothing. `nonce` is new. Raise StoreError."""
    path, sent = folder / PROBE, (nonce * SIZE)[:SIZE]
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.pwrite(descriptor, sent, 0)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, SIZE, os.POSIX_FADV_DONTNEED)
            found = os.pread(descriptor, SIZE, 0)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise store_error(f"{path}: cannot be written and read back", error) from error
    return "" if found == sent else "card: failing, it gives back other bytes than were written"
