"""Root at work on a unit's store: as the user whose store it is, or the unit could not go on."""

import contextlib
import grp
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["as_owner"]

GROUPS = ("dialout", "gpio", "i2c", "video")  # Of the unit's devices, as its services have them.


@contextlib.contextmanager
def as_owner(state: Path) -> Iterator[None]:
    """Be the owner of a store for a while, if root is here and it is another's.

    A file that root leaves there is one that the unit's processes cannot write: a radio key, a
    counter, a fresh database. Who is not root, or finds no store yet, stays as he is.
    """
    groups, owner = os.getgroups(), _owner(state)
    if owner is None:
        yield
        return
    user, group = owner
    os.setgroups([group, *_known(GROUPS)])
    os.setegid(group)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def _owner(state: Path) -> tuple[int, int] | None:
    """Give user and group of the store, where we are root and they are not."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(OSError):
        found = state.stat()
        return (found.st_uid, found.st_gid) if found.st_uid else None
    return None


def _known(names: tuple[str, ...]) -> list[int]:
    """Give the ids of those groups that this machine has."""
    found = []
    for name in names:
        with contextlib.suppress(KeyError):
            found.append(grp.getgrnam(name).gr_gid)
    return found
