"""A whole machine in qemu (TCG): Debian's kernel and systemd, our package, a root and a data disk.

What `cache` keeps is Debian's alone; the package is built from this checkout, and installed.
"""

import contextlib
import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.rig.made import once, run

MACHINE = (  # Beside what our package depends on.
    *("linux-image-amd64", "initramfs-tools", "zstd", "systemd-sysv", "systemd-timesyncd"),
    *("dbus", "kmod", "e2fsprogs", "fake-hwclock"),
)
MEMORY_MB = 512  # A Raspberry Pi Zero 2 W's.
DISK = "format=raw,if=virtio,cache=writeback"
BOOT_S = 900.0  # 110 s where nothing else runs.


def cache(package: Path) -> Path:
    """Give Debian bookworm with what a package needs as a tar, made once: 3 minutes, 800 MB."""
    depends = re.sub(r"\([^)]*\)|\s", "", run("dpkg-deb", "-f", package, "Depends")).split(",")
    wanted = ",".join(sorted({*MACHINE, *depends}))
    make = ("mmdebstrap", "--variant=minbase", f"--include={wanted}", "bookworm")
    name = f"machine-{hashlib.sha256(wanted.encode()).hexdigest()[:8]}.tar"
    return once(name, lambda part: run(*make, part))


@contextlib.contextmanager
def mounted(image: Path, partition: bool = False) -> Iterator[tuple[Path, Path]]:
    """Give the block device of an image, or of its first partition, and where it is mounted."""
    loop = run("losetup", "--find", "--show", image).strip()
    at = image.with_suffix(".mount")
    at.mkdir(exist_ok=True)
    try:
        if partition:  # Not by `losetup -P`: not every kernel reads partition tables itself.
            run("partx", "--add", loop)
        device = Path(f"{loop}p1" if partition else loop)
        run("mount", device, at)
        try:
            yield device, at
        finally:
            run("umount", "--recursive", at)
    finally:
        if partition:
            run("partx", "--delete", loop)
        run("losetup", "--detach", loop)


@contextlib.contextmanager
def partitioned(image: Path, size: int) -> Iterator[Path]:
    """Make a disk with one partition, and give the partition's block device."""
    with image.open("wb") as file:
        file.truncate(size)
    run("sfdisk", "--quiet", image, said="label: dos\ntype=83\n")
    loop = run("losetup", "--find", "--show", image).strip()
    try:
        run("partx", "--add", loop)
        yield Path(f"{loop}p1")
    finally:
        run("partx", "--delete", loop)
        run("losetup", "--detach", loop)


def make_root(image: Path, package: Path) -> None:
    """Make the root disk: Debian with our package installed, and kernel and initrd beside it."""
    with image.open("wb") as file:
        file.truncate(2 << 30)
    run("mkfs.ext4", "-q", "-L", "root", image)
    with mounted(image) as (_, at):
        run("tar", "-xf", cache(package), "-C", at)
        (at / "etc/fstab").write_text("/dev/vda / ext4 defaults,noatime 0 1\n")
        (at / "etc/machine-id").write_text(hashlib.md5(b"rig").hexdigest() + "\n")
        (at / "var/lib/systemd/linger").mkdir()  # As its first boot leaves it.
        (at / "var/lib/systemd/timesync").mkdir()
        inside(at, "chown", "systemd-timesync:", "/var/lib/systemd/timesync")
        inside(at, "systemctl", "mask", "serial-getty@ttyS0.service")  # It hangs up the line.
        shutil.copy(package, at / "srv/trapnode.deb")
        inside(at, "dpkg", "--install", "/srv/trapnode.deb")
        (at / "srv/trapnode.deb").unlink()
        for name in ("vmlinuz", "initrd.img"):
            shutil.copy(max((at / "boot").glob(f"{name}-*")), image.with_name(name))


def inside(root: Path, *command: object) -> str:
    """Run a command in a root, with the machine's /dev and /proc."""
    for each in ("proc", "sys", "dev"):
        run("mount", "--bind", f"/{each}", root / each)
    try:
        return run("chroot", root, *command)
    finally:
        for each in ("dev", "sys", "proc"):
            run("umount", root / each)


class Machine:
    """A running machine; leaving the context pulls its plug."""

    def __init__(self, root: Path, data: Path | None) -> None:
        self._serial = root.with_suffix(".serial")
        self._serial.unlink(missing_ok=True)
        disks = [root] if data is None else [root, data]
        self._process = subprocess.Popen(
            [
                *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "Westmere"),
                *("-smp", "2", "-m", str(MEMORY_MB), "-nodefaults", "-display", "none"),
                *("-serial", f"file:{self._serial}", "-device", "i6300esb"),
                *("-action", "watchdog=reset"),
                *("-kernel", str(root.with_name("vmlinuz"))),
                *("-initrd", str(root.with_name("initrd.img"))),
                "-append",
                "root=/dev/vda console=ttyS0 quiet no_timer_check fsck.repair=yes"
                " systemd.journald.forward_to_console=1",
                *(word for each in disks for word in ("-drive", f"file={each},{DISK}")),
            ]
        )

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """End it as a power cut does; again is fine."""
        self._process.kill()
        self._process.wait(60)

    def said(self) -> str:
        """Give all that it wrote on its serial line."""
        if not self._serial.exists():
            return ""
        return self._serial.read_text("utf-8", "replace").replace("\r", "")

    def wait_for(self, pattern: str, times: int = 1, within_s: float = BOOT_S) -> None:
        """Wait until it said so; raise AssertionError after the time, or if it ended."""
        end_s = time.monotonic() + within_s
        while len(re.findall(pattern, said := self.said())) < times:
            assert self._process.poll() is None, f"the machine ended:\n{said[-3000:]}"
            assert time.monotonic() < end_s, f"no {pattern!r} in {within_s:.0f} s:\n{said[-3000:]}"
            time.sleep(0.2)
