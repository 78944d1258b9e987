"""A unit of the installed package in a container: what the rig shows it, asks it, and counts."""

import hashlib
import json
import shutil
import socket
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

from tests.rig.container import Machine, wait_for
from trapnode.cli import PROCESSES
from trapnode.cli.demo import folders_of, own
from trapnode.sim.scene import show

INSTALLED = Path("/usr/lib/trapnode/trapnode/sim/pictures")
UNITS = [f"trapnode-{name}.service" for name in PROCESSES]
ALL = ["trapnode.target", *UNITS]
SETTLE_S = 300.0  # A message whose session was cut waits up to 2 h of the world: 120 s.
TWINS = """\
[Unit]
Description=the twins: a world, a modem, a cable
[Service]
User=trapnode
Environment=PYTHONPATH=/usr/lib/trapnode PYTHONDONTWRITEBYTECODE=1
ExecStartPre=/usr/bin/python3 /twins/inside.py world {start}
ExecStart=/usr/bin/python3 /twins/inside.py twins
ExecStartPost=/bin/sh -c 'until test -e /twins/modem; do sleep 0.1; done'
"""
DROP_IN = """\
[Unit]
Wants=twins.service
After=twins.service
[Service]
ExecStart=
ExecStart=/usr/bin/trapnode {name} --twins /twins
ReadWritePaths=/twins
"""


class Unit:
    """One unit in one machine, and the notes taken of it."""

    def __init__(self, machine: Machine, note: Callable[[str], None]) -> None:
        self.machine, self.note = machine, note
        self._bursts = cycle(
            [INSTALLED / path.relative_to(own()) for path in burst] for burst in folders_of(own())
        )
        self.shown = 0

    def twins(self) -> None:
        """Put simulated devices where the units find them: drop-ins, and a service of the rig."""
        machine = self.machine
        system = machine.root / "etc/systemd/system"
        for name in PROCESSES:
            folder = system / f"trapnode-{name}.service.d"
            folder.mkdir()
            (folder / "twins.conf").write_text(DROP_IN.format(name=name))
        (system / "twins.service").write_text(TWINS.format(start=time.time()))
        shutil.copy(Path(__file__).with_name("inside.py"), machine.world)
        machine.run("chown", "trapnode:", "/twins")

    def poke(self) -> None:
        """Show the next burst, whatever becomes of it; a station that is not there is awaited."""
        burst = next(self._bursts)
        wait_for(lambda: show(self.machine.world, burst), "a station that looks")

    def show(self, bursts: int = 1) -> None:
        """Show bursts; wait until each is on the card."""
        for _ in range(bursts):
            self.poke()
            self.shown += 1
            wait_for(lambda: self.count()["sequences"] >= self.shown, "the burst on the card")

    def count(self) -> dict:
        """Count with the package's own code, as the unit's user."""
        command = "PYTHONPATH=/usr/lib/trapnode exec python3 -B /twins/inside.py count"
        return json.loads(self.machine.user("sh", "-c", command))

    def settle(self, what: str) -> dict:
        """Wait until all is sorted and told; check it id by id, and note the figures."""
        found = wait_for(self._all_told, f"{what}: all to be told", SETTLE_S)
        assert not found["wrong"], found["wrong"]
        assert not found["lost"], found
        assert found["sequences"] == self.shown, (found, self.shown)
        self.note(
            f"-> {what}: {self.shown} triggers shown, {found['sequences']} sequences of"
            f" {found['frames']} frames on the card, none lost; {found['messages']} messages at"
            f" the gateway tell {found['told']} observations, as the store says, id by id"
        )
        return found

    def _all_told(self) -> dict | None:
        found = self.count()
        return None if found["waiting"] else found

    def up(self, within_s: float = 60.0) -> float:
        """Wait for the five and the target; give the seconds it took."""
        began_s = time.monotonic()
        wait_for(lambda: set(self.states()) == {"active"}, "all to be active", within_s)
        return time.monotonic() - began_s

    def states(self) -> list[str]:
        """Give what systemd says of the target and each of the five."""
        return self.machine.run("systemctl", "is-active", *ALL, check=False).split()

    def property(self, unit: str, name: str) -> str:
        """Ask systemd for a property."""
        return self.machine.run("systemctl", "show", "-P", name, unit).strip()

    def restarts(self) -> dict[str, int]:
        """Say how often systemd has restarted each of the five since boot."""
        return {unit: int(self.property(unit, "NRestarts")) for unit in UNITS}

    def memory_mib(self) -> float:
        """Add up what each of the five holds in memory (VmRSS)."""
        paths = [f"/proc/{self.property(unit, 'MainPID')}/status" for unit in UNITS]
        said = self.machine.run("grep", "--no-filename", "VmRSS", *paths)
        return sum(int(line.split()[1]) for line in said.splitlines()) / 1024

    def ask(self, question: str) -> str:
        """Type something at the console."""
        with socket.socket(socket.AF_UNIX) as visit:
            visit.settimeout(30)
            visit.connect(str(self.machine.world / "technician"))
            visit.sendall(question.encode() + b"\r")
            answer = b"".join(iter(lambda: visit.recv(4096), b""))
        return answer.decode().replace("\r", "")

    def pictures(self) -> dict[str, str]:
        """Give every picture on the card, with the sum of its bytes."""
        paths = [path for path in (self.machine.data / "archive").rglob("*") if path.is_file()]
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    def kept(self, before: dict[str, str]) -> None:
        """Check that every picture is there as it was."""
        after = self.pictures()
        gone = [name for name, total in before.items() if after.get(name) != total]
        assert not gone, f"gone or changed: {gone}"
        self.note(f"-> {len(before)} picture files of before: all there, same SHA-256")
