"""What lives in RAM beside the store: heartbeats, tries, the set that judges, stick, snapshot.

A write that fails is logged and forgotten: the keeper sees the old beat grow stale.
"""

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from trapnode.message import Faults
from trapnode.store.ramfile import replace
from trapnode.words import CardCause, StickState

__all__ = [
    "Beat",
    "Failure",
    "ask_reboot",
    "beat",
    "begin",
    "card_failed",
    "end",
    "fail_card",
    "process_faults",
    "read_beats",
    "read_set",
    "read_settings",
    "read_snapshot",
    "read_stick",
    "replace",
    "stick_told_of",
    "syncs_for_each",
    "write_set",
    "write_settings",
    "write_snapshot",
    "write_stick",
]

FAILED = "card.failed"
SNAPSHOT = "status.json"
SET = "set.json"
STICK = "stick.json"
SETTINGS = "settings.json"


@dataclass(frozen=True, slots=True)
class Beat:
    """A process's last sign of life: when (monotonic, s), and its fault, or empty."""

    process: str
    monotonic_s: float
    fault: str
    syncs: int = 0  # Of the card, since the process began.


@dataclass(frozen=True, slots=True)
class Failure:
    """Why and when (s since boot) the card took no more writes."""

    cause: CardCause
    why: str
    at_s: float


def beat(run: Path, process: str, monotonic_s: float, fault: str = "", syncs: int = 0) -> None:
    """Leave a sign of life for the keeper."""
    said = {"monotonic_s": monotonic_s, "fault": fault, "syncs": syncs}
    replace(run / f"{process}.beat", said)


def read_beats(run: Path) -> list[Beat]:
    """Read every process's last sign of life."""
    beats = []
    for path in sorted(run.glob("*.beat")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(path.read_text("utf-8"))
            said = str(found["fault"]), int(found.get("syncs", 0))
            beats.append(Beat(path.stem, float(found["monotonic_s"]), *said))
    return beats


def begin(run: Path, work: str, what: str) -> int:
    """Count how often this was begun, one after another, since boot; give the count, this one too.

    What ended well is not counted: see `end`.
    """
    path, times = run / f"{work}.begun", 0
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(path.read_text("utf-8"))
        times = int(found["times"]) if found["what"] == what else 0
    replace(path, {"what": what, "times": times + 1})
    return times + 1


def end(run: Path, work: str) -> None:
    """Forget what was begun: it did not end the process."""
    with contextlib.suppress(OSError):
        (run / f"{work}.begun").unlink(missing_ok=True)


def write_set(run: Path, name: str) -> None:
    """Tell the keeper which set of models judges."""
    replace(run / SET, {"name": name})


def read_set(run: Path) -> str | None:
    """Read which set of models judges; None if the sorter has not said."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((run / SET).read_text("utf-8"))["name"])
    return None


def write_settings(run: Path, values: Mapping[str, int]) -> None:
    """Tell all processes what commands changed of the configuration."""
    if read_settings(run) != values:
        replace(run / SETTINGS, values)


def read_settings(run: Path) -> dict[str, int] | None:
    """Read what commands changed of the configuration; None: nobody has said."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        found = json.loads((run / SETTINGS).read_text("utf-8"))
        return {str(name): int(value) for name, value in found.items()}
    return None


def process_faults(
    beats: Mapping[str, Beat], silence_s: Mapping[str, float], now_s: float, settled: bool
) -> list[tuple[Faults, str]]:
    """Say which processes are missing (once all have `settled`), silent for too long, or faulty."""
    faults = []
    for process, limit_s in silence_s.items():
        beat, flag = beats.get(process), Faults[process.upper()]
        if beat is None:
            if settled:
                faults.append((flag, f"{process}: never started"))
        elif now_s - beat.monotonic_s > limit_s:
            faults.append((flag, f"{process}: silent for {now_s - beat.monotonic_s:.0f} s"))
        elif beat.fault:
            faults.append((flag, f"{process}: {beat.fault}"))
    return faults


def syncs_for_each(beats: Iterable[Beat], sequences: int) -> int | None:
    """Give the syncs of all processes for each of so many sequences, rounded up; None: none."""
    return -(-sum(beat.syncs for beat in beats) // sequences) if sequences else None


def fail_card(run: Path, failure: Failure) -> None:
    """Tell all processes that the card takes no more writes; the first word stays."""
    if card_failed(run) is None:
        replace(run / FAILED, asdict(failure))


def ask_reboot(run: Path) -> None:
    """Ask systemd for a reboot: a path unit watches for this file."""
    with contextlib.suppress(OSError):
        (run / "reboot").touch()


def card_failed(run: Path) -> Failure | None:
    """Say why the card takes no more writes; None: it does."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((run / FAILED).read_text("utf-8"))
        return Failure(CardCause(found["cause"]), str(found["why"]), float(found["at_s"]))
    return None


def write_snapshot(run: Path, snapshot: Mapping[str, object]) -> None:
    """Write the status that a technician sees even when all else hangs."""
    replace(run / SNAPSHOT, snapshot)


def read_snapshot(run: Path) -> dict[str, object] | None:
    """Read the last status snapshot, the stick's line as of now; None: the keeper wrote none."""
    try:
        found = json.loads((run / SNAPSHOT).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict):
        return None
    stick = read_stick(run)
    return found | {"stick": stick[1]} if stick else found


def write_stick(run: Path, state: StickState, text: str, mount: Path) -> None:
    """Say how the stick that is mounted there is, to whoever asks for the status."""
    replace(run / STICK, {"state": state, "text": text, "mount": str(mount)})


def stick_told_of(run: Path) -> Path | None:
    """Give the mount of the stick of which the last word is; None: of none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return Path(str(json.loads((run / STICK).read_text("utf-8"))["mount"]))
    return None


def read_stick(run: Path) -> tuple[StickState, str] | None:
    """Read how the stick is, and the words for it; None: there is none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((run / STICK).read_text("utf-8"))
        return StickState(found["state"]), str(found["text"])
    return None
