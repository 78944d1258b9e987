"""The self-test of a set in a process of its own: what it does there can harm nobody else.

`prove` starts it and believes only its figures. The process is the first that the kernel kills
when memory is short, and as nice as the sorter.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from trapnode.errors import TrapnodeError
from trapnode.proving import Figures, Limits, SetRefused, examine, within

__all__ = ["child", "fresh", "main", "prove"]

FRAMES = 25  # More than the known bursts have.
START_S = 60.0  # To load runtime and models from a slow card.
NICE = 10


def prove(card: Path, targets: Sequence[str], limits: Limits) -> Figures:
    """Give the figures of a set that passes its self-test; raise SetRefused."""
    return within(fresh(child(card, targets), START_S + 2 * FRAMES * limits.frame_s), limits)


def child(card: Path, targets: Sequence[str]) -> list[str]:
    """Give the command that examines a set."""
    return [sys.executable, "-m", "trapnode.cli.prove", str(card), *targets]


def fresh(command: Sequence[str], timeout_s: float) -> Figures:
    """Run a self-test; raise SetRefused if it refuses, dies or hangs."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        raise SetRefused(f"self-test: no answer after {timeout_s:g} s") from None
    except OSError as error:
        raise SetRefused(f"self-test: cannot be started: {error}") from error
    try:
        told = json.loads(done.stdout.splitlines()[-1])
        if "refused" not in told:
            return Figures(str(told["name"]), float(told["frame_s"]), float(told["peak_mib"]))
    except (IndexError, ValueError, KeyError, TypeError):
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"code {done.returncode}"
        raise SetRefused(f"self-test: its process ended with {how}") from None
    raise SetRefused(str(told["refused"]))


def main(arguments: Sequence[str]) -> None:
    """Examine the set of a card, with the unit's targets; print figures or refusal as JSON."""
    from trapnode.cli.demo import own
    from trapnode.cli.judges import load_judge

    logging.disable()  # What a frame was refused for is in the refusal.
    card, *targets = arguments
    try:
        judge = load_judge(Path(card), targets)
        frame_s = examine(
            judge,
            lambda name: [path.read_bytes() for path in sorted((own() / name).glob("*.jpg"))],
            targets,
            time.monotonic,
        )
    except (TrapnodeError, OSError, MemoryError) as error:
        print(json.dumps({"refused": str(error) or type(error).__name__}))
        return
    print(json.dumps({"name": judge.name, "frame_s": frame_s, "peak_mib": _peak_mib()}))


def _peak_mib() -> float:
    """Give this process's peak of resident memory. Not getrusage: that counts the parent's, too."""
    for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SetRefused("self-test: the kernel does not tell its peak memory")


def _humble() -> None:
    os.nice(NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")


if __name__ == "__main__":
    _humble()
    main(sys.argv[1:])
