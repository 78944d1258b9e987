"""`make bench`: speed and memory as ratios within one run; exits 1 past a limit.

Each pair is measured in turn, A B A B, so that a machine whose speed drifts cheats neither side.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.dump_bench import measure
from tests.frame_bench import Figure, frame_costs
from tests.sealed import sealing_in
from tests.sets import card_of
from trapnode.cli.crew import Crew, await_that
from trapnode.cli.demo import folders_of, own
from trapnode.cli.judges import models
from trapnode.cli.papers import CONFIG, ORIGIN
from trapnode.config import Config
from trapnode.devices.clock import SystemClock
from trapnode.devices.detector import TfliteDetector
from trapnode.devices.judge import TfliteJudge, read_set
from trapnode.devices.picture import crop, decode, letterbox, squash
from trapnode.model import ClockTrust, Shot, Trigger, WakeReason
from trapnode.sim.scene import preview_of, show
from trapnode.sim.world import World
from trapnode.store.entries import begin_boot
from trapnode.store.ram import read_snapshot
from trapnode.store.store import Store, open_store
from trapnode.store.tally import tally

JUDGE_LIMIT = 1.5
DUMP_LIMIT = 1.25
DUMP_LIMIT_MIB = 60
SEALING_LIMIT = 1.1
MEMORY_LIMIT_MIB = 200
IMPORT_LIMIT = 4.0


def main() -> int:
    """Measure all, print the table, give 1 if a limit is passed."""
    figures = [judge_ratio(), *dump_figures(), sealing_ratio(), memory(), import_ratio()]
    figures += frame_costs()
    for figure in figures:
        verdict = "ok" if figure.value <= figure.limit else "PAST IT"
        value = f"{figure.value:8.2f}  <= {figure.limit:<5g} {verdict:<8}"
        print(f"{figure.name:<46} {value} {figure.how}")
    return int(any(figure.value > figure.limit for figure in figures))


def judge_ratio(rounds: int = 3) -> Figure:
    """Compare the sorter's whole work on a burst of previews with the bare models' invokes."""
    with tempfile.TemporaryDirectory() as folder:
        path = models() / "amur.json"
        path = path if path.exists() else card_of(Path(folder))
        judge, bare = TfliteJudge(path), _Bare(path)
        bursts = [[preview_of(path.read_bytes()) for path in burst] for burst in folders_of(own())]
        ours, floor, frames = [], [], sum(map(len, bursts)) * rounds
        for burst in bursts * rounds:
            floor.append(sum(map(bare.seconds, burst)))
            ours.append(_timed(lambda burst=burst: judge.judge(burst)))
    ratio = statistics.median(a / b for a, b in zip(ours, floor, strict=True))
    how = f"{sum(ours) / frames * 1e3:.1f} ms / {sum(floor) / frames * 1e3:.1f} ms a frame"
    return Figure("judge a preview / bare invokes", ratio, JUDGE_LIMIT, how)


class _Bare:
    """The models of a set without anything of ours around them, on the same real tensors."""

    def __init__(self, path: Path) -> None:
        card = read_set(path)
        assert card.detector is not None
        assert card.fusion is not None
        self._crop_score = card.fusion.crop_score
        self._finder = TfliteDetector(card.detector)
        self._models = {each: _interpreter(each) for each in (card.detector, card.classifier)}
        self._detector, self._classifier = self._models.values()

    def seconds(self, preview: bytes) -> float:
        """Time the invokes that this preview needs: its crop is classified where it has a box."""
        picture = decode(preview, 640, 480)
        best = self._finder.detect(picture)[0][0]
        views = [picture]
        if best.probability >= self._crop_score:
            views.append(crop(picture, best))
        boxed = letterbox(picture, self._finder.width, self._finder.height)[0]
        height, width = self._classifier.get_input_details()[0]["shape"][1:3]
        took = _invoked(self._detector, boxed)
        return took + sum(
            _invoked(self._classifier, squash(view, int(width), int(height))) for view in views
        )


def _interpreter(card: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(card.with_suffix(".tflite")), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _invoked(model: Any, pixels: NDArray[np.uint8]) -> float:
    """Time one invoke alone, on pixels as the model stores them."""
    source = model.get_input_details()[0]
    stored = pixels if source["dtype"] == np.uint8 else (pixels ^ 0x80).view(np.int8)
    model.set_tensor(source["index"], stored[np.newaxis])
    return _timed(model.invoke)


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


def memory() -> Figure:
    """Add up the resident memory of the five processes after some work."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        world = World.create(out / "world", ORIGIN, 60.0, "bench-boot")
        config = out / "config.toml"
        config.write_text(CONFIG.format(unit="BENCH", out=out, modem=""), "utf-8")
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
