"""Bringing the pictures of one record after the other into DEST."""

from collections.abc import Mapping
from pathlib import Path

from trapnode.dump.card import Unreadable
from trapnode.dump.claims import files_of
from trapnode.dump.copying import Copier
from trapnode.dump.public import placeless
from trapnode.dump.sealed import named
from trapnode.dump.summary import DumpSummary
from trapnode.errors import StoreError
from trapnode.model import Frame, FrameState
from trapnode.store import names
from trapnode.store.archive import Archive
from trapnode.store.reading import Record

__all__ = ["Pictures", "promised"]


def promised(record: Record) -> dict[int, str]:
    """Say where the pictures of a record would lie in DEST, by frame number."""
    return {
        frame.number: f"media/{files_of(frame)[0]}" for frame in record.sequence.frames
    }  # fmt: skip


class Pictures:
    """The way of pictures from an archive's folder into DEST; raises StoreError."""

    def __init__(
        self, archive: Archive, copier: Copier, summary: DumpSummary, public: bool
    ) -> None:
        self._root = str(archive.root)
        self._seals = archive.sealing.seals
        self._copier = copier
        self._summary = summary
        self._public = public

    def bring(self, record: Record, marks: Mapping[int, bytes]) -> dict[int, str]:
        """Bring the file that shows each frame; give the paths in DEST by frame number."""
        files = {}
        for frame in record.sequence.frames:
            if path := self._bring_one(frame, marks.get(frame.number, b"")):
                files[frame.number] = path
            else:
                self._summary.lost.append(frame.path)
        return files

    def _bring_one(self, frame: Frame, mark: bytes) -> str | None:
        if frame.state is FrameState.PURGED:
            # Sealed as it came, or opened since by `unseal`: it may be the only one there is.
            for name in dict.fromkeys((named(frame.path, frame.mark), frame.path)):
                if self._copier.keep(f"media/{name}"):
                    self._bring(frame.preview_path, frame.preview_mark, "previews", b"")
                    return f"media/{name}"
        seals = {frame.path: frame.mark, frame.preview_path: frame.preview_mark}
        for path in files_of(frame):
            if self._bring(path, seals[path], "media", mark):
                if path == frame.path:
                    self._bring(frame.preview_path, frame.preview_mark, "previews", b"")
                return f"media/{named(path, seals[path])}"
        return None

    def _bring(self, path: str, seal: str, folder: str, mark: bytes) -> bool:
        if path.startswith("/") or ".." in path.split("/"):
            raise StoreError(f"{self._root}: a row points outside the archive: {path}")
        source, target = f"{self._root}/{names.stored(path, seal)}", f"{folder}/{named(path, seal)}"
        try:
            if self._public and (hidden := _hidden(source)) is not None:
                self._copier.write_bytes(target, hidden)
            else:
                digest = self._copier.copy(source, target, b"" if seal else mark)
                self._examine(path, seal, digest)
        except Unreadable as error:
            if not error.gone:
                self._summary.unreadable.append(str(error))
            return False
        return True

    def _examine(self, path: str, seal: str, digest: str) -> None:
        """Look whether this unit sealed a file, by the hash of its copy."""
        if not seal:
            return
        self._summary.sealed += 1
        name = names.stored(path, seal).rpartition("/")[2]
        if self._seals is not None and not self._seals.genuine(name, bytes.fromhex(digest)):
            self._summary.forged.append(path)


def _hidden(source: str) -> bytes | None:
    """Give a picture without its place; None where it may go as it is."""
    try:
        return placeless(Path(source).read_bytes())
    except OSError as error:
        raise Unreadable(source, error) from error
