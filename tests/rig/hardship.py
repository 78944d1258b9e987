"""What the rig does to a unit in a container: tries its sandbox, stops loops, fills the card."""

import json
import os
import re
import subprocess
import time

from tests.rig.container import wait_for
from tests.rig.unit import Unit
from trapnode.cli import PROCESSES

EXPOSURE_MOST = 1.5
DONE = {"own state", "own run"}  # What every unit may do.
ALSO = {  # What one of them may, too.
    "station": {"socket NETLINK", "write+execute"},  # libcamera hears of cameras from udev.
    "sorter": {"write+execute"},  # The runtime of the models may want it.
}
LEAVE_MIB = 8


def confine(unit: Unit) -> None:
    """Run a probe under the settings of each unit, and ask systemd how exposed each is."""
    unit.note("\n== the sandbox, tried from within: a probe under each unit's own settings")
    m = unit.machine
    for name in PROCESSES:
        own = f"/usr/lib/systemd/system/trapnode-{name}.service"
        text = (m.root / own.lstrip("/")).read_text()
        text = re.sub(r"(?m)^(Type|NotifyAccess|WatchdogSec|Restart\w*|ExecStart)=.*\n", "", text)
        settings = (
            "[Service]\nType=oneshot\nReadWritePaths=/twins\n"
            f"StandardOutput=truncate:/twins/probe-{name}\n"
            "ExecStart=/usr/bin/python3 /twins/inside.py probe\n"
        )
        (m.root / f"etc/systemd/system/probe-{name}.service").write_text(
            text.replace("[Service]\n", settings)
        )
    m.run("systemctl", "daemon-reload")
    for name in PROCESSES:
        m.run("systemctl", "start", f"probe-{name}.service")
        found = json.loads((m.world / f"probe-{name}").read_text())
        unit.note(f"{name}: {_grouped(found)}")
        _check(name, found)
        said = m.run("systemd-analyze", "security", "--no-pager", f"trapnode-{name}.service")
        (exposure,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", said)
        unit.note(f"-> exposure of trapnode-{name}.service: {exposure}")
        assert float(exposure) <= EXPOSURE_MOST


def _grouped(found: dict[str, str]) -> str:
    """Say what came of which tries."""
    outcomes = dict.fromkeys(found.values())
    return "; ".join(
        f"{outcome}: {', '.join(key for key in found if found[key] == outcome)}"
        for outcome in outcomes
    )


def _check(name: str, found: dict[str, str]) -> None:
    rights = {key: found.pop(key) for key in ("NoNewPrivs", "Seccomp", "CapEff")}
    assert (rights["NoNewPrivs"], rights["Seccomp"]) == ("1", "2")
    time_only = 1 << 25  # CAP_SYS_TIME, linux/capability.h.
    assert int(rights["CapEff"], 16) == (time_only if name == "uplinker" else 0), rights
    done = {key for key, value in found.items() if value == "done"}
    assert done == DONE | ALSO.get(name, set()), (name, done)


def hang(unit: Unit) -> None:
    """Stop the loops: systemd's watchdog ends each and begins it anew."""
    unit.note("\n== a hung loop (SIGSTOP): the watchdog")
    first = [f"trapnode-{name}.service" for name in ("station", "sorter", "uplinker")]
    began_s, before = _stop(unit, first), unit.restarts()
    wait_for(lambda: time.monotonic() - began_s > 45, "the silence to be seen")
    alive = next(line for line in unit.ask("status").splitlines() if line.startswith("alive"))
    unit.note(f"# status, after 45 s\n{alive}")
    assert re.search(r"station \d{4}\b", alive), alive  # 45 s here.
    for each in first[:2]:
        _begun_anew(unit, each, before, began_s)
    second = [f"trapnode-{name}.service" for name in ("keeper", "console")]
    again_s, before_second = _stop(unit, second), unit.restarts()
    unit.show()
    for each in second:
        _begun_anew(unit, each, before_second, again_s)
    unit.show(2)
    _begun_anew(unit, "trapnode-uplinker.service", before, began_s)
    unit.machine.run(
        *("journalctl", "--no-pager", "-b", "-o", "cat", "-g", "Watchdog timeout|status=6/ABRT"),
        said=".",
    )
    unit.up()
    unit.settle("after five hangs")


def _stop(unit: Unit, names: list[str]) -> float:
    unit.machine.run("systemctl", "kill", "--signal=STOP", *names, said=".")
    return time.monotonic()


def _begun_anew(unit: Unit, name: str, before: dict[str, int], began_s: float) -> None:
    text = (unit.machine.root / "usr/lib/systemd/system" / name).read_text()
    limit_s = int(re.findall(r"(?m)^WatchdogSec=(\d+)$", text)[0])
    wait_for(lambda: unit.restarts()[name] > before[name], f"{name} begun anew", limit_s + 30)
    took_s = time.monotonic() - began_s
    unit.note(f"-> {name}: begun anew {took_s:.0f} s after it was stopped; WatchdogSec={limit_s}")
    assert took_s <= limit_s + 20  # RestartSec is in it, and this process looks at times only.


def fill(unit: Unit) -> None:
    """Fill the data partition: the least valuable goes, targets never, and the unit lives on."""
    unit.note("\n== a full card (ext4 of 96 MiB)")
    before, restarts = unit.count(), unit.restarts()
    filler = unit.machine.data / "filler"
    space = os.statvfs(unit.machine.data)
    filling = space.f_bavail * space.f_frsize - (LEAVE_MIB << 20)
    subprocess.run(["fallocate", "-l", str(filling), str(filler)], check=True)
    unit.note(f"# fallocate -l {filling >> 20}MiB /var/lib/trapnode/filler: {LEAVE_MIB} MiB free")
    bursts = 0
    while "card" not in _faults(unit):
        unit.poke()
        bursts += 1
        assert bursts < 40, unit.ask("status")
        time.sleep(2)
    unit.note(f"-> {bursts} more bursts; status says: {_faults(unit)}")
    wait_for(lambda: not unit.count()["waiting"], "all to be judged", 300)
    full = unit.count()
    assert set(before["targets"]) <= set(full["targets"]), "a target went"
    assert unit.restarts() == restarts, "a process ended"
    unit.note(
        f"-> {full['sequences'] - before['sequences']} sequences saved, {full['evicted']} evicted,"
        f" {len(full['targets'])} frames of targets: all there; {full['lost']} frames lost;"
        " no process ended"
    )
    filler.unlink()
    unit.note("# rm filler")
    wait_for(lambda: "card" not in _faults(unit), "the card to be good again", 120)
    unit.shown = unit.count()["sequences"]
    unit.show(2)
    unit.settle("with room again")


def _faults(unit: Unit) -> str:
    lines = unit.ask("status").splitlines()
    return "; ".join(line for line in lines if line.startswith("! "))
