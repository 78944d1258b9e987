"""A technician on a real pseudo-terminal, before the real processes of a unit on its twins.

`play` brings a unit up, tests it, deploys it, comes back, collects it and leaves; it gives what the
screen showed, by the names of the blocks in docs/field-guide.md, which `python -m
tests.scenarios.technician` writes anew.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pexpect
from pexpect.fdpexpect import fdspawn

from trapnode.cli.crew import Crew
from trapnode.cli.demo import folders_of, own
from trapnode.devices.clock import SystemClock
from trapnode.policy.session import unit_key
from trapnode.sim.scene import show
from trapnode.sim.world import World

GUIDE = Path(__file__).parents[2] / "docs" / "field-guide.md"
ORIGIN = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
RATE = 4.0
WITHIN_S = 120.0
SECRET = bytes(range(32))
CONFIG = """\
[unit]
name = "AL07"
[paths]
state = "{root}/store"
run = "{root}/world"
[modem]
port = "{root}/world/modem"
[power]
battery_wh = 2000
[console]
port = "{root}/world/console"
key = "{key}"
"""
ANSWERS = ("IK", "0.5", "SE", "-5", "n", "1", "big cedar, game trail")
LAST = re.compile(r"(?:^|\r\n)(OK|ERR [^\r\n]*)\r\n")


class Screen:
    """The technician's end of the cable: every line typed, every reply read to its end."""

    def __init__(self, master: int) -> None:
        self._cable = fdspawn(master, timeout=0.1, encoding="utf-8")
        self._cable.delaybeforesend = None

    @property
    def unread(self) -> str:
        """What has come of a reply that has not ended."""
        return str(self._cable.buffer)

    def begin(self, line: str) -> None:
        """Type a line whose reply does not end by itself."""
        self._cable.send(line + "\r")

    def type(self, line: str, meanwhile: Callable[[], object] = lambda: None) -> str:
        """Type a line; give what was seen until its reply ended."""
        self._cable.send(line + "\r")
        return self.read(meanwhile)

    def read(self, meanwhile: Callable[[], object] = lambda: None, end: str = "") -> str:
        """Read to the end of a reply, or until `end` was seen."""
        wanted = re.compile(re.escape(end)) if end else LAST
        for _ in range(round(WITHIN_S / 0.1)):
            try:
                self._cable.expect(wanted)
            except pexpect.TIMEOUT:
                meanwhile()
                continue
            seen = self._cable.before + self._cable.after
            return seen.replace("\r\n", "\n").strip("\n")
        raise AssertionError(f"no reply in {WITHIN_S:.0f} s: {self._cable.buffer!r}")


class Walk:
    """Somebody who walks to and fro before the PIR once the screen says so."""

    def __init__(self, screen: Screen, world: World) -> None:
        self._screen, self._world, self._rounds = screen, world, 0

    def __call__(self) -> None:
        if "walk to and fro" in self._screen.unread and "PIR 3" not in self._screen.unread:
            self._rounds += 1
            if self._rounds % 5 == 0:  # An edge while the modem transmits does not count.
                show(self._world.folder, [])


@contextmanager
def cable(world: World) -> Iterator[Screen]:
    """Lay the technician's cable."""
    master, slave = os.openpty()
    tty.setraw(slave)
    world.console.symlink_to(os.ttyname(slave))
    try:
        yield Screen(master)
    finally:
        os.close(slave)
        os.close(master)


def play(root: Path) -> dict[str, str]:
    """Play the whole visit; give each block of the guide."""
    world = World.create(root / "world", ORIGIN, RATE, "first-boot")
    shutil.copy(folders_of(own())[7][0], world.folder / "view.jpg")
    config = root / "config.toml"
    config.write_text(CONFIG.format(root=root, key=unit_key(SECRET, "AL07").hex()), "utf-8")
    with cable(world) as screen, Crew(world, config, root / "log") as crew:
        return {**_put_up(screen, world, root), **_come_back(screen, world, crew, root)}


def _put_up(screen: Screen, world: World, root: Path) -> dict[str, str]:
    seen = {"status": _until(screen, "status", "GOOD TO GO\n", "amur")}
    seen["selftest"] = screen.type("selftest", Walk(screen, world))
    screen.begin("aim")
    seen["aim"] = screen.read(end="PIR 0")
    screen.type("")
    seen["unlock"] = _unlock(screen, root)
    asked = [screen.type("deploy"), *(screen.type(each) for each in ANSWERS)]
    seen["deploy"] = "\n".join(asked)
    good = screen.type("status").splitlines()
    seen["leave"] = "\n".join([*good[:2], "...", screen.type("lock"), screen.type("events")])
    return seen


def _come_back(screen: Screen, world: World, crew: Crew, root: Path) -> dict[str, str]:
    show(world.folder, folders_of(own())[6])
    _unlock(screen, root)
    told = [_until(screen, "events", "frames keep"), screen.type("collect"), screen.type("")]
    seen = {"collect": "\n".join([*told, screen.type("dump"), screen.type("lock")])}
    crew.kill("keeper")
    seen["not"] = "\n".join([*_until(screen, "status", "stale").splitlines()[:3], "..."])
    crew.start("keeper")
    _until(screen, "status", "GOOD TO GO\n")
    return seen


def _until(screen: Screen, line: str, *wanted: str) -> str:
    """Type a line again and again until its reply has all that is wanted."""
    for _ in range(round(WITHIN_S)):
        seen = screen.type(line)
        if all(each in seen for each in wanted):
            return seen
        SystemClock().wait([], 1.0)
    raise AssertionError(f"{line}: never {wanted}: {seen}")


def _unlock(screen: Screen, root: Path) -> str:
    asked = screen.type("unlock")
    nonce = re.search("nonce ([0-9a-f]{16})", asked)
    assert nonce is not None
    keys = root / "route.keys"
    keys.write_text(f"# trapnode console keys 1\nAL07 {unit_key(SECRET, 'AL07').hex()}\n", "utf-8")
    command = ["unlock", "answer", str(keys), "--unit", "AL07", nonce[1]]
    done = subprocess.run(
        [sys.executable, "-m", "trapnode", *command], capture_output=True, text=True, check=True
    )
    return f"{asked}\n{screen.type(f'unlock {done.stdout.strip()}')}"


BLOCK = re.compile(r"(<!-- seen: (\w+) -->\n```\n)(.*?)(```\n)", re.DOTALL)


def filled(guide: str, seen: dict[str, str]) -> str:
    """Give the guide with what was seen in its blocks."""
    return BLOCK.sub(lambda m: f"{m[1]}{_short(m[2], seen[m[2]])}\n{m[4]}", guide)


def _short(name: str, text: str) -> str:
    """Of a picture in characters, and of questions, a few lines will do on paper."""
    lines = text.splitlines()
    if name == "aim":
        return "\n".join([*lines[:5], "...", lines[-1]])
    return "\n".join([*lines[:8], "...", *lines[-4:]]) if name == "deploy" else text


EVENT = re.compile(r"^ +\d+ \d{4}-.* frames .*\n", re.MULTILINE)
CHANGES = re.compile(
    r"[0-9a-f]{16}|[-0-9.:?]+|\b(?:s|min|h|days|[kMG]B|never)\b|^modem +.*$|^PIR #", re.M
)


def same(text: str) -> str:
    """Give a text without what changes from run to run: numbers, nonces, what a modem says."""
    told = CHANGES.sub("#", EVENT.sub("", text))
    return re.sub("(?:# ?)+", "#", re.sub("(?:PIR.#\n)+", "", told))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        GUIDE.write_text(filled(GUIDE.read_text("utf-8"), play(Path(folder))), "utf-8")
    print(f"{GUIDE}: written")
