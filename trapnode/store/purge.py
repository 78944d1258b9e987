"""Letting go of frames that somebody holds elsewhere, and has proved it.

The row first (`purged`), then the file, then the folder's sync. After a power cut between them a
file of a purged frame is left, which `purgeable` gives again.
"""

from collections.abc import Iterator
from pathlib import Path

from trapnode.model import Frame, FrameState
from trapnode.store import names
from trapnode.store.database import Database
from trapnode.store.disk import Disk
from trapnode.store.refusal import store_error
from trapnode.store.rows import FRAME, frame_of

__all__ = ["let_go", "purgeable"]

BATCH = 200  # Frames in memory at a time.


def purgeable(database: Database, root: Path, targets: bool) -> Iterator[list[Frame]]:
    """Walk the frames of sorted sequences whose full pictures are on the card, in batches.

    Those of targets only if `targets` says so.
    """
    last = (-1, -1)
    while rows := database.rows(
        f"SELECT {FRAME} FROM frame WHERE (sequence, number) > (?, ?) AND state IN (?, ?)"
        " AND sequence IN (SELECT s.id FROM sequence s JOIN observation o ON o.id = s.id"
        " WHERE s.state = 'sorted' AND o.target <= ?) ORDER BY sequence, number LIMIT ?",
        *last,
        FrameState.WHOLE,
        FrameState.PURGED,
        int(targets),
        BATCH,
    ):
        frames = [frame_of(row) for row in rows]
        last = frames[-1].sequence, frames[-1].number
        yield [each for each in frames if (root / names.file_of(each)).exists()]


def let_go(database: Database, root: Path, disk: Disk, frames: list[Frame]) -> None:
    """Delete the full pictures of frames, durably; their rows and previews stay.

    Raise StoreError.
    """
    with database.transaction():
        for frame in frames:
            database.run(
                "UPDATE frame SET state = ? WHERE sequence = ? AND number = ? AND state = ?",
                FrameState.PURGED,
                frame.sequence,
                frame.number,
                FrameState.WHOLE,
            )
    paths = [root / names.file_of(frame) for frame in frames]
    try:
        for path in paths:
            disk.remove(path)
        for folder in sorted({path.parent for path in paths}):
            disk.sync_folder(folder)
    except OSError as error:
        raise store_error(f"{root}: cannot be purged", error) from error
