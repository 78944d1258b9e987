"""A dump against `cp -r` of the same files and `sha256sum` of both sides, with caches dropped."""

import io
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image

from tests.archives import desk, scores, sightings
from tests.test_camtrap_dp import STANDARD, verdict_of_the_standard
from trapnode.model import Shot, Trigger, WakeReason
from trapnode.store.database import connect
from trapnode.store.disk import RealDisk
from trapnode.store.entries import begin_boot
from trapnode.store.store import open_store

__all__ = ["Measured", "measure"]

BEGAN = datetime(2026, 11, 22, 6, tzinfo=UTC)
DROP_CACHES = Path("/proc/sys/vm/drop_caches")
COMMAND = """
import sys
from pathlib import Path
from trapnode.cli import main
assert main(sys.argv[1:]) == 0
status = Path("/proc/self/status").read_text("ascii").splitlines()
print(next(line for line in status if line.startswith("VmHWM")))
"""  # What wait4 tells of a child is at least what its parent had.
PREVIEW = (640, 480)  # Of the camera's small stream.
TARGET_EVERY = 50  # Sequences: leopards are 1 to 2 % of pictures.


@dataclass(frozen=True, slots=True)
class Measured:
    """The ratio of each round's times, the times, the size, and the most memory of a dump."""

    ratio: float
    ours_s: float
    floor_s: float
    megabytes: float
    memory_mib: float
    verdict: str


def measure(frames: int, size: tuple[int, int], rounds: int) -> Measured:
    """Dump `frames` of this many pixels; begin each time with cold caches."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        megabytes = _filled(root / "state", frames, size)
        park, archive = desk(root), root / "state" / "archive"
        ours, floor, memory, verdict = [], [], [], "not validated"
        for number in range(rounds):
            copy, dump = root / "copy", root / "dump"
            floor.append(_timed(lambda copy=copy: _copy_and_hash(archive, copy)))
            shutil.rmtree(copy)
            ours.append(_timed(lambda dump=dump: memory.append(_dump(root, dump, park))))
            if number == rounds - 1 and STANDARD.is_dir():
                verdict = verdict_of_the_standard(dump)
            shutil.rmtree(dump)
    ratio = statistics.median(a / b for a, b in zip(ours, floor, strict=True))
    halves = statistics.median(ours), statistics.median(floor)
    return Measured(ratio, *halves, megabytes, max(memory), verdict)


def _dump(root: Path, dump: Path, park: Path) -> float:
    """Run the command; give its largest memory in MiB."""
    words = ["dump", str(dump), "--from", str(root / "state"), "--deployments", str(park)]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words], check=True, stdout=subprocess.PIPE, text=True
    )
    return int(done.stdout.split()[-2]) / 1024  # VmHWM:  12345 kB


def _copy_and_hash(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-r", str(source), str(target)], check=True)
    for side in (source, target):
        _cold()
        found = f"find {side} -name '*.jpg' -print0 | xargs -0 sha256sum"
        subprocess.run(found, shell=True, check=True, stdout=subprocess.DEVNULL)


def _timed(work: Callable[[], object]) -> float:
    _cold()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _cold() -> None:
    """Write out and forget what the kernel remembers of files; only root may."""
    os.sync()
    if os.access(DROP_CACHES, os.W_OK):
        DROP_CACHES.write_text("3", "ascii")


class _Unsynced(RealDisk):
    """A disk for filling a card in seconds."""

    def sync(self, path: Path) -> None:
        pass

    def sync_folder(self, folder: Path) -> None:
        pass


def _unsynced(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    return connection


def _filled(state: Path, frames: int, size: tuple[int, int]) -> float:
    """Make a store of bursts of three; give its megabytes."""
    seen = sightings(state)
    seen.store.close()
    seen.store = open_store(state, _Unsynced(), _unsynced)
    begin_boot(seen.store.database, "bench", BEGAN, WakeReason.PIR, seen.trust)
    still, preview = _picture(size), _picture(PREVIEW)
    total = 0
    for number in range(frames // 3):
        at = BEGAN + timedelta(minutes=10 * number)
        burst = seen.store.archive.begin(
            "AL07", 600, "bench", Trigger(at, 0.0), seen.boot(seen.trust)
        )
        for _ in range(3):
            burst.add(Shot(still, preview, at))
        burst.close()
        total += burst.saved_bytes
        label = "deer" if number % TARGET_EVERY else "leopard"
        seen.judge(burst.sequence, label, [scores(boxes=1, **{label: 0.9})] * 3, count=1)
    seen.store.close()
    return total / 1e6


def _picture(size: tuple[int, int]) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 12).convert("RGB").save(out, "JPEG", quality=70)
    return out.getvalue()
