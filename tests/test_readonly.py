"""The script that makes a root read-only: what it writes, and what it refuses."""

import os
import subprocess
from pathlib import Path

import pytest

from trapnode.store.copies import MOST_BYTES
from trapnode.store.spare import MOST

SCRIPT = Path(__file__).parents[1] / "systemd" / "readonly.sh"
FSTAB = """\
# As Raspberry Pi OS bookworm writes it.
proc            /proc           proc    defaults          0       0
PARTUUID=4e639091-01  /boot/firmware  vfat    defaults          0       2
PARTUUID=4e639091-02  /               ext4    defaults,noatime  0       1
"""
PARTITION = {"TYPE": "ext4", "LABEL": "TRAPDATA", "PARTUUID": "4e639091-03"}
BLKID = """\
#!/bin/sh
# The partition is a text of what blkid would find in it.
while [ $# -gt 1 ]; do [ "$1" != -s ] || key=$2; shift; done
sed -n "s/^$key=//p" "$1"
"""


@pytest.fixture
def root(tmp_path):
    """A root as it is once Raspberry Pi OS has booted."""
    for path, text in {
        "etc/fstab": FSTAB,
        "etc/machine-id": "0" * 32 + "\n",
        "boot/firmware/cmdline.txt": "console=tty1 root=PARTUUID=4e639091-02 rootwait\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def readonly(root, *arguments, **found):
    """Run the script over a root; the partition is what `found` says."""
    tools = root / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "blkid").write_text(BLKID)
    (tools / "blkid").chmod(0o755)
    partition = root / "partition"
    text = "".join(f"{key}={value}\n" for key, value in (PARTITION | found).items())
    partition.write_text(text)
    return subprocess.run(
        ["sh", str(SCRIPT), *map(str, arguments or [partition])],
        env=os.environ | {"DESTDIR": str(root), "PATH": f"{tools}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def mounts(root):
    """Give kind and options of each mount, by its place; a place may come once only."""
    lines = [line.split() for line in (root / "etc/fstab").read_text().splitlines()]
    lines = [line for line in lines if line[0] != "#"]
    found = {
        at: (what, kind, options.split(","), check) for what, at, kind, options, _, check in lines
    }
    assert len(found) == len(lines)
    return found


def written(root):
    """Give every file and link below etc and boot with its content."""
    paths = [path for part in ("etc", "boot") for path in (root / part).rglob("*")]
    return {
        str(path.relative_to(root)): os.readlink(path) if path.is_symlink() else path.read_text()
        for path in paths
        if path.is_symlink() or path.is_file()
    }


def test_what_does_not_change_is_mounted_read_only_and_never_checked(root):
    assert readonly(root).returncode == 0
    found = mounts(root)
    assert found["/"] == ("PARTUUID=4e639091-02", "ext4", ["ro", "noatime"], "0")
    assert found["/boot/firmware"] == ("PARTUUID=4e639091-01", "vfat", ["ro", "nofail"], "0")
    assert found["/proc"][2] == ["defaults"]


def test_the_data_partition_is_checked_and_no_boot_waits_for_it_for_ever(root):
    readonly(root)
    what, kind, options, check = mounts(root)["/var/lib/trapnode"]
    # By a superblock that a cut tore nothing could be found, nor mended.
    assert (what, kind, check) == ("PARTUUID=4e639091-03", "ext4", "2")
    assert {"noatime", "errors=remount-ro", "commit=5", "nofail", "noexec"} <= set(options)
    assert "x-systemd.device-timeout=30s" in options
    job = root / "etc/systemd/system/var-lib-trapnode.mount.d/60-readonly.conf"
    assert "JobTimeoutSec=90" in job.read_text()
    assert (root / "boot/firmware/cmdline.txt").read_text().endswith(" fsck.repair=yes\n")


def test_no_unit_requires_the_data_partition(root):
    readonly(root)
    text = (root / "etc/systemd/system/trapnode-.service.d/60-readonly.conf").read_text()
    assert "After=var-lib-trapnode.mount\n" in text
    assert "StateDirectory=\n" in text  # It would.
    assert "ReadWritePaths=-/var/lib/trapnode\n" in text
    # What it would set: by it a boot finds what its first frame needs of the configuration.
    assert "Environment=STATE_DIRECTORY=/var/lib/trapnode\n" in text


def test_what_is_in_ram_is_bounded_and_holds_what_the_unit_needs(root):
    readonly(root)
    sizes = {
        at: int(option[5:-1])
        for at, (_, kind, options, _) in mounts(root).items()
        if kind == "tmpfs"
        for option in options
        if option.startswith("size=")
    }
    assert set(sizes) == {"/run", "/tmp", "/var/tmp", "/var/log"}
    assert sum(sizes.values()) <= 170  # MiB: a third of the smallest machine's.
    journal = 16
    assert sizes["/run"] >= (MOST + MOST_BYTES >> 20) + journal
    text = (root / "etc/systemd/journald.conf.d/60-trapnode.conf").read_text()
    assert f"Storage=volatile\nRuntimeMaxUse={journal}M\n" in text


def test_what_would_write_at_each_boot_is_masked(root):
    readonly(root)
    for name in ("apt-daily.timer", "systemd-random-seed.service", "fake-hwclock.service"):
        assert os.readlink(root / "etc/systemd/system" / name) == "/dev/null"


def test_it_may_be_run_again_also_with_another_partition(root):
    readonly(root)
    before = written(root)
    assert readonly(root).returncode == 0
    assert written(root) == before
    assert before["etc/fstab.before-readonly"] == FSTAB
    assert readonly(root, PARTUUID="11111111-03").returncode == 0
    assert mounts(root)["/var/lib/trapnode"][0] == "PARTUUID=11111111-03"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"TYPE": "vfat"}, "holds 'vfat', must be ext4"),
        ({"TYPE": ""}, "holds '', must be ext4"),
        ({"LABEL": "rootfs"}, "its label is 'rootfs', must be TRAPDATA"),
        ({"PARTUUID": ""}, "has no PARTUUID, must be in a partition table"),
    ],
    ids=["fat", "nothing", "the root", "a whole disk"],
)
def test_another_partition_is_refused(root, found, says):
    before = written(root)
    said = readonly(root, **found)
    assert (said.returncode, said.stderr) == (1, f"readonly.sh: {root}/partition: {says}\n")
    assert written(root) == before


@pytest.mark.parametrize(
    ("path", "text", "says"),
    [
        ("etc/machine-id", "uninitialized\n", "holds no id: boot once before"),
        ("etc/fstab", "# nothing\n", "has no line for /"),
    ],
)
def test_another_root_is_refused(root, path, text, says):
    (root / path).write_text(text)
    said = readonly(root)
    assert (said.returncode, said.stderr) == (1, f"readonly.sh: {root}/{path}: {says}\n")


def test_a_store_that_is_there_already_is_not_hidden(root):
    store = root / "var/lib/trapnode"
    store.mkdir(parents=True)
    (store / "trapnode.db").touch()
    said = readonly(root)
    assert said.returncode == 1
    assert "holds a store already: move what is in it" in said.stderr


@pytest.mark.parametrize("arguments", [[""], ["a", "b"], ["/nowhere"]])
def test_what_it_is_asked_must_be_one_partition(root, arguments):
    said = readonly(root, *arguments)
    assert said.returncode == 1
    assert said.stderr.count("\n") == 1
