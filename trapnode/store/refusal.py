"""What a card's refusal means: no room, a card that failed, or only this one thing.

SQLite says `FULL` for a write without room, and `IOERR` for a sync without room: on a card whose
backing is thin only the sync tells, and what it refuses once it refuses for good. A sector that
cannot be read is the file's misfortune, not the card's: another file may do.
"""

import errno
import sqlite3

from trapnode.errors import CardFailed, CardFull, StoreError
from trapnode.words import CardCause

__all__ = ["cause_of", "is_unreadable", "store_error"]

FULL = {errno.ENOSPC, errno.EDQUOT}
FAILED = {errno.EROFS, errno.EIO, errno.ENODEV, errno.ENXIO, errno.EUCLEAN}
SQLITE_FAILED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
UNREADABLE = {
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
}

CAUSES = {
    errno.EROFS: CardCause.READ_ONLY,
    errno.EIO: CardCause.IO_ERROR,
    errno.ENODEV: CardCause.GONE,
    errno.ENXIO: CardCause.GONE,
    errno.ENOSPC: CardCause.FULL,
    errno.EDQUOT: CardCause.FULL,
}
SQLITE_CAUSES = {
    sqlite3.SQLITE_READONLY: CardCause.READ_ONLY,
    sqlite3.SQLITE_IOERR: CardCause.IO_ERROR,
    sqlite3.SQLITE_FULL: CardCause.FULL,
}


def is_unreadable(error: BaseException) -> bool:
    """Say whether SQLite could not read what is in its file."""
    return getattr(error, "sqlite_errorcode", 0) in UNREADABLE


def store_error(what: str, cause: OSError | sqlite3.Error) -> StoreError:
    """Make the error that says what to do next; `what` names the thing."""
    text = f"{what}: {cause}"
    if isinstance(cause, StoreError):
        return type(cause)(text)
    if isinstance(cause, OSError):
        code, full, failed = cause.errno, FULL, FAILED
    else:
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        full, failed = {sqlite3.SQLITE_FULL}, SQLITE_FAILED
    if code in full:
        return CardFull(text)
    return CardFailed(text) if code in failed and not is_unreadable(cause) else StoreError(text)


def cause_of(error: BaseException) -> CardCause:
    """Say why the card failed, by what the error came of."""
    cause: BaseException | None = error
    while isinstance(cause, StoreError):
        cause = cause.__cause__
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return SQLITE_CAUSES.get(code, CardCause.OTHER)
    return CAUSES.get(getattr(cause, "errno", None) or 0, CardCause.OTHER)
