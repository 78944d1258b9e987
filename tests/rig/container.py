"""A clean Debian with systemd as PID 1: systemd-nspawn over an image that is made once (root)."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from tests.rig.made import CACHE, once, run

BOOT_S = 60.0
T = TypeVar("T")


def image(suite: str, package: Path) -> Path:
    """Give a minimal root of the suite: in it, of all packages, systemd, dbus and what those need.

    What `package` depends on is downloaded into it, not installed. It is made once for each line
    of dependencies (a minute, and a network).
    """
    depends = run("dpkg-deb", "-f", package, "Depends").strip()
    fetch = (
        'chroot "$1" apt-get install --yes --no-install-recommends --download-only'
        ' /trapnode.deb && rm "$1/trapnode.deb"'
    )

    def make(part: Path) -> None:
        run(
            *("mmdebstrap", "--quiet", "--variant=minbase", "--include=systemd-sysv,dbus"),
            *("--skip=cleanup/apt", f"--customize-hook=cp {package} $1/trapnode.deb"),
            *(f"--customize-hook={fetch}", suite, part),
        )

    return once(f"{suite}-{hashlib.sha256(depends.encode()).hexdigest()[:8]}", make)


class Machine:
    """One machine: its root is an overlay in RAM, its data partition a small ext4.

    `world` is a folder that both sides see, as /twins in it.
    """

    def __init__(self, folder: Path, note: Callable[[str], None]) -> None:
        self.root, self.data, self.world = folder / "root", folder / "data", folder / "world"
        self._note = note
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._pid = 0

    def boot(self) -> None:
        """Start it, without a network, and wait until systemd has done what it does."""
        self._nspawn = subprocess.Popen(
            [
                *("systemd-nspawn", "--register=no", "--keep-unit", "--quiet", "--boot"),
                *("--directory", str(self.root), "--hostname=AL07", "--private-network"),
                # The uplinker may set the clock; its twin's clock cannot be set.
                *("--capability=CAP_SYS_TIME", "--console=pipe", "--link-journal=no"),
                *(f"--bind={self.data}:/var/lib/trapnode", f"--bind={self.world}:/twins"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._pid = wait_for(self._first, "PID 1")
        wait_for(self._is_up, "systemd to be up", BOOT_S)

    def _first(self) -> int | None:
        """Find the machine's PID 1: systemd, and nspawn's child."""
        assert self._nspawn is not None
        number = self._nspawn.pid
        for child in Path(f"/proc/{number}/task/{number}/children").read_text().split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    return int(child)
        return None

    def _is_up(self) -> bool:
        return self.run("systemctl", "is-system-running", check=False).strip() in (
            "running",
            "degraded",
        )

    def run(self, *command: str, check: bool = True, said: str = "") -> str:
        """Run something in it as root; give what it said. `said`: note the lines that match."""
        assert self._pid
        done = subprocess.run(
            ["nsenter", "--all", "--root", "--wd", "-t", str(self._pid), *command],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        out = re.sub("\x1b\\[[0-9;]*m", "", done.stdout)
        if said:
            self._note(f"# {' '.join(command)}")
            for line in out.splitlines():
                if re.search(said, line):
                    self._note(line)
        assert done.returncode == 0 or not check, f"{command}: {done.returncode}: {out[-3000:]}"
        return out

    def user(self, *command: str, said: str = "") -> str:
        """Run something in it as the unit's user."""
        who = ("--reuid=trapnode", "--regid=trapnode", "--init-groups", "--no-new-privs")
        return self.run("setpriv", *who, *command, said=said)

    def reboot(self) -> None:
        """Let it shut down in order, and boot it."""
        self.shut()
        self.boot()

    def shut(self) -> None:
        """Let it shut down in order."""
        if self._nspawn is not None:
            self.run("systemctl", "poweroff", check=False)
            self._nspawn.wait(BOOT_S)
        self._nspawn = None

    def cut(self) -> None:
        """End all that runs in it at once. What it wrote stays: the kernel does not end."""
        if self._nspawn is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._nspawn.wait(10)
            self._nspawn.kill()
            self._nspawn.wait(BOOT_S)
        self._nspawn = None


@contextlib.contextmanager
def machine(root: Path, data_mib: int, note: Callable[[str], None]) -> Iterator[Machine]:
    """Make a machine over an image; nothing of it stays."""
    folder = Path(tempfile.mkdtemp(prefix="machine"))
    made, undo = Machine(folder, note), contextlib.ExitStack()
    with undo:
        # One at a time: without a host's systemd, the control groups of two would be the same.
        lock = undo.enter_context((CACHE / "lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        _mount(undo, folder, "-t", "tmpfs", "-o", "size=6g", "none")
        for name in ("root", "data", "world", "upper", "work"):
            (folder / name).mkdir()
        layers = f"lowerdir={root},upperdir={folder}/upper,workdir={folder}/work"
        _mount(undo, made.root, "-t", "overlay", "-o", layers, "overlay")
        card = folder / "card"
        run("truncate", "-s", f"{data_mib}M", card)
        run("mkfs.ext4", "-q", "-m", "0", card)
        _mount(undo, made.data, "-o", "loop", str(card))
        undo.callback(made.cut)
        yield made


def _mount(undo: contextlib.ExitStack, target: Path, *words: str) -> None:
    run("mount", *words, target)
    undo.callback(run, "umount", "--lazy", target)


def wait_for(found: Callable[[], T], what: str, within_s: float = 60.0) -> T:
    """Wait until something is found; fail after the time."""
    end_s = time.monotonic() + within_s
    while not (it := found()):
        assert time.monotonic() < end_s, f"waited {within_s:.0f} s for {what}"
        time.sleep(0.2)
    return it
