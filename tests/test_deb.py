"""The Debian package: what is in it, who owns it, what it leaves to the installer."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import tomllib
from pathlib import Path

import pytest

from trapnode import __version__
from trapnode.cli import CONFIG
from trapnode.store.schema import VERSION

ROOT = Path(__file__).parents[1]
PACKAGING = ROOT / "systemd" / "deb"
DEBIAN_NAMES = {"pillow": "pil", "pyserial": "serial"}
pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is not installed")


def build(folder, *arguments, suite="bookworm"):
    """Run the build."""
    return subprocess.run(
        ["sh", str(PACKAGING / "deb.sh"), *map(str, arguments)],
        env=os.environ | {"COMPRESS": "none", "TMPDIR": str(folder), "SUITE": suite},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def asked(*arguments):
    """Ask dpkg-deb."""
    return subprocess.run(
        ["dpkg-deb", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=True
    ).stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A package with stand-ins for the libraries that a network would give."""
    folder = tmp_path_factory.mktemp("deb")
    (folder / "libraries" / "msgspec").mkdir(parents=True)
    (folder / "libraries" / "msgspec" / "__init__.py").touch()
    said = build(folder, "arm64", folder / "out", folder / "libraries")
    assert said.returncode == 0, said.stderr
    assert said.stdout == f"{folder}/out/trapnode_{__version__}+deb12_arm64.deb\n"
    assert {each.name for each in folder.iterdir()} == {"libraries", "out"}
    return Path(said.stdout.strip())


def listed(package):
    """Give mode and owner of everything in it, by path."""
    lines = [line.split(maxsplit=5) for line in asked("-c", package).splitlines()]
    return {line[5].removeprefix("./"): (line[0], line[1]) for line in lines}


def test_it_says_what_it_is(package):
    said = dict(line.split(": ", 1) for line in asked("-f", package).splitlines() if line[0] != " ")
    assert (said["Package"], said["Version"]) == ("trapnode", f"{__version__}+deb12")
    assert said["Depends"].startswith("python3 (>= 3.11), python3 (<< 3.12), ")
    assert said["Architecture"] == "arm64"
    assert int(said["Installed-Size"]) > 9000  # The models alone, KiB.
    assert "python3-picamera2" in said["Recommends"]


def test_every_library_is_of_debian_or_in_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.match(r"[\w-]+", each)[0].lower() for each in project["dependencies"]}
    inside = {
        re.match(r"[\w-]+", line)[0]
        for line in (PACKAGING / "libraries.txt").read_text().splitlines()
        if line[0] != "#"
    }
    control = (PACKAGING / "debian" / "control").read_text()
    (depends,) = [line for line in control.splitlines() if line.startswith("Depends: ")]
    for name in wanted - inside:
        assert f"python3-{DEBIAN_NAMES.get(name, name)}" in depends
    assert inside <= wanted


def test_the_program_its_models_and_every_unit_are_in_it(package):
    found = listed(package)
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    for path in wheel["targets"]["wheel"]["force-include"].values():
        assert f"usr/lib/trapnode/{path}" in found
    for path in (ROOT / "trapnode").rglob("*.py"):
        assert f"usr/lib/trapnode/{path.relative_to(ROOT)}" in found
    for path in (ROOT / "systemd").glob("trapnode*"):
        assert f"usr/lib/systemd/system/{path.name}" in found
    assert "usr/lib/trapnode/msgspec/__init__.py" in found
    assert "usr/lib/udev/rules.d/60-trapnode.rules" in found


def test_it_is_roots_and_nobody_else_may_write_and_etc_is_the_installers(package):
    for path, (mode, owner) in listed(package).items():
        assert owner == "root/root"
        assert mode[5] == mode[8] == "-", path
        assert path in ("", "usr/") or path.startswith("usr/"), path
        assert "__pycache__" not in path
    for path in ("usr/bin/trapnode", "usr/sbin/trapnode-readonly"):
        assert listed(package)[path][0] == "-rwxr-xr-x"


def test_every_unit_that_starts_by_itself_is_enabled_and_disabled():
    units = {
        path.name
        for path in (ROOT / "systemd").glob("trapnode*")
        if "WantedBy=" in path.read_text()
    }
    for script in ("postinst", "prerm"):
        text = (PACKAGING / "debian" / script).read_text()
        (command,) = re.findall(r"systemctl (?:en|dis)able --quiet ((?:.*\\\n)*.*)", text)
        assert set(command.replace("\\\n", " ").split()) == units


@pytest.mark.parametrize(("newer", "code"), [(0, 0), (1, 1)], ids=["as known", "newer"])
def test_a_package_refuses_rows_that_are_newer_than_it_knows(package, tmp_path, newer, code):
    asked("-e", package, tmp_path / "control")
    rows = tmp_path / "trapnode.db"
    with contextlib.closing(sqlite3.connect(rows)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + newer}")
    (tmp_path / "setpriv").write_text('#!/bin/sh\nshift 3\nexec "$@"\n')  # Here is no such user.
    (tmp_path / "setpriv").chmod(0o755)
    script = (tmp_path / "control" / "preinst").read_text()
    said = subprocess.run(
        ["sh", "-c", script.replace("/var/lib/trapnode/trapnode.db", str(rows))],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == code
    assert (f"schema {VERSION + 1}, this package knows up to {VERSION}" in said.stderr) == newer


def test_the_pictures_survive_a_purge():
    for script in ("preinst", "postrm", "prerm", "postinst"):
        path = PACKAGING / "debian" / script
        subprocess.run(["sh", "-n", str(path)], check=True, timeout=60)
        code = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        removed = [line for line in code if "rm " in line]
        assert "/var/lib/trapnode" not in "\n".join(removed)


def test_the_unit_alone_may_read_the_configuration_however_it_was_copied():
    # One that it cannot read means the defaults, and those seal no picture.
    (line,) = [
        line.split()
        for line in (PACKAGING / "tmpfiles.conf").read_text().splitlines()
        if line.startswith("z ")
    ]
    assert line == ["z", CONFIG, "0640", "root", "trapnode"]
    assert "systemd-tmpfiles --create" in (PACKAGING / "debian" / "postinst").read_text()


@pytest.mark.parametrize(
    ("architecture", "suite", "wrong"),
    [
        ("riscv", "trixie", "architecture riscv: must be amd64 or arm64"),
        ("arm64", "sid", "SUITE=sid: must be bookworm or trixie"),
    ],
)
def test_an_architecture_or_suite_that_is_none_is_refused(tmp_path, architecture, suite, wrong):
    said = build(tmp_path, architecture, tmp_path / "out", suite=suite)
    assert said.returncode == 1
    assert said.stderr == f"deb.sh: {wrong}\n"
    assert list(tmp_path.iterdir()) == []
