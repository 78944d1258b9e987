"""What the rig does with versions of the package: updates, cuts in them, rollbacks, purges."""

import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.container import wait_for
from tests.rig.made import ROOT, package, run
from tests.rig.unit import ALL, Unit
from trapnode import __version__
from trapnode.store.schema import VERSION

PARTS = ("trapnode", "models", "systemd", "README.md", "NOTICE", "LICENSE")
NEXT, AFTER = "0.9.1", "0.9.2"  # The same schema; a newer one.


@dataclass
class Packages:
    """This checkout as a package, and as two later versions of itself."""

    folder: Path
    suite: str
    now: Path = field(init=False)
    next: Path = field(init=False)
    after: Path = field(init=False)

    def build(self, source: Path = ROOT, *libraries: str) -> Path:
        """Build the package of a checkout."""
        given = {"COMPRESS": "none"} if libraries else {}  # Made for this run alone.
        return package("amd64", self.folder / "out", source, *libraries, SUITE=self.suite, **given)

    def take(self, now: Path) -> None:
        """Take this package, and make later ones with the libraries of it."""
        self.now = now
        unpacked = self.folder / "unpacked"
        run("dpkg-deb", "-x", now, unpacked)
        libraries = unpacked / "usr/lib/trapnode"
        shutil.rmtree(libraries / "trapnode")
        self.next = self.build(self._later(NEXT), str(libraries))
        newer = self._later(AFTER)
        schema = newer / "trapnode/store/schema.py"
        text = schema.read_text()
        text = text.replace(f"VERSION = {VERSION}\n", f"VERSION = {VERSION + 1}\n")
        step = f'    {VERSION}: "CREATE TABLE rig (id INTEGER PRIMARY KEY) STRICT;",\n'
        text = text.replace("STEPS = {  # From", f"STEPS = {{\n{step}    # From")
        schema.write_text(text)
        self.after = self.build(newer, str(libraries))

    def _later(self, version: str) -> Path:
        source = self.folder / version
        source.mkdir()
        for part in PARTS:
            if (ROOT / part).is_dir():
                bytecode = shutil.ignore_patterns("__pycache__", "training")
                shutil.copytree(ROOT / part, source / part, ignore=bytecode)
            else:
                shutil.copy(ROOT / part, source)
        named = source / "trapnode/__init__.py"
        named.write_text(named.read_text().replace(f'"{__version__}"', f'"{version}"'))
        return source


def update(unit: Unit, packages: Packages) -> None:
    """Update a running unit, and roll it back; what it holds stays."""
    unit.note(f"\n== update to {NEXT}, and rollback, of a running unit")
    before = unit.pictures()
    _install(unit, packages.next, NEXT)
    unit.kept(before)
    unit.show(2)
    unit.settle(f"under {NEXT}")
    before = unit.pictures()
    _install(unit, packages.now, __version__)
    unit.kept(before)
    unit.show()
    unit.settle(f"back under {__version__}")


def _install(unit: Unit, package: Path, version: str) -> None:
    m = unit.machine
    shutil.copy(package, m.root / "srv")
    began_s = time.monotonic()
    command = ("apt-get", "install", "--yes", "--allow-downgrades", "--no-install-recommends")
    m.run(*command, f"/srv/{package.name}", said="^(Unpacking|Setting up)|rror|DOWNGRADED")
    unit.up()
    took_s = time.monotonic() - began_s
    said = wait_for(lambda: _version(unit, version), "the console of this version")
    unit.note(f"-> {took_s:.0f} s until all were active again; status says: {said}")


def _version(unit: Unit, wanted: str) -> str | None:
    lines = unit.ask("status").splitlines()
    said = next((line for line in lines if line.startswith("version")), "")
    return said if f" {wanted}," in said else None


def cut(unit: Unit, packages: Packages) -> None:
    """End all that runs in the middle of an update; boot, look, and heal."""
    unit.note(f"\n== all processes end in the middle of an update to {NEXT}")
    m = unit.machine
    lib = m.root / "usr/lib/trapnode"
    moments: dict[str, Callable[[], object]] = {
        "old bytecode is going": lambda: not (lib / "trapnode/__pycache__").exists(),
        "files are unpacked": lambda: list(lib.glob("pyrage/*.dpkg-new")),
        "scripts run at the end": lambda: (
            f'"{NEXT}"' in (lib / "trapnode/__init__.py").read_text()
            and (lib / "pyrage/__pycache__").exists()
        ),
    }
    for moment, reached in moments.items():
        before = unit.pictures()
        install = f"dpkg --install /srv/{packages.next.name}"
        m.run("systemd-run", "--quiet", "--collect", "/bin/sh", "-c", install)
        _soon(reached, moment)
        m.cut()
        m.boot()
        state = _state(unit)
        time.sleep(20)
        states = " ".join(unit.states())
        unit.note(f"# {install}; cut when {moment}; boot\n-> dpkg: {state}; units: {states}")
        unit.kept(before)
        m.run("dpkg", "--configure", "--pending", said="^Setting up", check=False)
        if not _state(unit).startswith("ii "):
            m.run("dpkg", "--install", f"/srv/{packages.next.name}", said="^Setting up|rror")
        assert _state(unit) == f"ii  {NEXT}+deb12", _state(unit)
        m.run("systemctl", "start", "trapnode.target")
        unit.up()
        unit.show()
        unit.settle("healed")
        _install(unit, packages.now, __version__)


def _soon(reached: Callable[[], object], moment: str) -> None:
    end_s = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end_s, f"never: {moment}"
        time.sleep(0.005)


def _state(unit: Unit) -> str:
    said = unit.machine.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", "trapnode")
    return said.strip()


def refuse(unit: Unit, packages: Packages) -> None:
    """Update to a newer schema; an older package then refuses, and all goes on."""
    unit.note(f"\n== update to {AFTER} with a newer schema; the older package is refused")
    before = unit.pictures()
    _install(unit, packages.after, AFTER)
    unit.kept(before)
    unit.show()
    found = unit.settle(f"under {AFTER}")
    assert found["schema"] == VERSION + 1, found
    unit.note(f"-> schema {VERSION} of the rows became {VERSION + 1}")
    m = unit.machine
    m.run("dpkg", "--install", f"/srv/{packages.now.name}", said="schema|rror", check=False)
    assert _state(unit) == f"ii  {AFTER}+deb12", _state(unit)
    assert unit.states() == ["active"] * len(ALL)
    assert (m.root / "usr/lib/trapnode/trapnode/__pycache__").is_dir()
    unit.show()
    unit.settle(f"still {AFTER}")


def purge(unit: Unit, packages: Packages) -> None:
    """Remove and purge: no picture goes; installed again, the unit goes on with what it has."""
    unit.note("\n== remove, purge, install again")
    m, before = unit.machine, unit.pictures()
    for action in ("remove", "purge"):
        m.run("apt-get", action, "--yes", "trapnode", said="^(Removing|Purging)|rror")
        unit.kept(before)
    left = m.run("sh", "-c", "ls -d /etc/trapnode /usr/lib/trapnode 2>&1; systemctl --failed -q")
    assert re.fullmatch(r"(ls: .*\n){2}", left), left
    unit.note("-> /etc/trapnode and /usr/lib/trapnode are gone, no unit failed")
    m.run("mkdir", "--parents", "/etc/trapnode")
    m.run("cp", "/srv/cards/AL07/config.toml", "/etc/trapnode/")
    m.run("apt-get", "install", "--yes", f"/srv/{packages.after.name}")
    m.reboot()
    unit.up()
    unit.kept(before)
    unit.show()
    unit.settle("installed again")
