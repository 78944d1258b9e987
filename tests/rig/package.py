"""The Debian package in a clean Debian with systemd as PID 1 (root): `python -m tests.rig.package`.

Installed, run with the twins, killed, hung, confined, filled, updated, cut, rolled back, purged;
what was seen goes to docs/rig/package-SUITE.txt.

usage: python -m tests.rig.package [SUITE [PACKAGE]]    built from this checkout, if none is named
"""

import json
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.rig.container import image, machine, wait_for
from tests.rig.hardship import confine, fill, hang
from tests.rig.unit import ALL, UNITS, Unit
from tests.rig.update import Packages, cut, purge, refuse, update

ROOT = Path(__file__).parents[2]
TRANSCRIPTS = ROOT / "docs" / "rig"
WHOLE = "bookworm"  # On other suites what does not differ by version is not tried again.
CARD_MIB = 96
COMMON = """\
[trigger]
camera_delay_s = 0
[burst]
frames = 1
frames_max = 60
interval_s = 0.2
[sorter]
audit_share = 0.3
targets = ["leopard", "small_carnivore"]
[modem]
port = "/twins/modem"
[uplink]
batch_s = 600
[power]
battery_wh = 2000
[card]
reserve_mib = 16
ahead_mib = 16
[console]
port = "/twins/console"
"""


def install(unit: Unit, package: Path) -> None:
    """Install as a technician would, reboot, and see five processes come up."""
    m = unit.machine
    shutil.copy(package, m.root / "srv")
    unit.note("\n== installed in a clean Debian, with Debian's packages alone, without a network")
    before = m.run("dpkg-query", "-W", "-f", "${Package}\n").split()
    began_s = time.monotonic()
    m.run(
        *("apt-get", "install", "--yes", "--no-install-recommends", f"/srv/{package.name}"),
        said=r"newly installed|Setting up (python3-|trapnode|python3 )|put the unit",
    )
    took_s, added = time.monotonic() - began_s, m.run("dpkg-query", "-W", "-f", "${Package}\n")
    size_kib = int(m.run("dpkg-query", "-W", "-f", "${Installed-Size}", "trapnode"))
    unit.note(
        f"-> {took_s:.0f} s; {len(before)} packages before, {len(added.split())} after; ours has"
        f" {package.stat().st_size / 1e6:.1f} MB, installed {size_kib / 1024:.0f} MiB"
    )
    provision(unit)
    unit.twins()
    m.reboot()
    unit.note(f"# reboot\n-> all active {unit.up():.1f} s after systemd was up")
    m.run("systemctl", "is-active", *ALL, said=".")
    assert set(unit.restarts().values()) == {0}
    assert "built-in defaults" not in m.run("journalctl", "--no-pager", "-b")
    for each in UNITS:
        assert unit.property(each, "Type") == "notify"
        started, ready = (
            int(unit.property(each, f"{name}TimestampMonotonic"))
            for name in ("ExecMainStart", "ActiveEnter")
        )
        unit.note(f"-> {each}: READY=1 {(ready - started) / 1e6:.2f} s after it was started")


def provision(unit: Unit) -> None:
    """Make the unit's configuration out of a table, and put it where it belongs."""
    m = unit.machine
    (m.root / "srv/units.csv").write_text("unit,modem\nAL07,300234010753370\n")
    (m.root / "srv/common.toml").write_text(COMMON)
    keys = m.run("sh", "-c", "cd /srv && trapnode keys new park.key escrow.key")
    park, escrow = sorted(set(re.findall(r"age1[0-9a-z]+", keys)))
    m.run(
        *("trapnode", "provision", "/srv/units.csv", "--out", "/srv/cards"),
        *("--common", "/srv/common.toml", "--recipient", park, "--recipient", escrow),
        said="units, each",
    )
    m.run("cp", "/srv/cards/AL07/config.toml", "/etc/trapnode/", said=".")
    m.run("trapnode", "config", "check", said=".")


def read_through(unit: Unit) -> None:
    """Let systemd read the installed units and, where it can, udev the rules."""
    m = unit.machine
    unit.note("\n== what only a stick or a board would start, read by systemd and udev")
    units = m.run(
        "sh", "-c", "ls /usr/lib/systemd/system/trapnode* | sed s/@.service/@sda1.service/"
    )
    said = m.run("systemd-analyze", "verify", "--man=no", *units.split(), check=False)
    assert not [line for line in said.splitlines() if "trapnode" in line], said
    unit.note(f"-> systemd-analyze verify: {len(units.split())} units, nothing said of them")
    if "verify" in m.run("udevadm", "--help"):  # From systemd 254 on.
        m.run("udevadm", "verify", "/usr/lib/udev/rules.d/60-trapnode.rules", said=".")


def deliver(unit: Unit) -> None:
    """Triggers become messages that the gateway gets."""
    unit.note("\n== a trigger becomes a delivered message (60 s of the unit are 1 s here)")
    began_s = time.monotonic()
    unit.show(4)
    unit.settle("four bursts")
    unit.note(f"-> {time.monotonic() - began_s:.0f} s from the first trigger to the last message")
    unit.note(f"-> the five hold {unit.memory_mib():.0f} MiB together")
    desk = (unit.machine.root / "srv/cards/units.toml").read_text()
    (key,) = re.findall(r'key = "([0-9a-f]{32})"', desk)
    (generation,) = re.findall(r"generation = (\d+)", desk)
    for line in (unit.machine.world / "gateway.jsonl").read_text().splitlines():
        sent = json.loads(line)["hex"]
        command = ("decode", sent, "--key", key, "--generation", generation)
        told = json.loads(unit.machine.user("trapnode", *command))
        if told["kind"] == "observations":
            unit.note(f"# trapnode decode {sent[:24]}... --key ... --generation {generation}")
            unit.note(json.dumps(told)[:400])
            break
    else:
        raise AssertionError("no observation at the gateway")
    unit.note(f"# the technician types: status\n{unit.ask('status').strip()}")


def kill(unit: Unit) -> None:
    """`kill -9` of each of the five, and a trigger right after it."""
    unit.note("\n== kill -9 of each, and a trigger as soon as a station looks")
    for each in UNITS:
        killed = unit.property(each, "MainPID")
        unit.machine.run("systemctl", "kill", "--signal=KILL", each, said=".")
        began_s = time.monotonic()
        wait_for(lambda: unit.property(each, "MainPID") != killed, each)  # noqa: B023
        unit.show()
        unit.up()
        unit.note(f"-> active again, and the burst on the card, {time.monotonic() - began_s:.1f} s")
    assert set(unit.restarts().values()) == {1}
    unit.note("-> NRestarts=1 of each")
    unit.settle("after five kills")


def _all(unit: Unit, packages: Packages, first: Path) -> None:
    install(unit, first)
    for step in (read_through, deliver, kill):
        step(unit)
    if packages.suite == WHOLE:
        for hardship in (confine, hang, fill):
            hardship(unit)
        packages.take(first)
        for change in (update, cut, refuse, purge):
            change(unit, packages)


def run(suite: str, built: Path | None) -> str:
    """Run all of it; say what was found, or fail with what the journal has."""
    notes: list[str] = []

    def note(line: str) -> None:
        print(line, flush=True)
        notes.append(line)

    with tempfile.TemporaryDirectory(prefix="package") as folder:
        packages = Packages(Path(folder), suite)
        first = built or packages.build()
        with machine(image(suite, first), CARD_MIB, note) as made:
            unit = Unit(made, note)
            made.boot()
            debian = made.run("cat", "/etc/debian_version").strip()
            version = made.run("systemctl", "--version").split("\n")[0]
            note(f"{first.name} in Debian {debian}, {version}")
            try:
                _all(unit, packages, first)
            except BaseException:
                last = ("--no-pager", "-n", "150", "-u", "trapnode*")
                print(made.run("journalctl", *last, check=False))
                raise
            figures = unit.count()
    TRANSCRIPTS.mkdir(exist_ok=True)
    (TRANSCRIPTS / f"package-{suite}.txt").write_text("\n".join(notes).strip() + "\n", "utf-8")
    done = "killed, hung, filled, updated, cut, rolled back, purged" if suite == WHOLE else "killed"
    return (
        f"Debian {debian}: installed, {done}: {figures['sequences']} sequences,"
        f" {figures['messages']} messages, nothing lost"
    )


def main(arguments: list[str]) -> int:
    """Run on Debian 12, or in part on another suite."""
    if os.geteuid() != 0:
        print("containers need root", file=sys.stderr)
        return 1
    suite, *built = arguments or [WHOLE]
    print(run(suite, Path(built[0]) if built else None))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
