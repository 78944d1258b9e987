"""Opening the store: the one place that joins database, archive, sequences and outbox.

Its parts are imported where they are asked for: a first frame needs none but the archive.
"""

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trapnode.errors import CardFailed, CardFull
from trapnode.store.archive import Archive
from trapnode.store.database import Connect, Database, connect
from trapnode.store.disk import Disk, RealDisk, make_folders
from trapnode.store.owner import as_owner
from trapnode.store.refusal import store_error
from trapnode.store.seals import Sealing, read_seals

if TYPE_CHECKING:
    from trapnode.policy.retention import Allowance, CardLimits
    from trapnode.store.downlinks import Downlinks
    from trapnode.store.eviction import Eviction
    from trapnode.store.outbox import Outbox
    from trapnode.store.previews import Previews
    from trapnode.store.radio import Radio
    from trapnode.store.repair import Repair, Repairs
    from trapnode.store.sequences import Sequences
    from trapnode.store.settings import Settings
    from trapnode.store.site import Site

__all__ = ["Store", "open_store"]

DATABASE = "trapnode.db"
COUNTERS = "counters"
DOWNLINKS = "downlinks"
FILES_LEFT = 200  # Fewer free inodes than this are none; a file system without any has 0 of 0.
LAST_GOOD = "last-good.toml"
SPARE = "store"  # Below RUN: the store in RAM.


class Store:
    """The open store of one process."""

    def __init__(
        self,
        state: Path,
        database: Database,
        archive: Archive,
        disk: Disk,
        allowance: "Allowance | None" = None,
    ) -> None:
        self.state = state
        self.database = database
        self.archive = archive
        self.disk = disk
        self.allowance = allowance  # None: the default one.
        self.most: int | None = None  # Bytes that pictures may hold, where that is less.

    @functools.cached_property
    def sequences(self) -> "Sequences":
        """Sequences, frames and observations."""
        from trapnode.store.sequences import Sequences

        return Sequences(self.database)

    @functools.cached_property
    def outbox(self) -> "Outbox":
        """Reports and messages."""
        from trapnode.store.ceiling import Ceiling
        from trapnode.store.outbox import Outbox

        return Outbox(self.database, Ceiling(self.state / COUNTERS, self.disk))

    @functools.cached_property
    def site(self) -> "Site":
        """What the site looks like when nothing is there; in RAM where pictures are sealed."""
        from trapnode.store.site import Site

        sealing = self.archive.sealing
        sealed = sealing.copies.folder.parent if sealing.copies and sealing.seals else None
        return Site((sealed or self.state) / "site", self.disk)

    def repair_steps(self) -> Iterator[None]:
        """Put right what the last power cut left, step by step; only the station calls it."""
        yield from self._repair().steps()

    def repair(self) -> "Repairs":
        """Put right all that the last power cut left; say what was done."""
        repair = self._repair()
        for _ in repair.steps():
            pass
        return repair.done

    def _repair(self) -> "Repair":
        from trapnode.store.repair import Repair

        quarantine = self.state / "quarantine"
        return Repair(self.archive, quarantine, self.disk, self.database)

    def card_space(self) -> tuple[int, int]:
        """Give free and total bytes of the card; raise StoreError.

        Where no more files fit, nothing is free.
        """
        try:
            space = os.statvfs(self.state)
        except OSError as error:
            raise store_error(str(self.state), error) from error
        names_left = space.f_favail >= min(FILES_LEFT, space.f_files // 8)
        free = space.f_bavail * space.f_frsize if names_left else 0
        total = space.f_blocks * space.f_frsize
        if self.most is None:
            return free, total
        return min(free, max(0, self.most - self._held())), min(total, self.most)

    def _held(self) -> int:
        """Give the bytes of all pictures by their rows."""
        row = self.database.row(
            "SELECT coalesce(sum(preview_bytes) + sum(bytes * (state = 'whole')), 0) FROM frame"
        )
        assert row is not None
        return int(str(row[0]))

    def limits(self) -> "CardLimits":
        """Give how full this card may get; raise StoreError."""
        from trapnode.policy.retention import DEFAULT, limits_of

        return limits_of(self.card_space()[1], self.allowance or DEFAULT)

    def room(self) -> int:
        """Give the bytes that pictures may still use; raise StoreError."""
        return max(0, self.card_space()[0] - self.limits().reserve)

    def make_room(self, wanted: int | None = None) -> int:
        """Have room for `wanted` bytes, or for the bursts to come, as far as anything may go.

        Give the room there is then. Raise StoreError.
        """
        from trapnode.policy.retention import missing

        if need := missing(self.card_space()[0], self.limits(), wanted):
            self.eviction.free(need)
        return self.room()

    @property
    def syncs(self) -> int:
        """How often this process has made the card wait."""
        return self.disk.syncs + self.database.commits

    @property
    def eviction(self) -> "Eviction":
        """What may go when the card is full."""
        from trapnode.store.eviction import Eviction

        return Eviction(self.archive.root, self.disk, self.database)

    @property
    def radio(self) -> "Radio":
        """What the radio did and cost."""
        from trapnode.store.radio import Radio

        return Radio(self.database)

    @property
    def previews(self) -> "Previews":
        """Pictures of targets, small enough for the radio."""
        from trapnode.store.previews import Previews

        return Previews(self.database)

    @property
    def settings(self) -> "Settings":
        """What commands changed of the configuration."""
        from trapnode.store.settings import Settings

        return Settings(self.database)

    @property
    def downlinks(self) -> "Downlinks":
        """Commands that came down."""
        from trapnode.store.ceiling import Ceiling
        from trapnode.store.downlinks import Downlinks

        last = Ceiling(self.state / DOWNLINKS, self.disk, block=1, lost=1)  # Deaf would be worse.
        return Downlinks(self.database, last)

    def close(self) -> None:
        """Close the store."""
        self.database.close()


def open_store(
    state: Path,
    disk: Disk | None = None,
    connect: Connect = connect,
    sealing: Sealing | None = None,
    allowance: "Allowance | None" = None,
) -> Store:
    """Open the store in a folder, making what is missing; raise StoreError.

    Root opens another's store as that user. Without `sealing`, sealed files are still known by
    their marks; new pictures lie open.
    """
    with as_owner(state):
        return _open(state, disk or RealDisk(), connect, sealing, allowance)


def _open(
    state: Path,
    disk: Disk,
    connect: Connect,
    sealing: Sealing | None,
    allowance: "Allowance | None",
) -> Store:
    """Open it as the user that we are now."""
    root = state / "archive"
    try:
        make_folders(disk, root)
    except OSError as error:
        found = store_error(f"{state}: cannot be made", error)
        # Another user's, or a file where a folder should be: no restart helps, pictures go to RAM.
        raise found if isinstance(found, CardFull) else CardFailed(str(found)) from error
    database = Database(state / DATABASE, state / "quarantine", connect)
    sealing = sealing or Sealing(read_seals(state))
    archive = Archive(root, disk, database, sealing)
    return Store(state, database, archive, disk, allowance)
