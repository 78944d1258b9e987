"""Making room on a full card: the least valuable first, and nothing that a row does not say.

The row first (`evicting`), then the files, then the folders' sync, then the row again (`evicted`).
A power cut in between costs nothing: the next call goes on where this one was. Nothing is ever
deleted at start-up.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from trapnode.model import Frame, FrameState
from trapnode.policy.retention import ORDER, Value, value_of
from trapnode.store import names
from trapnode.store.database import Database
from trapnode.store.disk import Disk
from trapnode.store.refusal import store_error
from trapnode.store.rows import FRAME, frame_of, integer

__all__ = ["Eviction"]

log = logging.getLogger(__name__)

BATCH = 200  # Frames that go in one transaction.
RECENT = 200  # Sequences whose previews are not old.
THINNED = "(s.id * 2654435761) % 4294967296"  # Knuth's: an order that knows no time of year.
CLAIM = "coalesce(o.label, ''), coalesce(o.target, 0), coalesce(o.audit, 0)"
OF_FRAME = ", ".join(f"f.{each}" for each in (*FRAME.split(", "), "bytes", "preview_bytes"))
JOINED = "sequence s LEFT JOIN observation o ON o.id = s.id"
STEPS = {
    FrameState.EVICTING: FrameState.EVICTED,
    FrameState.FADING: FrameState.FADED,
}


class Eviction:
    """What goes from one card when it is full."""

    def __init__(self, root: Path, disk: Disk, database: Database) -> None:
        self._root = root
        self._disk = disk
        self._database = database

    def free(self, need: int) -> int:
        """Free `need` bytes, or all that may go; give the bytes freed. Raise StoreError."""
        freed = self.finish()
        for value in ORDER:
            while freed < need and (gone := self._let_go(value, need - freed)) is not None:
                freed += gone
        return freed

    def thin_audit(self, most: int) -> int:
        """Free what blanks kept for audit hold beyond `most` bytes; give the bytes freed.

        They go in an order that has nothing to do with when or what they are, so that those that
        stay are still a fair sample of the whole time.
        """
        row = self._database.row(
            "SELECT coalesce(sum(f.bytes), 0) FROM observation o JOIN frame f"
            " ON f.sequence = o.id WHERE o.audit = 1 AND f.state = 'whole'"
        )
        assert row is not None
        over, freed = integer(row[0]) - most, 0
        while freed < over and (gone := self._let_go(Value.AUDIT, over - freed)) is not None:
            freed += gone
        return freed

    def fade(self, sequences: Iterable[int]) -> None:
        """Let go of the previews of sequences whose rows are about to go. Raise StoreError."""
        with self._database.transaction():
            for sequence in sequences:
                self._database.run(
                    "UPDATE frame SET state = ? WHERE sequence = ? AND state NOT IN"
                    " ('whole', 'discarding', 'evicting') AND preview_bytes > 0",
                    FrameState.FADING,
                    sequence,
                )
        self.finish()

    def finish(self) -> int:
        """Let go of what a power cut kept from going; give the bytes freed."""
        rows = self._database.rows(
            f"SELECT {OF_FRAME} FROM frame f WHERE state IN ('evicting', 'fading')"
        )
        return self._remove([(frame_of(row), _bytes(row)) for row in rows]) if rows else 0

    def _oldest(self, value: Value) -> list[tuple[Frame, int]]:
        """Give some frames of this value that may go, with the bytes that they hold."""
        claims = [claim for claim in self._claims() if value_of(*claim) is value]
        if not claims:
            return []
        kinds = ", ".join("(?, ?, ?)" for _ in claims)
        state = FrameState.DISCARDED if value is Value.BLANK else FrameState.WHOLE
        old = f"s.id <= (SELECT max(id) FROM sequence) - {RECENT} AND f.preview_bytes > 0"
        rows = self._database.rows(
            f"SELECT {OF_FRAME} FROM {JOINED} JOIN frame f ON f.sequence = s.id"
            f" WHERE s.state != 'open' AND f.state = ? AND ({CLAIM}) IN (VALUES {kinds})"
            f" AND {old if value is Value.BLANK else '1'}"
            f" ORDER BY {THINNED if value is Value.AUDIT else 's.id'}, f.number LIMIT {BATCH}",
            state,
            *(each for label, *flags in claims for each in (label or "", *flags)),
        )
        return [(frame_of(row), _bytes(row)) for row in rows]

    def _claims(self) -> list[tuple[str | None, bool, bool]]:
        """List what sequences are claimed to show: label (None: not sorted), target, audit."""
        rows = self._database.rows("SELECT DISTINCT label, target, audit FROM observation")
        return [(None, False, False)] + [(str(row[0]), bool(row[1]), bool(row[2])) for row in rows]

    def _let_go(self, value: Value, need: int) -> int | None:
        """Let go of so many frames of this value as are needed, whole sequences; give the bytes.

        None: there are none. They are chosen and marked in one transaction, for the sorter may be
        about to find a target in what nobody knows.
        """
        to = FrameState.FADING if value is Value.BLANK else FrameState.EVICTING
        taken: list[Frame] = []
        with self._database.transaction():
            for frame, size in self._oldest(value):
                if need <= 0 and frame.sequence != taken[-1].sequence:
                    break
                taken.append(frame)
                need -= size
            for frame in taken:
                self._turn(frame, frame.state, to)
        if not taken:
            return None
        log.warning("the card is full: %d frames (%s) go", len(taken), value.name.lower())
        return self.finish()

    def _remove(self, frames: list[tuple[Frame, int]]) -> int:
        paths = [self._root / _path(frame) for frame, _ in frames]
        try:
            gone = [self._is_removed(path) for path in paths]
            for folder in sorted({path.parent for path in paths}):
                if folder.is_dir():
                    self._disk.sync_folder(folder)
        except OSError as error:
            raise store_error(f"{self._root}: cannot make room", error) from error
        self._gone(frame for frame, _ in frames)
        return sum(size for (_, size), went in zip(frames, gone, strict=True) if went)

    def _is_removed(self, path: Path) -> bool:
        """Remove a file; one that is not ours to delete stays, and holds up no other."""
        try:
            self._disk.remove(path)
        except PermissionError as error:
            log.error("%s: cannot go: %s", path, error)
            return False
        return True

    def _gone(self, frames: Iterable[Frame]) -> None:
        with self._database.transaction():
            for frame in frames:
                self._turn(frame, frame.state, STEPS[frame.state])

    def _turn(self, frame: Frame, state: FrameState, to: FrameState) -> None:
        preview = ", preview_bytes = 0" if to is FrameState.FADED else ""
        self._database.run(
            f"UPDATE frame SET state = ?{preview} WHERE sequence = ? AND number = ? AND state = ?",
            to,
            frame.sequence,
            frame.number,
            state,
        )


def _path(frame: Frame) -> str:
    fading = frame.state is FrameState.FADING
    return names.preview_file_of(frame) if fading else names.file_of(frame)


def _bytes(row: tuple[object, ...]) -> int:
    """Give the bytes that go with a frame in its state."""
    preview = str(row[4]) in (FrameState.DISCARDED, FrameState.FADING)
    return integer(row[-1] if preview else row[-2])
