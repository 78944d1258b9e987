"""kill -9 of real processes over one store, at seeded moments and between any two steps.

A victim is a child process that runs one loop over the store, again and again. What it was told
or has told the outside world it appends to `ack`, synced, before it goes on. After each kill the
next victim starts on what is left; `verdict` says at the end whether anything was lost.

SIGKILL proves the death of a process only; the power cuts are in the scenarios and on the rig.
"""

import contextlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.fakes import (
    BLANK,
    DEER,
    LEOPARD,
    KnowingClassifier,
    NumberedCamera,
    ScriptedModem,
    boot,
    counter_of,
    sort_all,
    sorter_of,
    station_of,
    uplinker_of,
    watch_pir,
)
from tests.faults import Power
from trapnode.errors import LinkUnavailable
from trapnode.keeper import Keeper, Keeping
from trapnode.model import ClockTrust, Sent, Shot
from trapnode.sim.battery import SimBattery, SimThermometer
from trapnode.sim.clock import SteppedClock
from trapnode.store.store import Store

PROCESSES = ("station", "sorter", "uplinker", "keeper")
ROOT = Path(__file__).parents[2]
SCENES = (BLANK, LEOPARD, DEER)


def acknowledge(folder: Path, **fact: object) -> None:
    """Tell the outside world one thing, durably."""
    with (folder / "ack").open("ab") as file:
        file.write(json.dumps(fact).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def acknowledged(folder: Path) -> Iterator[dict[str, object]]:
    """Read what the outside world was told."""
    with contextlib.suppress(FileNotFoundError):
        for line in (folder / "ack").read_bytes().splitlines():
            with contextlib.suppress(ValueError):  # The line on which the kill came.
                yield json.loads(line)


class TellingCamera(NumberedCamera):
    """A camera that tells which frames had rows before it takes the next one."""

    def __init__(self, clock: SteppedClock, store: Store, folder: Path) -> None:
        super().__init__(clock)
        sequences = store.database.row("SELECT coalesce(max(id), 0) FROM sequence")
        assert sequences is not None
        self.taken = 3 * int(str(sequences[0]))  # The scene goes by the frame's number.
        self._store = store
        self._folder = folder

    def shoot(self) -> Shot:
        rows = self._store.database.rows("SELECT path FROM frame")
        acknowledge(self._folder, frames=sorted(str(path) for (path,) in rows))
        return super().shoot()


class TellingModem(ScriptedModem):
    """A modem that has no sky every third time, and tells what it was given."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def send(self, payload: bytes) -> Sent:
        acknowledge(self._folder, given=payload.hex())
        if len(self.given) % 3 == 2:
            self.given.append(payload)
            raise LinkUnavailable("no sky")
        return super().send(payload)


def station(folder: Path, store: Store) -> None:
    """Take one burst."""
    clock = SteppedClock(datetime.now(UTC))
    camera = TellingCamera(clock, store, folder)
    watch_pir(station_of(store, folder, boot(store)), clock, [(5.0, 0.5)], camera)


def sorter(folder: Path, store: Store) -> None:
    """Sort what waits; what is discarded was judged blank."""
    clock = SteppedClock(datetime.now(UTC))
    sort_all(sorter_of(store, folder, lambda: KnowingClassifier(SCENES * 111_000)), clock)


def uplinker(folder: Path, store: Store) -> None:
    """Send what is due."""
    clock = SteppedClock(datetime.now(UTC))
    clock.step(90_000 * len(list(acknowledged(folder))))  # No attempt waits for the clock here.
    loop, modem = uplinker_of(store, folder, boot(store)), TellingModem(folder)
    while loop.send_next(modem, clock):
        pass


def keeper(folder: Path, store: Store) -> None:
    """Look once, a day later each time."""
    clock = SteppedClock(datetime.now(UTC))
    last = store.outbox.last_status()
    if last is not None:
        clock.set_wall(last)
        clock.step(86_400)
    keeping = Keeping("AL07", boot(store), (), 2, "")
    battery = SimBattery(clock.monotonic)
    Keeper(keeping, store, folder, battery, SimThermometer()).look(clock, ClockTrust.RTC)


LOOPS: dict[str, Callable[[Path, Store], None]] = {
    "station": station,
    "sorter": sorter,
    "uplinker": uplinker,
    "keeper": keeper,
}


class Suicide(Power):
    """A power that kills its own process, so that nothing is closed or rolled back."""

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.cut:
            os.kill(os.getpid(), signal.SIGKILL)


def live(folder: Path, process: str, power: Power) -> None:
    """Run one round of a loop over the store in `folder`."""
    store = power.open(folder / "state")
    try:
        LOOPS[process](folder, store)
    finally:
        store.close()


def kill_at_step(folder: Path, process: str, step: int) -> bool:
    """Let a forked child run one round and kill itself at a step; False if it got through."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            return True
        assert os.waitstatus_to_exitcode(status) == 0, f"{process} failed at step {step}"
        return False
    try:
        live(folder, process, Suicide(step))
    except BaseException as error:
        print(f"{process} at step {step}: {error!r}", file=sys.stderr)
        os._exit(1)
    os._exit(0)


def kill_at_moments(folder: Path, kills: int, seed: int, longest_s: float) -> int:
    """Let all four run at once and kill one after another; give the kills made.

    Each that is killed starts again. One that ends by itself is a failure.
    """
    dice = random.Random(seed)
    victims = {process: _victim(process, folder) for process in PROCESSES}
    try:
        for number in range(kills):
            time.sleep(dice.uniform(0, longest_s))
            process = PROCESSES[number % len(PROCESSES)]
            _kill(victims.pop(process), process)
            victims[process] = _victim(process, folder)
    finally:
        for process, victim in victims.items():
            _kill(victim, process)
    return kills + len(victims)


def _victim(process: str, folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.rig.kills", process, str(folder)]
    victim = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert victim.stdout is not None
    assert victim.stdout.read(1) == b"!", f"{process} did not start"
    return victim


def _kill(victim: "subprocess.Popen[bytes]", process: str) -> None:
    victim.send_signal(signal.SIGKILL)
    code = victim.wait()
    assert victim.stdout is not None
    victim.stdout.close()
    assert code == -signal.SIGKILL, f"{process} had ended by itself with {code}"


def verdict(folder: Path) -> list[str]:
    """Finish what the killed left, and list what was lost: nothing, if all is well."""
    power = Power()
    store = power.open(folder / "state")
    store.repair()
    sorter(folder, store)
    for _ in range(4):  # The modem has no sky now and then.
        uplinker(folder, store)
    lost = [*_lost_frames(folder, store), *_changed_messages(folder, store)]
    reports = store.database.row("SELECT count(*) FROM report WHERE message IS NULL")
    if reports != (0,):
        lost.append(f"{reports} reports in no message")
    power.end()
    return lost


def _lost_frames(folder: Path, store: Store) -> Iterator[str]:
    told = {str(path) for each in acknowledged(folder) for path in _list(each.get("frames"))}
    rows = {str(p): s for p, s in store.database.rows("SELECT path, state FROM frame")}
    for path in told - set(rows):
        yield f"{path}: its row is gone"
    for path, state in rows.items():
        file = store.archive.root / path
        preview = file.with_name(file.name.replace(".jpg", ".preview.jpg"))
        if state == "whole" and not file.exists():
            yield f"{path}: its pixels are gone"
        if state == "lost" and path in told:
            yield f"{path}: was on the card and is lost"
        if state in ("discarding", "discarded") and not preview.exists():
            yield f"{path}: its evidence is gone"
    for file in store.archive.root.rglob("*.part"):
        yield f"{file}: half a file stayed"


def _changed_messages(folder: Path, store: Store) -> Iterator[str]:
    frozen = {each.counter: each for each in store.outbox.messages()}
    for fact in acknowledged(folder):
        if (given := fact.get("given")) is None:
            continue
        payload = bytes.fromhex(str(given))
        message = frozen.get(counter_of(payload))
        if message is None or message.payload != payload:
            yield f"message {payload.hex()}: gone, or sent again with other bytes"
    for message in frozen.values():
        if message.state not in ("accepted", "parked"):
            yield f"message {message.counter} is {message.state}"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def at_each_step(folder: Path, process: str) -> int:
    """Kill a process before each of its steps, its forerunners whole between; give the kills."""
    kills = 0
    while kill_at_step(folder, process, kills + 1):
        kills += 1
        for before in PROCESSES[: PROCESSES.index(process)]:  # Something for it to do.
            assert not kill_at_step(folder, before, 10_000), f"{before} was killed"
    return kills


def rig(kills_each: int = 200, seed: int = 1) -> None:
    """Kill every process often and at each step; raise AssertionError for anything lost."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        (folder / "state").mkdir()
        moments = kill_at_moments(folder, kills_each * len(PROCESSES), seed, 0.2)
        steps = sum(at_each_step(folder, process) for process in PROCESSES)
        lost = verdict(folder)
        told = sum(1 for _ in acknowledged(folder))
    assert not lost, "; ".join(lost)
    print(
        f"{moments} kills at moments of seed {seed}, {steps} between steps, {told} acks: none lost"
    )


def main() -> None:
    """Run the rig, or be a victim: say that the loop begins, and turn it until killed."""
    if len(sys.argv) == 1:
        logging.disable(logging.CRITICAL)  # A repair after each kill is what is wanted here.
        rig()
        return
    process, folder = sys.argv[1], Path(sys.argv[2])
    os.write(1, b"!")
    while True:
        live(folder, process, Power())
        time.sleep(0.001)


if __name__ == "__main__":
    main()
