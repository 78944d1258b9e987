"""Practise at a desk what a technician does at a unit: a simulated one, its cable this terminal."""

import argparse
import contextlib
import itertools
import os
import select
import shutil
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from trapnode.cli.crew import Crew
from trapnode.cli.demo import folders_of, fresh, lay_cable, own
from trapnode.cli.papers import ORIGIN, write_papers
from trapnode.errors import UsageError
from trapnode.sim.scene import VIEW, show
from trapnode.sim.world import World

__all__ = ["practise", "relay"]

READ_SIZE = 4096
LEAVE, WALK, ANIMAL = b"\x1d", b"\x17", b"\x01"  # Ctrl-], Ctrl-W, Ctrl-A.
PLACE = 7  # The burst whose first frame is what the camera sees with nobody there.
HOW = """\
A simulated unit; docs/field-guide.md says what to type. Ctrl-W: you walk to and fro before it.
Ctrl-A: an animal passes. Ctrl-]: pull the cable and end. It starts, some seconds ..."""


def practise(arguments: argparse.Namespace) -> int:
    """Run a unit on its twins in real time until the cable is pulled; give 0."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("practise: this terminal is the cable: neither a file nor a pipe is one")
    out = fresh(Path(arguments.out).resolve())
    world = World.create(out / "world", ORIGIN, 1.0, "practice-boot")
    scenes = folders_of(own())
    shutil.copy(scenes[PLACE][0], world.folder / VIEW)
    config, _ = write_papers(out, sealed=False, modem="sbd")
    spoken = f'[console]\nlanguage = "{arguments.language}"\n'
    config.write_text(config.read_text("utf-8").replace("[console]\n", spoken), "utf-8")
    animals = itertools.cycle(scenes)
    keys: Mapping[bytes, Callable[[], object]] = {
        WALK: lambda: show(world.folder, []),
        ANIMAL: lambda: show(world.folder, next(animals)),
    }
    print(HOW, flush=True)
    with lay_cable(world) as console, Crew(world, config, out / "log"), _raw(sys.stdin.fileno()):
        os.write(console, b"\r")
        relay(sys.stdin.fileno(), sys.stdout.fileno(), console, keys)
    print()
    return 0


def relay(
    typed: int, screen: int, console: int, keys: Mapping[bytes, Callable[[], object]]
) -> None:
    """Carry bytes both ways until LEAVE or the end of the typing; each of `keys` does its own."""
    while True:
        ready, _, _ = select.select([typed, console], [], [])
        if console in ready:
            os.write(screen, os.read(console, READ_SIZE))
        if typed in ready:
            data = os.read(typed, READ_SIZE)
            if not data or LEAVE in data:
                return
            for key, does in keys.items():
                if key in data:
                    does()
                    data = data.replace(key, b"")
            os.write(console, data)


@contextlib.contextmanager
def _raw(terminal: int) -> Iterator[None]:
    """Have every key as it is, Ctrl-C too: it is the unit's to answer."""
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
