"""What a technician noted at the unit: who put it up, took it down, put in fresh cells; when; how
it stands.

Never the place: that stays on the desk. STATE/field-notes.json, beside the rows, so that no fault
of the database takes it; written whole, the newest last, MOST at most. The clock's trust is noted
with the time.
"""

import json
import logging
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from trapnode.errors import StoreError
from trapnode.model import ClockTrust
from trapnode.store.disk import Disk, write_whole
from trapnode.store.refusal import store_error

__all__ = ["CELLS", "COLLECT", "DEPLOY", "FieldNote", "add", "last", "read", "readable"]

log = logging.getLogger(__name__)

FILE = "field-notes.json"
DEPLOY, COLLECT, CELLS = "deploy", "collect", "cells"
MOST = 100  # Twice a year for thirty years, and cells between.
MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FieldNote:
    """One visit. `deploy` has all the rest; None and empty is what was not said."""

    kind: str  # DEPLOY, COLLECT or CELLS.
    at: datetime  # Aware, UTC.
    trust: ClockTrust
    by: str
    height_m: float | None = None  # Of the camera above the ground.
    heading: int | None = None  # Degrees clockwise from north.
    tilt: int | None = None  # Degrees, negative is down.
    bait: bool | None = None
    feature: str = ""  # As Camtrap DP `featureType`.
    comments: str = ""


def read(state: Path) -> list[FieldNote]:
    """Read all notes, oldest first; raise StoreError for a file that cannot be read or is none."""
    path = state / FILE
    try:
        found = json.loads(path.read_bytes()[:MOST_BYTES])
        if not isinstance(found, list):
            raise TypeError("no list")
        return [_note(each) for each in found]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise store_error(f"{path}: cannot be read", error) from error
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(f"{path}: holds no field notes: {error}") from error


def readable(state: Path) -> list[FieldNote]:
    """Read all notes, oldest first; of a file that cannot be read, none."""
    try:
        return read(state)
    except StoreError as error:
        log.warning("%s", error)
        return []


def last(state: Path, *kinds: str) -> FieldNote | None:
    """Give the newest note, of these kinds; None: there is none, or none that can be read."""
    found = reversed(readable(state))
    return next((each for each in found if not kinds or each.kind in kinds), None)


def add(disk: Disk, state: Path, note: FieldNote) -> None:
    """Add a note, durably: after a power cut it is there whole or not at all; raise StoreError.

    A file that is none of ours is set aside under another name, not written over.
    """
    path = state / FILE
    try:
        try:
            notes = read(state)
        except StoreError:
            disk.rename(path, path.with_suffix(f".{note.at:%Y%m%dT%H%M%S}.bad"))
            notes = []
        content = json.dumps([_plain(each) for each in [*notes, note][-MOST:]], indent=1)
        write_whole(disk, path, content.encode("ascii"))
    except OSError as error:
        raise store_error(f"{path}: cannot be written", error) from error


def _plain(note: FieldNote) -> dict[str, object]:
    return asdict(note) | {"at": note.at.isoformat(), "trust": note.trust.value}


def _note(found: dict[str, object]) -> FieldNote:
    at = datetime.fromisoformat(str(found["at"]))
    if at.tzinfo is None:
        raise ValueError(f"{at}: a time without an offset")
    told = {"at": at, "trust": ClockTrust(str(found["trust"]))}
    return FieldNote(**(found | told))  # type: ignore[arg-type]
