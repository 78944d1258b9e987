"""`make bench`: speed and memory as ratios within one run; exits 1 past a limit.

Each pair is measured in turn, A B A B, so that a machine whose speed drifts cheats neither side.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trapnode.cli.crew import Crew, await_that
from trapnode.cli.demo import CONFIG, ORIGIN, folders_of, own
from trapnode.cli.unit import models
from trapnode.devices.classifier import TfliteClassifier, to_tensor
from trapnode.dump import write_dump
from trapnode.model import ClockTrust, Shot, Trigger, WakeReason
from trapnode.sim.scene import preview_of, show
from trapnode.sim.world import World
from trapnode.store.ram import read_snapshot
from trapnode.store.sequences import begin_boot
from trapnode.store.store import Store, open_store
from trapnode.store.tally import tally

CLASSIFY_LIMIT = 1.5
DUMP_LIMIT = 1.3
MEMORY_LIMIT_MIB = 200
IMPORT_LIMIT = 4.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    value: float
    limit: float
    how: str


def main() -> int:
    """Measure all, print the table, give 1 if a limit is passed."""
    figures = [classify_ratio(), dump_ratio(), memory(), import_ratio()]
    for figure in figures:
        verdict = "ok" if figure.value <= figure.limit else "PAST IT"
        value = f"{figure.value:8.2f}  <= {figure.limit:<5g} {verdict:<8}"
        print(f"{figure.name:<34} {value} {figure.how}")
    return int(any(figure.value > figure.limit for figure in figures))


def classify_ratio(rounds: int = 60) -> Figure:
    """Compare the sorter's whole work on a preview with the bare interpreter on its tensor."""
    from ai_edge_litert.interpreter import Interpreter

    previews = [preview_of(frame.read_bytes()) for burst in folders_of(own()) for frame in burst]
    card = models() / "lite0-amur.json"
    classifier = TfliteClassifier(card)
    bare = Interpreter(str(card.with_suffix(".tflite")), num_threads=1)
    bare.allocate_tensors()
    (height, width), index = (
        bare.get_input_details()[0]["shape"][1:3],
        bare.get_input_details()[0]["index"],
    )
    ours, floor = [], []
    for number in range(rounds):
        preview = previews[number % len(previews)]
        tensor = to_tensor(preview, int(width), int(height))
        bare.set_tensor(index, tensor.reshape(1, height, width, 3))
        floor.append(_timed(bare.invoke))
        ours.append(_timed(lambda preview=preview: classifier.classify(preview)))
    ratio = statistics.median(ours) / statistics.median(floor)
    how = f"{statistics.median(ours) * 1e3:.1f} ms / {statistics.median(floor) * 1e3:.1f} ms"
    return Figure("classify a preview / bare invoke", ratio, CLASSIFY_LIMIT, how)


def dump_ratio(rounds: int = 5) -> Figure:
    """Compare a dump with `cp -r` of the same frames and previews plus `sha256sum` of the copy."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store, megabytes = _filled(root / "state", frames=240)
        ours, floor = [], []
        for number in range(rounds):
            copy, package = root / f"copy{number}", root / f"dump{number}"
            floor.append(_timed(lambda copy=copy: _copy_and_hash(store.archive.root, copy)))
            ours.append(
                _timed(
                    lambda package=package: write_dump(
                        store, package, None, "BENCH", 600, datetime.now(UTC)
                    )
                )
            )
        store.close()
    ratio = statistics.median(a / b for a, b in zip(ours, floor, strict=True))
    how = f"{statistics.median(ours):.2f} s / {statistics.median(floor):.2f} s, {megabytes:.0f} MB"
    return Figure("dump / (cp -r + sha256sum)", ratio, DUMP_LIMIT, how)


def memory() -> Figure:
    """Add up the resident memory of the five processes after some work."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        world = World.create(out / "world", ORIGIN, 60.0, "bench-boot")
        config = out / "config.toml"
        config.write_text(CONFIG.format(unit="BENCH", out=out), "utf-8")
        (out / "world" / "console").symlink_to("/dev/null")
        store = open_store(out / "store")
        with Crew(world, config, out / "log") as crew:
            await_that(lambda: read_snapshot(out / "world") is not None, "the keeper", crew)
            bursts = folders_of(own())[:3]
            for number, burst in enumerate(bursts, 1):
                await_that(lambda burst=burst: show(world.folder, burst), "the station", crew)
                await_that(
                    lambda number=number: (
                        tally(store).sequences == number and not tally(store).unsorted
                    ),
                    "a verdict",
                    crew,
                )
            each = crew.memory_kib()
        store.close()
    how = ", ".join(f"{name} {kib / 1024:.0f}" for name, kib in each.items())
    return Figure("five processes together, MiB", sum(each.values()) / 1024, MEMORY_LIMIT_MIB, how)


def import_ratio(rounds: int = 20) -> Figure:
    """Compare the processor time of importing the command line with that of bare Python."""
    ours, floor = [], []
    for _ in range(rounds):
        floor.append(_processor_s("pass"))
        ours.append(_processor_s("import trapnode.cli"))
    ratio = min(ours) / min(floor)
    how = f"{min(ours) * 1e3:.0f} ms / {min(floor) * 1e3:.0f} ms of processor"
    return Figure("import trapnode.cli / bare Python", ratio, IMPORT_LIMIT, how)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _processor_s(code: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    after = os.times()
    return (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )


def _copy_and_hash(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-r", str(source), str(target)], check=True)
    files = [str(path) for path in target.rglob("*.jpg")]
    subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL)


def _filled(state: Path, frames: int) -> tuple[Store, float]:
    """Make a store of bursts of three, each frame the size of a real full-resolution still."""
    store = open_store(state)
    boot = begin_boot(
        store.database, "bench", datetime(2026, 11, 1, tzinfo=UTC), WakeReason.PIR, ClockTrust.RTC
    )
    picture = folders_of(own())[0][0].read_bytes()
    still = picture[:-2] + os.urandom(1 << 21).replace(b"\xff", b"\x00") + b"\xff\xd9"
    total = 0
    for number in range(frames // 3):
        at = datetime(2026, 11, 1, 6, tzinfo=UTC) + timedelta(minutes=10 * number)
        burst = store.archive.begin("BENCH", 600, "bench", Trigger(at, 0.0), boot)
        for _ in range(3):
            burst.add(Shot(still, preview_of(picture), at))
        burst.close()
        total += burst.saved_bytes
    return store, total / 1e6


if __name__ == "__main__":
    sys.exit(main())
