"""Open pictures of sealed frames, in RAM, from the burst to the verdict; lost with the power.

The sorter cannot open what is sealed: it judges these. What does not fit, or is lost, leaves its
sequence `unclassified`. They are made only where they stay in RAM.
"""

import contextlib
import os
from pathlib import Path

from trapnode.late_log import LateLog
from trapnode.store import names

__all__ = ["IN_RAM", "Copies", "kind_of", "leaves_ram"]

log = LateLog(__name__)

FOLDER = "copies"
MOST_BYTES = 32 << 20  # Of 512 MiB; 800 previews of 40 KB: 260 sequences that wait for the sorter.
MOST_FILES = 2000
IN_RAM = ("tmpfs", "ramfs")


class Copies:
    """A bounded folder in RAM; a fault costs a copy, never a picture."""

    def __init__(self, run: Path, most_bytes: int = MOST_BYTES, most_files: int = MOST_FILES):
        self.folder = run / FOLDER
        self._most_bytes = most_bytes
        self._most_files = most_files

    def put(self, name: str, data: bytes) -> None:
        """Keep a picture under its file's name, if there is room."""
        part = self.folder / (name + ".new")
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            files, size = self._used()
            if files >= self._most_files or size + len(data) > self._most_bytes:
                log.warning("%s: no room for a copy: it stays unclassified", name)
                return
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
            part.replace(self.folder / name)
        except OSError as error:
            log.warning("%s: no copy: it stays unclassified: %s", name, error)
            with contextlib.suppress(OSError):
                part.unlink()

    def get(self, name: str) -> bytes | None:
        """Give a picture; None if it is not there (any more)."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None

    def drop(self, stem: str) -> None:
        """Remove what is there of a sequence."""
        for path in self._files():
            if path.name.startswith(f"{stem}."):
                with contextlib.suppress(OSError):
                    path.unlink()

    def stems(self) -> set[str]:
        """Name the sequences of which there are copies."""
        found = (names.parse(path.name.removesuffix(".new")) for path in self._files())
        return {each.stem for each in found if each}

    def _used(self) -> tuple[int, int]:
        sizes = []
        for path in self._files():
            with contextlib.suppress(OSError):  # The sorter has just removed it.
                sizes.append(path.stat().st_size)
        return len(sizes), sum(sizes)

    def _files(self) -> list[Path]:
        try:
            with os.scandir(self.folder) as entries:
                return [Path(each.path) for each in entries]
        except OSError:
            return []


def leaves_ram(
    folder: Path,
    mounts: Path = Path("/proc/mounts"),
    swaps: Path = Path("/proc/swaps"),
    blocks: Path = Path("/sys/block"),
) -> str:
    """Say why files in a folder would reach a disk; empty if they stay in RAM."""
    try:
        kind = kind_of(folder, mounts)
        swapped = [line.split()[0] for line in swaps.read_text().splitlines()[1:]]
    except (OSError, IndexError, ValueError) as error:
        return f"it cannot be told where {folder} lies: {error}"
    if kind not in IN_RAM:
        return f"{folder} lies on {kind or 'an unknown file system'}, not in RAM"
    on_disk = [each for each in swapped if not _stays(each, blocks)]
    return f"{', '.join(on_disk)} is used for swapping" if on_disk else ""


def _stays(swap: str, blocks: Path) -> bool:
    """Say whether a swap is in RAM alone: a zram may write back to a file of its own."""
    name = swap.removeprefix("/dev/")
    if not name.startswith("zram"):
        return False
    try:
        return (blocks / name / "backing_dev").read_text("ascii").strip() == "none"
    except FileNotFoundError:  # This kernel cannot write back.
        return True
    except (OSError, ValueError):
        return False


def kind_of(folder: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """Name the kind of file system that a folder lies on; empty if it is not known.

    Raise OSError, or LookupError or ValueError for lines that make no sense.
    """
    kinds = {Path(line.split()[1]): line.split()[2] for line in mounts.read_text().splitlines()}
    real = folder.resolve()
    return kinds.get(next((each for each in (real, *real.parents) if each in kinds), Path("/")), "")
