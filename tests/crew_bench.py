"""What the five processes of a unit cost together: memory after some work, and time when idle."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.frame_bench import Figure
from trapnode.cli.crew import PROCESSES, Crew, await_that
from trapnode.cli.demo import folders_of, own
from trapnode.cli.papers import CONFIG, ORIGIN
from trapnode.devices.clock import SystemClock
from trapnode.sim.scene import PREVIEW, preview_of, show
from trapnode.sim.world import World
from trapnode.store.ram import read_snapshot
from trapnode.store.store import Store, open_store
from trapnode.store.tally import tally

MEMORY_LIMIT_MIB = 150
IDLE_LIMIT_PERCENT = 0.5
SETTLE_S, IDLE_S = 10.0, 60.0
BURSTS = 3


def crew_figures() -> list[Figure]:
    """Measure both; time runs sixty times as fast for the first, as ever for the second."""
    with _crew(rate=60.0) as crew:
        held = memory(crew)
    with _crew(rate=1.0) as crew:
        return [held, idle(crew)]


def memory(crew: Crew) -> Figure:
    """Add up what the five hold, a page that several share divided among them (PSS of the kernel).

    The sum of resident sizes stands beside it: libraries count in each, and by 8 MiB more or less
    as the page cache happens to hold more or less around what was asked for.
    """
    held = sum(_pss_kib(crew.pid(name)) for name in PROCESSES) / 1024
    each = crew.memory_kib()
    told = ", ".join(f"{name} {kib / 1024:.0f}" for name, kib in each.items())
    how = f"resident: {sum(each.values()) / 1024:.0f}, {told}"
    return Figure("five processes together, MiB", held, MEMORY_LIMIT_MIB, how)


def idle(crew: Crew) -> Figure:
    """Add up the processor time of the five while nothing happens, and count their wake-ups."""
    SystemClock().wait([], SETTLE_S)
    before = {name: _Spent.of(crew.pid(name)) for name in PROCESSES}
    SystemClock().wait([], IDLE_S)
    after = {name: _Spent.of(crew.pid(name)) for name in PROCESSES}
    busy_s = sum(after[name].busy_s - before[name].busy_s for name in PROCESSES)
    wakes = {name: after[name].wakes - before[name].wakes for name in PROCESSES}
    times = ", ".join(f"{name} {count}" for name, count in wakes.items())
    how = f"of one core; wake-ups in {IDLE_S:.0f} s: {times}"
    return Figure("five processes idle, %", busy_s / IDLE_S * 100, IDLE_LIMIT_PERCENT, how)


@contextlib.contextmanager
def _crew(rate: float) -> Iterator[Crew]:
    """Start a crew, and have it take, judge and tell some bursts."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        world = World.create(out / "world", ORIGIN, rate, "bench-boot")
        config = out / "config.toml"
        config.write_text(CONFIG.format(unit="BENCH", out=out, modem=""), "utf-8")
        cable, unplugged = os.openpty()  # Nobody types.
        (out / "world" / "console").symlink_to(os.ttyname(unplugged))
        with (
            open(cable, "rb"),
            open(unplugged, "rb"),
            contextlib.closing(open_store(out / "store")) as store,
            Crew(world, config, out / "log") as crew,
        ):
            await_that(lambda: read_snapshot(out / "world") is not None, "the keeper", crew)
            for number, burst in enumerate(_bursts(out / "scenes"), 1):
                _play(world, crew, store, burst, number)
            yield crew


def _bursts(folder: Path) -> list[list[Path]]:
    """Lay bursts of real frames ready, each with the small version that a camera gives beside."""
    for number, burst in enumerate(folders_of(own())[:BURSTS]):
        (folder / str(number)).mkdir(parents=True)
        for path in burst:
            frame = Path(shutil.copy(path, folder / str(number)))
            frame.with_suffix(PREVIEW).write_bytes(preview_of(frame.read_bytes()))
    scenes = sorted(folder.iterdir())
    return [sorted(set(each.iterdir()) - set(each.glob(f"*{PREVIEW}"))) for each in scenes]


def _play(world: World, crew: Crew, store: Store, burst: list[Path], number: int) -> None:
    def judged() -> bool:
        found = tally(store)
        return found.sequences == number and not found.unsorted

    await_that(lambda: show(world.folder, burst), "the station", crew)
    await_that(judged, "a verdict", crew)


@dataclass(frozen=True, slots=True)
class _Spent:
    """Processor time of a process and all its threads, and how often they were woken."""

    busy_s: float
    wakes: int

    @classmethod
    def of(cls, pid: int) -> "_Spent":
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        busy_ns = sum(int((each / "schedstat").read_text("ascii").split()[0]) for each in threads)
        return cls(busy_ns / 1e9, sum(_number(each / "status", "voluntary") for each in threads))


def _pss_kib(pid: int) -> int:
    return _number(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def _number(path: Path, begins: str) -> int:
    """Read the number of the first line that begins so."""
    lines = path.read_text("ascii", "replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(begins))


if __name__ == "__main__":
    for figure in crew_figures():
        print(figure)
