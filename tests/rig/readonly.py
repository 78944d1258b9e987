"""A whole unit on a read-only root, in qemu: its power is cut, its data partition torn, then gone.

usage: python -m tests.rig.readonly [SEED]    root, qemu, a mirror of Debian; 6 to 15 minutes
"""

import hashlib
import random
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.rig.machine import (
    MEMORY_MB,
    Machine,
    inside,
    make_root,
    mounted,
    partitioned,
)
from tests.rig.made import ROOT, package, run
from trapnode.model import FrameState
from trapnode.store.store import open_store

CONFIG = """\
[unit]
name = "RIG"
[trigger]
camera_delay_s = 0
[burst]
frames = 1
frames_max = 60
interval_s = 0.2
[modem]
port = "/run/trapnode/world/modem"
[power]
battery_wh = 2000
[console]
port = "/run/trapnode/world/console"
"""
GUEST = "/usr/lib/trapnode-rig/guest.py"
SERVICE = """\
[Unit]
Before={before}
[Service]
Type={type}
User=trapnode
Group=trapnode
SupplementaryGroups=systemd-journal
RuntimeDirectory=trapnode
RuntimeDirectoryMode=0750
RuntimeDirectoryPreserve=yes
Environment=PYTHONPATH=/usr/lib/trapnode PYTHONDONTWRITEBYTECODE=1
ExecStart={command}
[Install]
WantedBy=multi-user.target
"""
DROP_IN = "/etc/systemd/system/trapnode-.service.d/60-readonly.conf"
MENDED = "FILE SYSTEM WAS MODIFIED"
FAILED = "card: failed, pictures are in RAM"
UNITS = ("station", "sorter", "uplinker", "keeper", "console")
SAVED = re.compile(r"sequence (\d+): (\d+) frames, \d+ bytes on the card")
PICTURES = ROOT / "trapnode" / "sim" / "pictures"
SEGMENTS = 4096  # Of a picture: before its pixels.
TEAR = 1024 + 512 + 100  # In the second sector of ext4's superblock: its checksum is wrong then.
FIRST_SECTOR = 2048  # Of sfdisk's first partition.


def prepare(folder: Path, package: Path) -> tuple[Path, Path]:
    """Make root disk and data disk: the package, twins, `trapnode-readonly` run twice."""
    root, data = folder / "root.img", folder / "data.img"
    make_root(root, package)
    with mounted(root) as (_, at):
        _add_twins(at)
        with partitioned(data, 96 << 20) as partition:
            run("mkfs.ext4", "-q", "-L", "TRAPDATA", partition)
            for _ in range(2):  # Again while mounted, and while not.
                inside(at, "trapnode-readonly", partition)
                inside(at, "trapnode-readonly", partition)
                run("umount", at / "var/lib/trapnode")
        _give_time(at)
    return root, data


def _give_time(at: Path) -> None:
    """Give each step of a boot the time that it takes emulated, on a busy machine."""
    fstab = at / "etc/fstab"
    fstab.write_text(fstab.read_text().replace("device-timeout=30s", "device-timeout=90s"))
    units = at / "etc/systemd/system"
    (units / "var-lib-trapnode.mount.d/rig.conf").write_text("[Unit]\nJobTimeoutSec=600\n")
    for name in UNITS:
        slow = "[Service]\nTimeoutStartSec=600\nWatchdogSec=600\n"
        (units / f"trapnode-{name}.service.d/slow.conf").write_text(slow)


def _add_twins(at: Path) -> None:
    (at / "etc/trapnode/config.toml").write_text(CONFIG)
    units = at / "etc/systemd/system"
    for name in UNITS:
        folder = units / f"trapnode-{name}.service.d"
        folder.mkdir()
        command = f"/usr/bin/trapnode {name} --twins /run/trapnode/world"
        (folder / "twins.conf").write_text(
            f"[Unit]\nAfter=rig-world.service\n[Service]\nExecStart=\nExecStart={command}\n"
        )
    (at / GUEST[1:]).parent.mkdir()
    shutil.copy(ROOT / "tests/rig/guest.py", at / GUEST[1:])
    python = f"/usr/bin/python3 {GUEST}"
    modem = "/usr/bin/trapnode twin-modem --twins /run/trapnode/world"
    for name, kind, before, command in (
        ("world", "oneshot", "rig-modem.service", f"{python} world"),
        ("modem", "exec", "trapnode-uplinker.service", modem),
        ("play", "exec", "", f"{python} play"),
    ):
        text = SERVICE.format(before=before, type=kind, command=command)
        (units / f"rig-{name}.service").write_text(text)
        inside(at, "systemctl", "enable", f"rig-{name}.service")
    (at / "etc/modules-load.d/rig.conf").write_text("i6300esb\n")


def checksum(image: Path) -> str:
    """Give the sum of all bytes of a disk."""
    with image.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tear(data: Path) -> None:
    """Let a cut have torn the data partition's superblock."""
    with data.open("r+b") as file:
        file.seek(FIRST_SECTOR * 512 + TEAR)
        byte = file.read(1)[0]
        file.seek(FIRST_SECTOR * 512 + TEAR)
        file.write(bytes([byte ^ 0xFF]))


def live(root: Path, data: Path | None, after_s: float) -> str:
    """Let the unit boot, tell its facts and save bursts; cut its power; give all that it said."""
    began_s = time.monotonic()
    with Machine(root, data) as machine:
        machine.wait_for("RIG: facts are told")
        told_s = time.monotonic() - began_s
        machine.wait_for(SAVED.pattern, len(SAVED.findall(machine.said())) + 2)
        time.sleep(after_s)
    said, took_s = machine.said(), time.monotonic() - began_s
    print(
        f"told in {told_s:.0f} s, cut in {took_s:.0f} s, {len(SAVED.findall(said))} bursts",
        flush=True,
    )
    return said


def check_facts(said: str, data: bool = True) -> None:
    """Fail unless root, RAM, swap, core dumps, watchdog and timers are as they must be."""
    facts = [line.partition("]: ")[2] for line in said.splitlines() if " python3[" in line]
    assert any(re.match(r"mount / ext4 ro\b", line) for line in facts), facts
    mounted_rw = any(line.startswith("mount /var/lib/trapnode ext4 rw") for line in facts)
    assert mounted_rw is data, facts
    assert (FAILED in said) is not data
    for at, size in (("/run", 112), ("/tmp", 32), ("/var/tmp", 16), ("/var/log", 8)):
        assert f"mount {at} tmpfs {size} MiB" in facts, facts
    assert "swaps 0" in facts
    assert "core pattern |/bin/false" in facts
    limits = [line for line in facts if "core file size" in line]
    assert len(limits) == len(UNITS)
    assert all(line.endswith(" core file size 0 0 bytes") for line in limits), limits
    assert "watchdog active 14" in facts
    assert f"stick {DROP_IN}" in facts, facts
    assert "failed:" in facts, facts
    timers = [line.split()[-1] for line in facts if ".timer" in line]
    assert timers == ["systemd-tmpfiles-clean.service"], timers


def check_card(data: Path, said: str) -> str:
    """Fail unless every frame that the unit called safe is on the data partition, and whole."""
    with mounted(data, partition=True) as (_, at):
        store = open_store(at)
        held = {each.id: each.frames for each in store.sequences.all()}
        for number, frames in SAVED.findall(said):
            assert len(held.get(int(number), ())) == int(frames), f"sequence {number}: {frames}"
        frames = [frame for each in held.values() for frame in each]
        shown = [path.read_bytes() for path in PICTURES.rglob("*.jpg")]
        for frame in frames:
            assert frame.state is not FrameState.LOST, frame.path
            if frame.state is FrameState.WHOLE:
                picture = (store.archive.root / frame.path).read_bytes()
                # But for the segments before its pixels, where EXIF was put in.
                assert any(picture.endswith(each[SEGMENTS:]) for each in shown), frame.path
        store.close()
    return f"{len(held)} sequences of {len(frames)} frames"


def main(arguments: list[str]) -> int:
    """Let a unit live three boots: cut, its data partition torn and cut again, and without it."""
    dice = random.Random(int(arguments[0]) if arguments else 1)
    with tempfile.TemporaryDirectory(prefix="readonly") as name:
        folder = Path(name)
        folder.chmod(0o755)  # The card's store is opened as the user whose it is.
        root, data = prepare(folder, package("amd64", folder, COMPRESS="none"))
        before = checksum(root)
        first = live(root, data, dice.uniform(0, 3))
        check_facts(first)
        tear(data)
        second = live(root, data, dice.uniform(0, 3))
        check_facts(second)
        assert MENDED in second, "e2fsck mended nothing"
        found = check_card(data, first + second)
        third = live(root, None, 0)
        check_facts(third, data=False)
        assert checksum(root) == before, "a byte of the root was written"
    print(
        f"three boots of a machine of {MEMORY_MB} MB: {found}, none lost by two cuts and a torn"
        " superblock; without its data partition it went on in RAM; no byte of the root changed"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
