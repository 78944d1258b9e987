"""Start-up repair: what a power cut left half done is finished, and nothing is ever deleted.

* a complete `.part` gets its final name; a torn one goes to quarantine; of a sealed one its mark
  tells (`seals`), and a sealed file without a row that has a wrong mark is forged: quarantine, too;
* whole files without a row are adopted, as a sequence that waits for the sorter;
* rows without a file are marked lost; a file that is back is taken back;
* bursts that power ended are closed, so that the sorter takes them.

Only the station repairs, and only while no burst of its own is under way.
"""

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from trapnode.model import FrameState
from trapnode.store import names
from trapnode.store.adoption import adopt, frame_path
from trapnode.store.archive import Archive
from trapnode.store.database import Database
from trapnode.store.disk import PART, Disk, make_folders
from trapnode.store.refusal import store_error

__all__ = ["Repair", "Repairs", "is_whole_jpeg"]

log = logging.getLogger(__name__)

BATCH = 200  # Frames adopted in one transaction.
SECTOR = 512  # What a card writes whole or not at all,
HOLE = bytes(SECTOR)  # and what it holds where a file's length came and its bytes did not.


@dataclass(slots=True)
class Repairs:
    """What a start-up repair did; all zero after an orderly end."""

    renamed: int = 0  # Complete `.part` files that got their name.
    quarantined: int = 0
    forged: int = 0  # Sealed files that this unit did not seal, among the quarantined.
    adopted: int = 0  # Frames that had files and no row.
    lost: int = 0  # Frames that had a row and no file.
    closed: int = 0  # Sequences whose burst power ended.


class Repair:
    """One repair, folder by folder, so that between two of them a picture can be taken."""

    def __init__(self, archive: Archive, quarantine: Path, disk: Disk, database: Database) -> None:
        self.done = Repairs()
        self._root = archive.root
        self._sealing = archive.sealing
        self._quarantine = quarantine
        self._disk = disk
        self._database = database

    def steps(self) -> Iterator[None]:
        """Put right what the last power cut left; safe to be cut itself. Raise StoreError.

        What is taken between two steps is whole and has its rows: it is left alone. A folder that
        fails holds up no other, and no sequence's way to the sorter; it is raised at the end.
        """
        open_before = self._database.rows("SELECT id FROM sequence WHERE state = 'open'")
        failed: OSError | None = None
        for folder in self._folders():
            try:
                yield from self._mend(folder)
            except OSError as error:
                failed = failed or error
            yield
        self._close(open_before)
        if failed is not None:
            raise store_error(f"{self._root}: cannot be repaired", failed) from failed
        if self.done != Repairs():
            log.warning("repaired after a power cut: %s", self.done)

    def _mend(self, folder: Path) -> Iterator[None]:
        self._finish_parts(folder)
        found = _in(folder, ".jpg", names.SEALED)
        files = {str(each.relative_to(self._root)) for each in found}
        rows = self._rows(str(folder.relative_to(self._root)))
        yield from self._adopt(files, rows)
        self._mark(files, rows)

    def _folders(self) -> list[Path]:
        """List the folders that hold files, and those that rows speak of."""
        spoken = self._database.rows(
            "SELECT DISTINCT rtrim(path, replace(path, '/', '')) FROM frame"
        )
        found = {self._root / str(folder).rstrip("/") for (folder,) in spoken}
        waiting = [self._root]
        while waiting:
            folder = waiting.pop()
            found.add(folder)
            with contextlib.suppress(OSError), os.scandir(folder) as entries:  # `_mend` will say.
                waiting += [Path(each.path) for each in entries if each.is_dir()]
        return sorted(found)

    def _rows(self, folder: str) -> dict[str, tuple[str, str]]:
        """Give path, file and state of the frames in a folder."""
        first = "" if folder == "." else f"{folder}/"
        rows = self._database.rows(
            "SELECT path, mark, state FROM frame WHERE path >= ? AND path < ?"
            " AND instr(substr(path, ?), '/') = 0",
            first,
            first + "\x7f",
            len(first) + 1,
        )
        return {str(p): (names.stored(str(p), str(mark)), str(state)) for p, mark, state in rows}

    def _finish_parts(self, folder: Path) -> None:
        for part in _in(folder, PART):
            target = part.with_suffix("")
            if names.parse(target.name) and not target.exists() and self._is_whole(part):
                self._disk.sync(part)
                self._disk.rename(part, target)
                self.done.renamed += 1
            else:
                _set_aside(part, self._quarantine, self._disk)
                self.done.quarantined += 1
            self._disk.sync_folder(part.parent)

    def _is_whole(self, part: Path) -> bool:
        try:
            if part.stem.endswith(names.SEALED):
                return self._sealing.genuine(part, part.stem)
            return is_whole_jpeg(part.read_bytes())
        except OSError as error:  # A worn sector: no reason to take no more pictures.
            log.warning("%s goes to quarantine: %s", part, error)
            return False

    def _adopt(self, files: set[str], rows: Mapping[str, object]) -> Iterator[None]:
        known, shown = {None, *rows}, {}
        for file in sorted(files):
            if frame_path(file) not in known and not self._is_forged(file):
                shown[names.opened(file)] = file
                if file.endswith(names.SEALED):
                    yield  # Its mark takes a while: a picture may be due.
        orphans = sorted({path for path in map(frame_path, shown) if path})
        for first in range(0, len(orphans), BATCH):
            batch = orphans[first : first + BATCH]
            with self._database.transaction():
                for path in batch:
                    adopt(self._root, path, shown, self._database)
            self.done.adopted += len(batch)
            yield

    def _is_forged(self, file: str) -> bool:
        """Say whether a file without a row is none of ours, and set it aside."""
        path = self._root / file
        try:
            if not file.endswith(names.SEALED) or self._sealing.genuine(path, path.name):
                return False
        except OSError as error:  # A worn sector: adopted, as an open file that nobody reads.
            log.warning("%s: its mark cannot be proved: %s", path, error)
            return False
        log.error("%s is forged or torn, and goes to quarantine", path)
        _set_aside(path, self._quarantine, self._disk)
        self._disk.sync_folder(path.parent)
        self.done.quarantined += 1
        self.done.forged += 1
        return True

    def _mark(self, files: set[str], rows: Mapping[str, tuple[str, str]]) -> None:
        """Mark frames whose file is gone, and those whose file is back."""
        states = {path: state for path, (_, state) in rows.items()}
        there = {path for path, (file, _) in rows.items() if file in files}
        lost = [p for p, state in states.items() if state == FrameState.WHOLE and p not in there]
        back = [p for p, state in states.items() if state == FrameState.LOST and p in there]
        if not lost and not back:
            return
        with self._database.transaction():
            for state, paths in ((FrameState.LOST, lost), (FrameState.WHOLE, back)):
                for path in paths:
                    self._database.run("UPDATE frame SET state = ? WHERE path = ?", state, path)
        self.done.lost += len(lost)

    def _close(self, open_before: list[tuple[object, ...]]) -> None:
        """Give the sorter the bursts that power ended, and what was adopted."""
        adopted = self._database.rows(
            "SELECT id FROM sequence WHERE state = 'open' AND boot IS NULL"
        )
        ids = {row[0] for row in (*open_before, *adopted)}
        with self._database.transaction():
            for each in ids:
                self.done.closed += self._database.run(
                    "UPDATE sequence SET state = 'unsorted' WHERE id = ? AND state = 'open'", each
                )


def is_whole_jpeg(data: bytes) -> bool:
    """Say whether bytes begin and end as a JPEG does, with no sector of zeros between."""
    ends = data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9")
    return ends and not any(data[at : at + SECTOR] == HOLE for at in range(0, len(data), SECTOR))


def _in(folder: Path, *endings: str) -> list[Path]:
    """List the files with one of these endings right in a folder; none if the folder is gone."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(Path(each.path) for each in entries if each.name.endswith(endings))


def _set_aside(path: Path, quarantine: Path, disk: Disk) -> None:
    make_folders(disk, quarantine)
    target, copy = quarantine / path.name, 0
    while target.exists():
        copy += 1
        target = quarantine / f"{path.name}.{copy}"
    disk.rename(path, target)
    disk.sync_folder(quarantine)
