"""How long the station takes from its start to its first frame on the card, beside bare Python."""

import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.frame_bench import Figure
from trapnode.cli.crew import PROGRAM
from trapnode.cli.demo import folders_of, own
from trapnode.cli.glance import glance_of, leave_glance
from trapnode.cli.papers import CONFIG, ORIGIN
from trapnode.config import parse
from trapnode.devices.clock import SystemClock
from trapnode.model import WakeReason
from trapnode.sim.scene import PREVIEW, VIEW, preview_of
from trapnode.sim.world import World
from trapnode.store.disk import RealDisk
from trapnode.store.store import DATABASE, open_store

START_LIMIT = 6.0
LOOK_S = 0.001
LONGEST_S = 30.0
MOST = 10  # Modules in the profile.
PROFILED = """
import os, sys
from trapnode.cli.first import first_frame
from trapnode.cli.options import plain
first_frame(plain(sys.argv[1:]))
os._exit(0)
"""


class ColdStarts:
    """A gated unit on twins, which its PIR switches on again and again: its card stays."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._boots = 0
        self.world = out / "world"
        text = CONFIG.format(unit="BENCH", out=out, modem="")
        text = text.replace("[power]", '[power]\nprofile = "gated"\nboard = "latch"')
        self.config = out / "config.toml"
        self.config.write_text(text, "utf-8")
        self.world.mkdir()
        picture = folders_of(own())[0][0].read_bytes()
        (self.world / VIEW).write_bytes(picture)
        (self.world / VIEW).with_suffix(PREVIEW).write_bytes(preview_of(picture))
        glance = glance_of(text, parse(text))
        assert glance is not None
        leave_glance(RealDisk(), self.world, glance)  # As the keeper did in an earlier boot.
        open_store(out / "store").close()

    def boot(self) -> list[str]:
        """Begin a boot by the PIR, and give the command of its station."""
        self._boots += 1
        for path in self.world.glob("*.json"):
            if path.name != "last-good.json":  # RAM was lost.
                path.unlink()
        World.create(self.world, ORIGIN, 60.0, f"boot-{self._boots}", wake=WakeReason.PIR)
        told = ["--config", str(self.config), "--twins", str(self.world)]
        return [*PROGRAM, "station", *told]

    def first_frame_s(self) -> float:
        """Time one cold start, until the row of its first frame is durable."""
        command = self.boot()
        rows = sqlite3.connect(self._out / "store" / DATABASE)
        (before,) = rows.execute("SELECT count(*) FROM frame").fetchone()
        with (self._out / "log").open("ab") as log:
            began = time.perf_counter()
            station = subprocess.Popen(command, stdout=log, stderr=log)
            while rows.execute("SELECT count(*) FROM frame").fetchone() == (before,):
                SystemClock().wait([], LOOK_S)
                assert time.perf_counter() - began < LONGEST_S, (self._out / "log").read_text()
            took = time.perf_counter() - began
        rows.close()
        station.terminate()
        station.wait(LONGEST_S)
        return took


def start_ratio(rounds: int = 15) -> Figure:
    """Compare with starting bare Python, in turn."""
    ours, floor = [], []
    with tempfile.TemporaryDirectory() as folder:
        starts = ColdStarts(Path(folder))
        starts.first_frame_s()  # Compiles what is not compiled yet.
        for _ in range(rounds):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", "pass"], check=True)
            floor.append(time.perf_counter() - began)
            ours.append(starts.first_frame_s())
    how = f"{min(ours) * 1e3:.0f} ms / {min(floor) * 1e3:.0f} ms, best of {rounds}"
    return Figure("start to first frame / bare Python", min(ours) / min(floor), START_LIMIT, how)


def import_profile(rounds: int = 5) -> list[str]:
    """Say which modules take longest to import before the first frame, beside bare Python's."""
    bare = _imports([sys.executable, "-X", "importtime", "-c", "pass"])
    with tempfile.TemporaryDirectory() as folder:
        starts = ColdStarts(Path(folder))
        best: dict[str, float] = {}
        for _ in range(rounds):
            told = starts.boot()[len(PROGRAM) + 1 :]
            found = _imports([sys.executable, "-X", "importtime", "-c", PROFILED, *told])
            best = {name: min(took, best.get(name, took)) for name, took in found.items()}
    ours = sorted(((took, name) for name, took in best.items() if name not in bare), reverse=True)
    rest = sum(took for took, _ in ours[MOST:])
    lines = [f"{took:6.2f} ms  {name}" for took, name in ours[:MOST]]
    return [*lines, f"{rest:6.2f} ms  {len(ours) - MOST} others"]


def _imports(command: list[str]) -> dict[str, float]:
    """Give what `-X importtime` says of each module itself, ms."""
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", said, re.MULTILINE)
    return {name: int(us) / 1e3 for us, name in found}
