"""What a card's refusal means."""

import errno
import sqlite3

import pytest

from trapnode.errors import CardFailed, CardFull, StoreError
from trapnode.store.refusal import store_error


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("said SQLite")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (OSError(errno.ENOSPC, "no space"), CardFull),
        (OSError(errno.EDQUOT, "quota"), CardFull),
        (OSError(errno.EROFS, "read-only"), CardFailed),
        (OSError(errno.EIO, "i/o"), CardFailed),
        (OSError(errno.ENODEV, "gone"), CardFailed),
        (OSError(errno.ENOENT, "no such file"), StoreError),
        (sqlite_error(sqlite3.SQLITE_FULL), CardFull),
        (sqlite_error(sqlite3.SQLITE_READONLY), CardFailed),
        (sqlite_error(sqlite3.SQLITE_IOERR | 4 << 8), CardFailed),
        (sqlite_error(sqlite3.SQLITE_BUSY), StoreError),
        (sqlite3.ProgrammingError("closed"), StoreError),
        (CardFull("as it was"), CardFull),
    ],
    ids=str,
)
def test_the_type_says_what_to_do_next(cause, kind):
    error = store_error("frame 7", cause)
    assert type(error) is kind
    assert str(error) == f"frame 7: {cause}"
