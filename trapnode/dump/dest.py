"""The folder a dump goes to: it must be empty, or hold an earlier dump of this archive."""

import json
from collections.abc import Mapping
from pathlib import Path

from trapnode.errors import StoreError, UsageError
from trapnode.store.disk import PART, RealDisk, make_folders, write_whole

__all__ = ["archive_of", "claim"]

MARK = "trapnode.json"
FORMAT = 1


def claim(dest: Path, state: Path, unit: str, archive: str, choice: Mapping[str, object]) -> None:
    """Take DEST for the dump of this archive; raise UsageError if it is not ours to take."""
    if dest.resolve().is_relative_to(state.resolve()):
        raise UsageError(f"{dest}: lies in the unit's own folder {state}: give another place")
    owner = {"format": FORMAT, "unit": unit, "archive": archive, **choice}
    try:
        if dest.exists() and not dest.is_dir():
            raise UsageError(f"{dest}: is a file, must be a folder")
        if dest.is_dir() and any(each.name != MARK + PART for each in dest.iterdir()):
            _check(dest, owner)
        make_folders(RealDisk(), dest)
        # Durable before anything else is: without it, what a cut leaves would be a stranger's.
        write_whole(RealDisk(), dest / MARK, (json.dumps(owner) + "\n").encode("utf-8"))
        for left in dest.rglob(f"*{PART}"):
            left.unlink()  # Half a file of ours, from a run that was cut.
    except UsageError:
        raise
    except OSError as error:
        raise StoreError(f"{dest}: cannot be written: {error}") from error


def _check(dest: Path, owner: dict[str, object]) -> None:
    try:
        found = json.loads((dest / MARK).read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{dest}: holds other files: give an empty or a new folder") from None
    except (OSError, ValueError):
        raise UsageError(f"{dest}/{MARK}: cannot be read: give a new folder") from None
    if found != owner:
        unit = found.get("unit") if isinstance(found, dict) else None
        if isinstance(found, dict) and found.get("archive") == owner["archive"]:
            raise UsageError(
                f"{dest}: holds a dump of other --only, --since or --public: give a new folder"
            )
        raise UsageError(
            f"{dest}: holds the dump of another archive (unit {unit}): give a new folder"
        )


def archive_of(dump: Path) -> str:
    """Give the archive that a dump is of; raise UsageError for what is no dump of ours."""
    try:
        owner = json.loads((dump / MARK).read_text("utf-8"))
        return str(owner["archive"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{dump}: is not a dump, {MARK} cannot be read") from None
