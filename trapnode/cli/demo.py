"""The whole unit on this machine: real processes, simulated devices, real frames.

OUT/config.toml, deployments.toml   what the unit and the desk were told
OUT/park.key, escrow.key            what opens its pictures (--sealed)
OUT/store/                          the unit's card
OUT/world/                          the twins' world
OUT/log/                            what each process said
OUT/desk/                           the receiver's file of units, and its database
OUT/dump/                           the Camtrap DP package of the end
"""

import argparse
import contextlib
import os
import shutil
import time
import tty
from collections.abc import Iterator
from pathlib import Path

from trapnode.cli.crew import Crew, await_that
from trapnode.cli.narrator import Narrator, size
from trapnode.cli.office import Office
from trapnode.cli.papers import ORIGIN, UNIT, next_steps, write_papers
from trapnode.cli.reckoning import Reckoning, blanks_in_order, reckon, reckon_desk
from trapnode.cli.uplink import card_key
from trapnode.config import read
from trapnode.devices.clock import SystemClock
from trapnode.errors import UsageError
from trapnode.sim.scene import show
from trapnode.sim.world import World
from trapnode.store.store import Store, open_store
from trapnode.store.tally import Tally, tally

__all__ = ["demo", "folders_of", "fresh", "lay_cable", "own"]

PICTURES = (".jpg", ".jpeg", ".png")
SCENES_S = 60.0  # The scenes are spread over at most this much real time,
SPACING_S = 240.0  # with at most this much simulated time between two of them.
SETTLE_S = 45.0  # Real time that sending may take after the last scene,
JUDGE_S = 6.0  # and judging each sequence that waits then, on a busy machine.
PLAY_S = 15.0


def demo(arguments: argparse.Namespace) -> int:
    """Replay bursts through the whole unit; give 0 if everything came out right."""
    began_s = time.monotonic()
    if not 1 <= arguments.rate <= 600:
        raise UsageError(f"--rate {arguments.rate:g}: 1 to 600")
    scenes = folders_of(Path(arguments.sequences)) if arguments.sequences else folders_of(own())
    out = fresh(Path(arguments.out).resolve())
    world = World.create(out / "world", ORIGIN, arguments.rate, "demo-boot", radio=arguments.modem)
    config, deployments = write_papers(out, arguments.sealed, arguments.modem)
    print(f"{len(scenes)} bursts before a simulated unit; {arguments.rate:g} times as fast as life")
    with contextlib.closing(open_store(out / "store")) as store:
        key = card_key(read(config))
        narrator = Narrator(store, world.gateway, key, lambda text: print(text, flush=True))
        office = Office(out, world, key)
        narrator.carry = office.carry
        with lay_cable(world) as console, Crew(world, config, out / "log") as crew:
            if not office.open(crew):
                print("no pip install 'trapnode[desk]' here: messages are opened in this process")
            _play(scenes, world, narrator, crew)
            _settle(store, narrator, crew)
            print("\nthe technician's cable says:\n" + _ask(console, crew, "status"))
    with contextlib.closing(open_store(out / "store")) as store:  # It may know of seals by now.
        wrong = _end(store, world, out, deployments, time.monotonic() - began_s)
    print(next_steps(Path(arguments.out), arguments.sealed))
    return wrong


def own() -> Path:
    """Give the folder of the demo's own bursts."""
    return Path(__file__).parents[1] / "sim" / "pictures"


def folders_of(root: Path) -> list[list[Path]]:
    """Find bursts: every folder that holds pictures, in order; raise UsageError for none."""
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder of bursts")
    folders = [root, *sorted(path for path in root.rglob("*") if path.is_dir())]
    bursts = [
        sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
        for folder in folders
    ]
    if not any(bursts):
        raise UsageError(f"{root}: no folder in it holds a picture ({', '.join(PICTURES)})")
    return [burst for burst in bursts if burst]


def _play(scenes: list[list[Path]], world: World, narrator: Narrator, crew: Crew) -> None:
    spacing_s = min(SPACING_S / world.rate, SCENES_S / len(scenes))
    for number, frames in enumerate(scenes, 1):
        began_s = time.monotonic()

        def shown(frames: list[Path] = frames) -> bool:
            return show(world.folder, frames)

        def saved(number: int = number) -> bool:
            narrator.look()
            return narrator.sequences >= number

        await_that(shown, "the station to look", crew)
        await_that(saved, f"sequence {number} on the card", crew, PLAY_S)
        while time.monotonic() < began_s + spacing_s:
            narrator.look()
            SystemClock().wait([], 0.1)


def _settle(store: Store, narrator: Narrator, crew: Crew) -> None:
    def settled() -> bool:
        narrator.look()
        found = tally(store)
        return not found.unsorted and not found.waiting and not store.sequences.discarding()

    within_s = SETTLE_S + JUDGE_S * tally(store).unsorted
    await_that(settled, "everything to be sorted and told", crew, within_s)
    narrator.look()


def _end(store: Store, world: World, out: Path, deployments: Path, took_s: float) -> int:
    sealed = store.archive.sealing.seals is not None
    from trapnode.dump import write_dump

    print("writing the dump ...")
    write_dump(store, out / "dump", deployments, UNIT, 600, world.clock().now())
    found, reckoning = (
        tally(store),
        reckon(store, world.gateway, card_key(read(out / "config.toml"))),
    )
    desk, wrong_there = reckon_desk(store, out / "desk" / "receive.db")
    _summary(store, found, reckoning, desk, took_s)
    how = "open index.html, or datapackage.json in any Camtrap DP tool"
    print(f"dump: {out / 'dump'} ({'sealed; `trapnode unseal` opens it' if sealed else how})")
    wrong = (*reckoning.wrong, *wrong_there, *blanks_in_order(store))
    for each in wrong:
        print(f"WRONG: {each}")
    return 1 if wrong else 0


def _summary(store: Store, found: Tally, reckoning: Reckoning, desk: str, took_s: float) -> None:
    labels = store.sequences.counts()
    saved, discarded = store.sequences.saved_and_discarded()
    rows = [
        ("sequences", f"{found.sequences}, of these {found.discarded} discarded as blank"),
        ("observations", ", ".join(_labels(labels)) or "none"),
        ("frames kept", size(saved)),
        ("frames discarded", size(discarded)),
        (
            "messages",
            f"{reckoning.messages}: {reckoning.observations_told} observations,"
            f" {reckoning.status_reports} status, {reckoning.twins} twins",
        ),
        ("store and gateway", "disagree" if reckoning.wrong else "agree, id by id"),
        ("desk", desk),
        ("took", f"{took_s:.0f} s"),
    ]
    print()
    for name, value in rows:
        print(f"  {name:<18} {value}")


def _labels(counts: dict[str, int]) -> Iterator[str]:
    for name, number in sorted(counts.items()):
        table, _, label = name.partition(".")
        if table == "observation":
            yield f"{number} {label}"


@contextlib.contextmanager
def lay_cable(world: World) -> Iterator[int]:
    """Lay the technician's cable: a pseudo-terminal whose other end the console opens."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    world.console.symlink_to(os.ttyname(slave))
    try:
        yield master
    finally:
        os.close(slave)
        os.close(master)


def _ask(console: int, crew: Crew, question: str) -> str:
    os.write(console, question.encode() + b"\r")
    answer = bytearray()

    def answered() -> bool:
        with contextlib.suppress(BlockingIOError):
            answer.extend(os.read(console, 4096))
        return b"\nOK\r\n" in answer or b"\nERR" in answer

    await_that(answered, "the console to answer", crew)
    return answer.decode("ascii", "replace").replace("\r", "")


def fresh(out: Path) -> Path:
    """Clear what an earlier demo left; raise UsageError for a folder that is not a demo's."""
    try:
        if out.exists() and any(out.iterdir()):
            if not (out / "world" / "world.json").exists():
                raise UsageError(f"--out {out}: holds something that is not a demo's")
            shutil.rmtree(out)
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be used: {error.strerror}") from error
    return out
