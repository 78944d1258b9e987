"""Opening the store: the one place that joins database, archive, sequences and outbox."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trapnode.store.archive import Archive
from trapnode.store.ceiling import Ceiling
from trapnode.store.database import Connect, Database, connect
from trapnode.store.disk import Disk, RealDisk, make_folders
from trapnode.store.outbox import Outbox
from trapnode.store.refusal import store_error
from trapnode.store.repair import Repair, Repairs
from trapnode.store.seals import Sealing, read_seals
from trapnode.store.sequences import Sequences

__all__ = ["Store", "open_store"]

DATABASE = "trapnode.db"
COUNTERS = "counters"
LAST_GOOD = "last-good.toml"


@dataclass(frozen=True, slots=True)
class Store:
    """The open store of one process."""

    state: Path
    database: Database
    archive: Archive
    sequences: Sequences
    outbox: Outbox
    disk: Disk

    def repair_steps(self) -> Iterator[None]:
        """Put right what the last power cut left, step by step; only the station calls it."""
        yield from self._repair().steps()

    def repair(self) -> Repairs:
        """Put right all that the last power cut left; say what was done."""
        repair = self._repair()
        for _ in repair.steps():
            pass
        return repair.done

    def _repair(self) -> Repair:
        quarantine = self.state / "quarantine"
        return Repair(self.archive, quarantine, self.disk, self.database)

    def card_space(self) -> tuple[int, int]:
        """Give free and total bytes of the card; raise StoreError."""
        try:
            space = os.statvfs(self.state)
        except OSError as error:
            raise store_error(str(self.state), error) from error
        return space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize

    def close(self) -> None:
        """Close the store."""
        self.database.close()


def open_store(
    state: Path,
    disk: Disk | None = None,
    connect: Connect = connect,
    sealing: Sealing | None = None,
) -> Store:
    """Open the store in a folder, making what is missing; raise StoreError.

    Without `sealing`, sealed files are still known by their marks; new pictures lie open.
    """
    disk = disk or RealDisk()
    root = state / "archive"
    try:
        make_folders(disk, root)
    except OSError as error:
        raise store_error(f"{state}: cannot be made", error) from error
    database = Database(state / DATABASE, state / "quarantine", connect)
    return Store(
        state=state,
        database=database,
        archive=Archive(root, disk, database, sealing or Sealing(read_seals(state))),
        sequences=Sequences(database),
        outbox=Outbox(database, Ceiling(state / COUNTERS, disk)),
        disk=disk,
    )
