"""Cuts of a real ext4: its image copied at each operation, or itself shut down before each.

`images` takes every write to the device as durable and in order. `sweep` lets the file system die
with EXT4_IOC_SHUTDOWN, its process with it: what nothing had synced is gone, or only the journal
with the names gets through.
"""

import fcntl
import os
import pickle
import signal
import struct
from collections.abc import Callable
from pathlib import Path

from tests.powercut.explore import fresh, record
from tests.powercut.verdict import everything_whole
from tests.rig.powercut import outside
from tests.rig.powercut.card import Result, copied, formatted, loop, mounted

__all__ = ["FLAGS", "images", "sweep"]

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
FLAGS = {"nothing unsynced": 2, "names without bytes": 1}


def images(life: str, program: str = "trapnode", enough: int = 20) -> Result:
    """Check the image that the device holds before each operation, wherever it has changed."""
    found = Result("ext4 image", life, program)
    whole = everything_whole(record(life))
    with fresh() as work:
        live, told, states = formatted(work / "live.img"), work / "told", work / "states"
        with loop(live) as device, mounted(device, work / "m") as root:
            _forked(lambda: _copying(life, program, root, told, live, device, states))
        for number, size in pickle.loads(states.read_bytes()).items():
            known = outside.facts(told, size)
            found.judge(f"image {number}", work / f"{number}.img", work / "c", known, whole)
            if len(found.broken) >= enough:
                break
    return found


def sweep(
    life: str, flag: str, step: int, program: str = "trapnode", first: int = 1, enough: int = 20
) -> Result:
    """Shut the file system down before every `step`-th operation, and check what is left."""
    found = Result(f"ext4 shut down, {flag}", life, program)
    seen = record(life)
    whole = everything_whole(seen)
    with fresh() as work:
        base = formatted(work / "base.img")
        for cut in range(first, len(seen.operations) + 1, step):
            told = work / "told"
            told.unlink(missing_ok=True)
            image = copied(base, work / "c.img")
            with loop(image) as device, mounted(device, work / "m") as root:
                _forked(_dying(life, program, root, told, cut, FLAGS[flag]))
            found.judge(f"before operation {cut}", image, work / "m", outside.facts(told), whole)
            if len(found.broken) >= enough:
                break
    return found


def _copying(
    life: str, program: str, root: Path, told: Path, live: Path, device: str, states: Path
) -> None:
    """Copy the image whenever it has changed; note how much the world knew while it was so."""
    sizes: dict[int, int] = {}
    written = Path("/sys/block", device.removeprefix("/dev/"), "stat")
    last = [""]

    def before(_operation: int) -> None:
        now = " ".join(written.read_text().split()[4:7])
        if now != last[0]:
            last[0] = now
            copied(live, live.with_name(f"{len(sizes)}.img"))
            sizes[len(sizes)] = 0
        sizes[len(sizes) - 1] = told.stat().st_size if told.exists() else 0

    outside.live(life, program, root, told, before)
    states.write_bytes(pickle.dumps(sizes))


def _dying(
    life: str, program: str, root: Path, told: Path, cut: int, flag: int
) -> Callable[[], None]:
    def before(operation: int) -> None:
        if operation == cut:
            descriptor = os.open(root, os.O_RDONLY)
            fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", flag))
            os.kill(os.getpid(), signal.SIGKILL)

    def die() -> None:
        outside.live(life, program, root, told, before)

    return die


def _forked(work: Callable[[], None]) -> None:
    """Do something in a child, which may kill itself."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0, "the life failed"
        return
    try:
        work()
        os._exit(0)
    except BaseException as error:
        print(f"in the child: {error!r}", flush=True)
        os._exit(1)
