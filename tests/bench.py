"""`make bench`: speed and memory as ratios within one run; exits 1 past a limit.

Each pair is measured in turn, A B A B, so that a machine whose speed drifts cheats neither side.
"""

import compileall
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trapnode
from tests.crew_bench import crew_figures
from tests.dump_bench import measure
from tests.frame_bench import Figure, frame_costs
from tests.judge_bench import judge_ratio
from tests.sealed import sealing_in
from tests.start_bench import import_profile, start_ratio
from trapnode.cli.demo import folders_of, own
from trapnode.config import Config
from trapnode.devices.clock import SystemClock
from trapnode.model import ClockTrust, Shot, Trigger, WakeReason
from trapnode.sim.scene import preview_of
from trapnode.store.entries import begin_boot
from trapnode.store.store import Store, open_store

DUMP_LIMIT = 1.25
DUMP_LIMIT_MIB = 60
SEALING_LIMIT = 1.1
IMPORT_LIMIT = 4.0


def main() -> int:
    """Measure all, print the table, give 1 if a limit is passed."""
    compileall.compile_dir(Path(trapnode.__file__).parent, quiet=1)  # A unit's code is compiled.
    figures = [judge_ratio(), *dump_figures(), sealing_ratio(), *crew_figures()]
    figures += [import_ratio(), start_ratio(), *frame_costs()]
    for figure in figures:
        verdict = "ok" if figure.value <= figure.limit else "PAST IT"
        value = f"{figure.value:8.2f}  <= {figure.limit:<5g} {verdict:<8}"
        print(f"{figure.name:<46} {value} {figure.how}")
    print("imports before the first frame, beside bare Python's:", *import_profile(), sep="\n")
    return int(any(figure.value > figure.limit for figure in figures))


def dump_figures() -> list[Figure]:
    """Compare dumps with `cp -r` and `sha256sum` of both sides: full frames, and small ones."""
    figures = []
    for name, frames, size in (
        ("1000 full frames", 1000, (4608, 2592)),
        ("10000 small frames", 10_000, (640, 480)),
    ):
        found = measure(frames, size, rounds=2)
        how = f"{found.ours_s:.1f} s / {found.floor_s:.1f} s, {found.megabytes:.0f} MB"
        figures += [
            Figure(f"dump {name} / cp + sums", found.ratio, DUMP_LIMIT, f"{how}, {found.verdict}"),
            Figure(f"dump {name}, MiB", found.memory_mib, DUMP_LIMIT_MIB, "its most"),
        ]
    return figures


def sealing_ratio(rounds: int = 15) -> Figure:
    """Compare bursts at their own pace, trigger to card, with sealing and without."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "run").mkdir()
        both = [
            open_store(root / "open"),
            open_store(root / "sealed", sealing=sealing_in(root / "run")),
        ]
        shot = _shot()
        took = [[_burst_s(store, shot, number) for store in both] for number in range(rounds)]
        began = time.perf_counter()
        both[1].archive.sealing.sealed("2026/a.jpg", shot.frame)
        alone_s = time.perf_counter() - began
        for store in both:
            store.close()
    floor, ours = (min(each) for each in zip(*took, strict=True))
    how = f"{ours * 1e3:.0f} ms / {floor * 1e3:.0f} ms; {alone_s * 1e3:.0f} ms to seal a frame"
    return Figure("sealed burst to card / open burst", ours / floor, SEALING_LIMIT, how)


def _burst_s(store: Store, shot: Shot, number: int) -> float:
    """Time a burst of three at the default pace, from its trigger until it is durable."""
    boot = begin_boot(store.database, "bench", shot.captured_at, WakeReason.PIR, ClockTrust.RTC)
    at, clock = shot.captured_at + timedelta(minutes=number), SystemClock()
    began = time.perf_counter()
    burst = store.archive.begin("BENCH", 600, "bench", Trigger(at, 0.0), boot)
    for frame in range(3):
        clock.wait([], max(0.0, began + frame * Config().burst.interval_s - time.perf_counter()))
        burst.add(shot)
        if frame == 0:
            burst.sync()
    burst.close()
    return time.perf_counter() - began


def import_ratio(rounds: int = 20) -> Figure:
    """Compare importing the parser of all commands with bare Python, in processor time."""
    ours, floor = [], []
    for _ in range(rounds):
        floor.append(_processor_s("pass"))
        ours.append(_processor_s("import trapnode.cli.commands"))
    ratio = min(ours) / min(floor)
    how = f"{min(ours) * 1e3:.0f} ms / {min(floor) * 1e3:.0f} ms of processor"
    return Figure("import the commands / bare Python", ratio, IMPORT_LIMIT, how)


def _processor_s(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)  # os.times() counts in ticks of 10 ms.
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def _shot() -> Shot:
    """Give a frame of the size of a real full-resolution still, and its preview."""
    picture = folders_of(own())[0][0].read_bytes()
    still = picture[:-2] + os.urandom(1 << 21).replace(b"\xff", b"\x00") + b"\xff\xd9"
    return Shot(still, preview_of(picture), datetime(2026, 11, 1, 6, tzinfo=UTC))


if __name__ == "__main__":
    sys.exit(main())
