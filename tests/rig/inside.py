"""What the rig runs in the container, with the installed package: the twins, and questions.

usage: inside.py world START | twins | count | probe
"""

import contextlib
import ctypes
import errno
import json
import mmap
import os
import re
import signal
import socket
import sys
import threading
import time
import tty
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

TWINS = Path("/twins")
RATE = 60.0
STATE = Path("/var/lib/trapnode")


def world(start: str) -> None:
    """Begin this boot's world; its time goes on since START, seconds of the real time."""
    from trapnode.cli.papers import ORIGIN
    from trapnode.devices.clock import boot_id
    from trapnode.sim.world import World

    for stale in ("modem", "console", "technician"):
        (TWINS / stale).unlink(missing_ok=True)
    passed = timedelta(seconds=(time.time() - float(start)) * RATE)
    World.create(TWINS, ORIGIN + passed, RATE, boot_id())


def twins() -> None:
    """Be the modem with its network, and the technician at the other end of the cable."""
    from trapnode.cli import main

    master, slave = os.openpty()
    tty.setraw(slave)
    (TWINS / "console").symlink_to(os.ttyname(slave))
    threading.Thread(target=_technician, args=(master,), daemon=True).start()
    main(["twin-modem", "--twins", str(TWINS)])


def _technician(cable: int) -> None:
    """Type what comes on a socket, and give what the console answers."""
    path = TWINS / "technician"
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen()
        while True:
            visit, _ = door.accept()
            with visit:
                os.write(cable, visit.recv(1000))
                answer = b""
                while not re.search(rb"\n(OK|ERR [^\n]*)\r?\n", answer):
                    answer += os.read(cable, 4096)
                visit.sendall(answer)


def count() -> None:
    """Say as JSON what the card holds, and what of it the radio's network got, id by id."""
    from trapnode.cli.reckoning import reckon
    from trapnode.cli.uplink import card_key
    from trapnode.config import read
    from trapnode.model import FrameState
    from trapnode.store import names
    from trapnode.store.store import open_store
    from trapnode.store.tally import tally

    with contextlib.closing(open_store(STATE)) as store:
        found = tally(store)
        key = card_key(read(Path("/etc/trapnode/config.toml")))
        reckoning = reckon(store, TWINS / "gateway.jsonl", key)
        frames = [frame for sequence in store.sequences.all() for frame in sequence.frames]
        whole = [frame for frame in frames if frame.state is FrameState.WHOLE]
        there = [(store.archive.root / names.file_of(frame)).exists() for frame in whole]
        rows = store.database.rows(
            "SELECT f.path FROM frame f JOIN observation o ON o.id = f.sequence"
            " WHERE o.target = 1 AND f.state = 'whole'"
        )
        told = {
            "sequences": found.sequences,
            "frames": len(frames),
            "lost": found.lost_frames + there.count(False),
            "waiting": found.unsorted + found.waiting + len(store.sequences.discarding()),
            "targets": sorted(str(path) for (path,) in rows),
            "evicted": found.evicted,
            "messages": reckoning.messages,
            "told": reckoning.observations_told,
            # The status report tells the faults that the rig makes.
            "wrong": [each for each in reckoning.wrong if "tells faults" not in each],
            "schema": (store.database.row("PRAGMA user_version") or [0])[0],
        }
    print(json.dumps(told))


def probe() -> None:
    """Try what a unit must not be able to do; say as JSON what came of each."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *arguments: int) -> None:
        if libc.syscall(number, *arguments) < 0:
            raise OSError(ctypes.get_errno(), "")

    tries: dict[str, Callable[[], object]] = {
        "write /usr": lambda: Path("/usr/probe").touch(),
        "write /etc": lambda: Path("/etc/probe").touch(),
        "write /var/lib": lambda: Path("/var/lib/probe").touch(),
        "list /home": lambda: os.listdir("/home"),
        "socket INET": lambda: socket.socket(socket.AF_INET),
        "socket NETLINK": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "socket PACKET": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "mount": lambda: call(165, 0, 0, 0, 0, 0),
        "ptrace": lambda: call(101, 0, 0, 0, 0),
        "unshare": lambda: call(272, 0x10000000),
        "bpf": lambda: call(321, 0, 0, 0),
        "reboot": lambda: call(169, 0, 0, 0, 0),
        "see PID 1": lambda: Path("/proc/1/status").read_text(),
        "own state": lambda: Path("/var/lib/trapnode/probe").touch(),
        "own run": lambda: Path("/run/trapnode/probe").touch(),
        "write+execute": lambda: mmap.mmap(-1, 4096, prot=7),
    }
    status = dict(
        line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines()
    )
    told = {name: _tried(action) for name, action in tries.items()}
    for key in ("NoNewPrivs", "Seccomp", "CapEff"):
        told[key] = status[key]
    print(json.dumps(told))


def _tried(action: Callable[[], object]) -> str:
    """Try it in a child, which a filter may kill; give `done`, an errno or a signal."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            action()
            os.write(theirs, b"done")
        except OSError as error:
            os.write(theirs, errno.errorcode.get(error.errno or 0, "?").encode())
        os._exit(0)
    os.close(theirs)
    said = os.read(ours, 100).decode()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return said


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
