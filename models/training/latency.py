"""What a frame costs, in time and memory, as ratios to Lite0-224 int8 measured in the same run.

usage: python -m models.training.latency        (needs no training packages)

Models take turns frame by frame, so that a machine whose speed drifts cheats none of them. Memory
is the peak of a process of its own that loaded one thing and judged some frames. The estimates for
a Pi multiply each ratio by what Lite0-224 int8 is estimated to take there on four threads (from
published figures of MobileNetV2 int8 under XNNPACK and the multiply-adds of both networks).
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.training.report import table
from trapnode.devices.classifier import TfliteClassifier
from trapnode.devices.detector import TfliteDetector
from trapnode.devices.judge import TfliteJudge, read_set
from trapnode.devices.picture import decode, squash
from trapnode.sim import scene

THREADS = (1, 4)
PICTURES = Path(scene.__file__).parent / "pictures"  # the demo's own
LITE0_S = {"Pi 4": 0.025, "Pi 3+": 0.040, "Pi Zero 2 W": 0.060}  # Lite0-224 int8, four threads
GOAL_S = 0.4  # a frame on a Pi Zero 2 W
REFERENCE, DETECTOR, CLASSIFIER = "Lite0-224 int8, bare", "detector", "classifier"
EMPTY, ALIVE = "set, empty frame", "set, frame with an animal"
Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one thing costs against the reference, on so many threads."""

    name: str
    threads: int
    ms: float
    ratio: float

    def on(self, pi: str) -> float:
        """Estimate the seconds a frame on a Pi."""
        return self.ratio * LITE0_S[pi]


def works(card: Path, threads: int) -> dict[str, Work]:
    """Make everything that is measured, warm, on real previews."""
    named = read_set(card)
    assert named.detector is not None
    finder = TfliteDetector(named.detector, threads=threads)
    namer = TfliteClassifier(named.classifier, threads=threads)
    judge = TfliteJudge(card, threads=threads)
    previews = _previews()
    scores = [finder.detect(decode(each, 640, 480))[0][0].probability for each in previews]
    alive = previews[int(np.argmax(scores))]
    empty = previews[int(np.argmin(scores))]
    picture = decode(alive, 640, 480)
    return {
        REFERENCE: _bare(named.classifier, threads),
        DETECTOR: lambda: finder.detect(picture),
        CLASSIFIER: lambda: namer.shares(squash(picture, namer.width, namer.height)),
        EMPTY: lambda: judge.judge([empty]),
        ALIVE: lambda: judge.judge([alive]),
    }


def _previews() -> list[bytes]:
    """Give the first frame of each of the demo's bursts as the camera's small stream."""
    first = sorted(PICTURES.glob("*/1.jpg"))
    return [scene.preview_of(path.read_bytes()) for path in first]


def _bare(card: Path, threads: int) -> Work:
    """Invoke the classifier alone: its body is Lite0-224 int8, its head a thousandth of it."""
    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(str(card.with_suffix(".tflite")), num_threads=threads)
    model.allocate_tensors()
    source: dict[str, Any] = model.get_input_details()[0]
    pixels = np.random.default_rng(0).integers(0, 256, source["shape"]).astype(np.uint8)
    model.set_tensor(source["index"], pixels.astype(source["dtype"]))
    invoke: Work = model.invoke
    return invoke


def costs(card: Path, threads: int, rounds: int = 15) -> list[Cost]:
    """Measure all in turns; the best of each counts, because a busy machine only adds.

    The ratio is of processor time, which other programs change least: on one thread it is
    latency's own; on four it takes for granted that large models share work no worse than small.
    """
    measured = works(card, threads)
    wall: dict[str, list[float]] = {name: [] for name in measured}
    busy: dict[str, list[float]] = {name: [] for name in measured}
    for round_ in range(rounds + 2):
        for name, work in measured.items():
            began, worked = time.perf_counter(), time.process_time()
            work()
            if round_ >= 2:  # the first ones warm caches
                wall[name].append(time.perf_counter() - began)
                busy[name].append(time.process_time() - worked)
    bare = min(busy[REFERENCE])
    return [
        Cost(name, threads, min(wall[name]) * 1e3, min(each) / bare) for name, each in busy.items()
    ]


def peaks(card: Path, threads: int) -> dict[str, float]:
    """Give the peak memory (MiB) of processes that each do one thing."""
    return {
        name: float(
            subprocess.run(
                [sys.executable, "-m", __spec__.name, "--set", str(card), "--alone", name,
                 "--threads", str(threads)],
                check=True, capture_output=True, text=True,
            ).stdout
        )
        for name in (REFERENCE, DETECTOR, CLASSIFIER, ALIVE)
    }  # fmt: skip


def _alone(card: Path, name: str, threads: int) -> float:
    """Load one thing, run it, and give the peak memory of this process in MiB."""
    named = read_set(card)
    assert named.detector is not None
    preview = _previews()[0]
    if name == REFERENCE:
        work = _bare(named.classifier, threads)
    elif name == DETECTOR:
        finder, picture = TfliteDetector(named.detector, threads=threads), decode(preview, 640, 480)
        work = lambda: finder.detect(picture)  # noqa: E731
    elif name == CLASSIFIER:
        namer = TfliteClassifier(named.classifier, threads=threads)
        work = lambda: namer.classify(preview)  # noqa: E731
    else:
        judge = TfliteJudge(card, threads=threads)
        work = lambda: judge.judge([preview] * 3)  # noqa: E731
    for _ in range(3):
        work()
    status = Path("/proc/self/status").read_text()  # ru_maxrss would know our parent's, too
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def section(card: Path) -> str:
    """Write what a frame costs here, and by estimate on each Pi."""
    rows = []
    for threads in THREADS:
        memory = peaks(card, threads)
        for cost in costs(card, threads):
            peak = memory.get(cost.name)
            share = f"{peak:.0f} MiB, {peak / memory[REFERENCE]:.2f}" if peak else "as the next"
            estimates = [f"{cost.on(pi):.2f} s" for pi in LITE0_S]
            rows.append([cost.name, str(threads), f"{cost.ms:.1f} ms", f"{cost.ratio:.2f}", share,
                         *estimates])  # fmt: skip
    heads = ["what", "threads", "here", "ratio", "peak memory, ratio", *LITE0_S]
    return table(heads, rows)


def main() -> None:
    """Print the table; with --alone the peak memory of one thing."""
    parser = argparse.ArgumentParser(description="Measure what a frame costs.")
    parser.add_argument("--set", type=Path, default=Path("models/amur.json"))
    parser.add_argument("--alone", help="for one thing: its peak memory in MiB")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.alone:
        print(_alone(options.set, options.alone, options.threads))
    else:
        print(section(options.set))


if __name__ == "__main__":
    main()
