"""The demo's crew: the five processes and the modem's twin, as real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from trapnode.devices.clock import SystemClock
from trapnode.errors import TrapnodeError
from trapnode.sim.world import World
from trapnode.store.ram import read_beats, read_snapshot

__all__ = ["ENVIRONMENT", "PROCESSES", "PROGRAM", "Crew", "await_that"]

PROCESSES = ("station", "sorter", "uplinker", "console", "keeper")
# As in their units. A fixed threshold: else glibc keeps the room of pictures for the next ones.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "131072"}
ENVIRONMENT = {"station": MALLOC, "sorter": MALLOC}
# As /usr/bin/trapnode: what `-m` loads to find a module takes as long as half of Python's start.
PROGRAM = (sys.executable, "-P", str(Path(__file__).parents[1] / "__main__.py"))
STOP_S = 20.0
START_S = 30.0


class Crew:
    """The processes of one unit on this machine; leaving the context stops them in order."""

    def __init__(self, world: World, config: Path, logs: Path) -> None:
        self._world = world
        self._config = config
        self._logs = logs
        self._members: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Crew":
        self._logs.mkdir(parents=True, exist_ok=True)
        self._start("twin-modem", "twin-modem", "--twins", str(self._world.folder))
        await_that(self._world.modem.exists, "the modem's twin to open its port", self)
        for name in PROCESSES:
            if name == "keeper":  # The others take seconds to start: in the world, minutes.
                await_that(self._others_live, "the others' heartbeats", self)
            self.start(name)
        await_that(self._keeper_has_looked, "the keeper's first look", self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(self._members):
            self.end(name)

    def start(self, name: str) -> None:
        """Start one of the five processes."""
        twins = str(self._world.folder)
        self._start(name, name, "--config", str(self._config), "--twins", twins)

    def also(self, name: str, *arguments: str) -> None:
        """Start another command of ours as a member."""
        self._start(name, *arguments)

    def end(self, name: str) -> int:
        """Ask a process to end, wait, and give its exit code; kill it if it does not."""
        member = self._members[name]
        if member.poll() is None:
            member.send_signal(signal.SIGTERM)
        try:
            return member.wait(STOP_S)
        except subprocess.TimeoutExpired:
            member.kill()
            return member.wait(STOP_S)

    def kill(self, name: str) -> None:
        """End a process as a power cut would."""
        self._members[name].kill()
        self._members[name].wait(STOP_S)

    def check(self) -> None:
        """Raise TrapnodeError if a member has ended by itself."""
        for name, member in self._members.items():
            if (code := member.poll()) is not None:
                log = self._log(name)
                last = log.read_text("utf-8", "replace").strip().splitlines()[-1:]
                raise TrapnodeError(f"{name} ended with {code}: {' '.join(last)} (see {log})")

    def pid(self, name: str) -> int:
        """Give the process id of a member."""
        return self._members[name].pid

    def memory_kib(self) -> dict[str, int]:
        """Give the resident memory of each of the five processes, KiB (VmRSS of the kernel)."""
        return {name: _resident_kib(self._members[name].pid) for name in PROCESSES}

    def _others_live(self) -> bool:
        live = {beat.process for beat in read_beats(self._world.folder)}
        return live >= set(PROCESSES) - {"keeper"}

    def _keeper_has_looked(self) -> bool:
        return read_snapshot(self._world.folder) is not None

    def _start(self, name: str, *arguments: str) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"}
        environment |= ENVIRONMENT.get(name, {})
        with self._log(name).open("ab") as log:
            self._members[name] = subprocess.Popen(
                [*PROGRAM, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"


def await_that(true: Callable[[], bool], what: str, crew: Crew, within_s: float = START_S) -> None:
    """Wait until something is so, while the crew lives; raise TrapnodeError after the time."""
    end_s = time.monotonic() + within_s
    while not true():
        crew.check()
        if time.monotonic() > end_s:
            raise TrapnodeError(f"waited {within_s:.0f} s for {what}")
        SystemClock().wait([], 0.05)


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
