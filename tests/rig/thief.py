"""What a thief finds on the raw medium: a real ext4 image after the life of a unit with keys.

usage: python -m tests.rig.thief    as root; the same life without keys must be found

Every block of the image is searched, those of deleted files, of SQLite's log and of the file
system's journal too. The life: bursts, verdicts, discards, messages, a second boot.
"""

import mmap
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes import (
    BLANK,
    LEOPARD,
    KnowingClassifier,
    NumberedCamera,
    ScriptedModem,
    boot,
    jpeg,
    sort_all,
    sorter_of,
    station_of,
    uplinker_of,
    watch_pir,
)
from tests.sealed import ESCROW, PARK, sealing_in
from trapnode.model import Shot
from trapnode.sim.clock import SteppedClock
from trapnode.store.seals import Sealing
from trapnode.store.store import open_store

IMAGE_MIB = 96
BURSTS = 24
FRAME_BYTES, PREVIEW_BYTES = 300_000, 30_000
PIECE = 24  # Bytes: no block repeats them by chance.
WORDS = (b"JFIF\x00", b"Exif\x00\x00", b"GPSLatitude", b"GPSLongitude", b"AGE-SECRET-KEY-")


class HeavyCamera(NumberedCamera):
    """A camera whose pictures are as large as pictures are, and kept for the search."""

    def __init__(self, clock: SteppedClock) -> None:
        super().__init__(clock)
        self.shots: list[Shot] = []

    def shoot(self) -> Shot:
        small = super().shoot()
        frame, preview = (
            _heavy(picture, size)
            for picture, size in (
                (small.frame, FRAME_BYTES),
                (small.preview or jpeg(self.taken), PREVIEW_BYTES),
            )
        )
        self.shots.append(Shot(frame, preview, small.captured_at))
        return self.shots[-1]


def main() -> int:
    """Search both images; give 1 if a thief finds something, or if the search finds nothing."""
    sealed, frames, gone = found_after_a_life(keys=True)
    lying, _, _ = found_after_a_life(keys=False)
    print(
        f"{frames} frames with previews, {gone} of them deleted, {IMAGE_MIB} MiB searched:"
        f" {len(sealed)} finds with keys ({', '.join(sorted(sealed)[:3]) or 'nothing'}),"
        f" {len(lying)} without"
    )
    return int(bool(sealed) or len(lying) < frames)


def found_after_a_life(keys: bool) -> tuple[set[str], int, int]:
    """Give what is found in the image, the frames that were taken, and those deleted."""
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory(dir="/dev/shm") as run,
    ):
        image = Path(folder) / "card.img"
        camera = HeavyCamera(SteppedClock())
        with mounted(image) as card:
            gone = live(card, Path(run), sealing_in(Path(run)) if keys else None, camera)
        return search(image, camera.shots), len(camera.shots), gone


def live(state: Path, run: Path, sealing: Sealing | None, camera: HeavyCamera) -> int:
    """Take, sort, discard and tell; give how many frames went."""
    for half in range(2):
        store, clock = open_store(state, sealing=sealing), SteppedClock()
        clock.step(1e6 * half)
        life = boot(store, f"boot {half}")
        start = clock.monotonic() + 60
        spans = [(start + 60 * each, 0.5) for each in range(BURSTS // 2)]
        watch_pir(station_of(store, run, life), clock, spans, camera)
        scenes = [BLANK if n % 3 else LEOPARD for n in range(BURSTS)]
        sort_all(sorter_of(store, run, lambda scenes=scenes: KnowingClassifier(scenes)), clock)
        uplinker = uplinker_of(store, run, life)
        while uplinker.send_next(ScriptedModem(), clock):
            pass
        counts = store.sequences.counts()
        store.close()
    return counts.get("frame.discarded", 0) + counts.get("frame.evicted", 0)


def search(image: Path, shots: list[Shot]) -> set[str]:
    """Name what lies open in the raw image."""
    dice, found = random.Random(1), set()
    secrets = {"a private key": PARK[0], "another private key": ESCROW[0]}
    with image.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        assert raw.find(b"leopard") >= 0, "the rows lie open: the search sees the card"
        found |= {repr(word) for word in WORDS if raw.find(word) >= 0}
        found |= {name for name, key in secrets.items() if raw.find(key.encode()) >= 0}
        for number, shot in enumerate(shots, 1):
            for kind, picture in (("frame", shot.frame), ("preview", shot.preview)):
                at = dice.randrange(len(picture) // 2, len(picture) - 2 * PIECE)
                if raw.find(picture[at : at + PIECE]) >= 0:
                    found.add(f"{kind} {number}")
    return found


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    """Mount a fresh ext4 image; unmounted, all that was ever written is in it."""
    with image.open("wb") as file:
        file.truncate(IMAGE_MIB << 20)
    _run("mkfs.ext4", "-q", "-F", str(image))
    card = image.with_name("card")
    card.mkdir()
    _run("mount", "-o", "loop", str(image), str(card))
    try:
        yield card
    finally:
        _run("umount", str(card))


def _heavy(picture: bytes, size: int) -> bytes:
    """Give a picture the weight of noise: it need not be decoded here."""
    noise = os.urandom(size).replace(b"\xff", b"\x00")
    return picture[:-2] + noise + picture[-2:]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
