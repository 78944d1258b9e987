"""What runs in the machine beside the unit: its world, what is before it, what it tells of itself.

`world` begins a world of twins in RAM; `play` waits for the unit, tells facts, then plays scenes.
"""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from trapnode.devices.clock import boot_id
from trapnode.sim.world import World

FOLDER = Path("/run/trapnode/world")
PICTURES = Path("/usr/lib/trapnode/trapnode/sim/pictures")
UNITS = [f"trapnode-{each}" for each in ("station", "sorter", "uplinker", "keeper", "console")]
IN_RAM = ("/run", "/tmp", "/var/tmp", "/var/log")


def main(does: str) -> int:
    """Begin the world, or play in it for as long as there is power."""
    if does == "world":
        World.create(FOLDER, datetime.now(UTC), 1.0, boot_id())
        (FOLDER / "console").symlink_to("/dev/null")
        return 0
    from trapnode.sim.scene import show  # Takes seconds, emulated.

    bursts = [sorted(each.glob("*.jpg")) for each in sorted(PICTURES.iterdir()) if each.is_dir()]
    while _said("systemctl", "is-active", *UNITS).split() != ["active"] * len(UNITS):
        time.sleep(3)
    for number in range(sys.maxsize):
        while not show(FOLDER, bursts[number % len(bursts)]):
            time.sleep(1)
        if number == 2:
            tell()
        time.sleep(1.5)
    return 0


def tell() -> None:
    """Tell what holds in this boot, a line each."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, at, kind, options, *_ = line.split()
        if at in ("/", "/var/lib/trapnode"):
            print(f"mount {at} {kind} {options}")
        if at in IN_RAM:
            space = os.statvfs(at)
            print(f"mount {at} {kind} {space.f_blocks * space.f_frsize >> 20} MiB")
    print(f"swaps {len(Path('/proc/swaps').read_text().splitlines()) - 1}")
    print(f"core pattern {Path('/proc/sys/kernel/core_pattern').read_text().strip()}")
    for pid in _said("systemctl", "show", "--value", "-p", "MainPID", *UNITS).split():
        limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
        print(f"{pid}:", *next(each for each in limits if "core file" in each).split())
    watchdog = Path("/sys/class/watchdog/watchdog0")
    print(
        "watchdog", *(watchdog.joinpath(each).read_text().strip() for each in ("state", "timeout"))
    )
    stick = _said("systemctl", "show", "-P", "DropInPaths", "trapnode-stick@sda1.service")
    print("stick", stick.strip())
    print(
        "failed:", *_said("systemctl", "list-units", "--failed", "--plain", "--no-legend").split()
    )
    print("timers:", *_said("systemctl", "list-timers", "--no-legend").splitlines(), sep="\n")
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = {line.split()[0]: line.split()[1] for line in lines}
    print(f"memory of {int(free['MemTotal:']) >> 10} MiB: {int(free['MemAvailable:']) >> 10} left")
    print(_said("trapnode", "status"))
    print("RIG: facts are told", flush=True)


def _said(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
