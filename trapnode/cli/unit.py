"""Builds the five processes: configuration, devices or their twins, store, loop."""

import argparse
import contextlib
import logging
import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trapnode.cli.sealing import of_sorter, of_station
from trapnode.config import Config, read_at_boot
from trapnode.devices.clock import SystemClock, boot_id
from trapnode.devices.notify import Notifier
from trapnode.devices.power import LinuxPower
from trapnode.errors import DeviceError
from trapnode.loop import Alive, Clock, Stop
from trapnode.model import Boot, ClockTrust
from trapnode.policy.report import Watch
from trapnode.policy.retention import Allowance
from trapnode.sim.world import World
from trapnode.store import ram
from trapnode.store.disk import write_whole
from trapnode.store.seals import Sealing
from trapnode.store.sequences import begin_boot
from trapnode.store.store import LAST_GOOD, Store, open_store

if TYPE_CHECKING:
    from trapnode.station import Camera, Pir

__all__ = [
    "console",
    "keeper",
    "last_good",
    "sorter",
    "station",
    "uplinker",
]

log = logging.getLogger(__name__)

PROCESSES = ("station", "sorter", "uplinker", "keeper", "console")


@dataclass(frozen=True, slots=True)
class Process:
    """What every process of the unit has."""

    config: Config
    config_fault: str
    world: World | None
    clock: Clock
    trust: Callable[[], ClockTrust]
    run: Path
    stop: Stop
    alive: Alive
    opened: list[Store]  # The store of this process, once it is open.

    def store(self, sealing: Sealing | None = None) -> Store:
        """Open the store; raise StoreError."""
        card = self.config.card
        allowance = Allowance(card.reserve_mib, card.ahead_mib, card.audit_most)
        state = Path(self.config.paths.state)
        self.opened[:] = [open_store(state, sealing=sealing, allowance=allowance)]
        return self.opened[0]

    def boot(self, store: Store) -> Boot:
        """Give the row of this boot."""
        world = self.world
        return begin_boot(
            store.database,
            world.boot_id if world else boot_id(),
            self.clock.now(),
            world.wake_reason() if world else LinuxPower().wake_reason(),
            self.trust(),
        )


def station(arguments: argparse.Namespace) -> None:
    """Run the station until SIGTERM."""
    from trapnode.policy.burst import BurstPlan
    from trapnode.station import Identity, Station

    with _process("station", arguments) as own, contextlib.ExitStack() as opened:
        pir, camera = _eyes(own, opened)  # First: an edge of now is in the PIR's queue.
        config, (sealing, fault) = own.config, of_station(own.config, own.run, own.config_fault)
        store = opened.enter_context(contextlib.closing(own.store(sealing)))
        plan = BurstPlan(config.burst.frames, config.burst.frames_max, config.burst.interval_s)
        identity = Identity(config.unit.name, config.unit.utc_offset_min, own.boot(store))
        loop = Station(identity, plan, config.trigger.camera_delay_s, store, own.run)
        loop.run(pir, camera, own.clock, own.stop, lambda each: own.alive(each or fault))


def _eyes(own: Process, opened: contextlib.ExitStack) -> "tuple[Pir, Camera]":
    """Open PIR and camera, or their twins; raise DeviceError."""
    clock = own.clock
    if own.world:
        from trapnode.sim.scene import ReplayCamera, Scene

        scene = opened.enter_context(contextlib.closing(Scene(own.world.folder, clock.monotonic)))
        return scene, ReplayCamera(scene.next_frame, clock.now, lambda s: clock.wait([], s))
    try:
        from trapnode.devices.pir import GpioPir

        pir = opened.enter_context(GpioPir(own.config.trigger.pir_pin))
        from trapnode.devices.camera import PiCamera
    except ImportError as error:
        raise DeviceError(f"a library of the Pi is missing: {error}") from error
    return pir, opened.enter_context(PiCamera(clock.now))


def sorter(arguments: argparse.Namespace) -> None:
    """Run the sorter until SIGTERM."""
    from trapnode.cli.model import chooser
    from trapnode.sorter import Sorter, Sorting

    with _process("sorter", arguments) as own, contextlib.ExitStack() as opened:
        config, sealing = own.config, of_sorter(own.config, own.run)
        store = opened.enter_context(contextlib.closing(own.store(sealing)))
        draw = random.Random(own.world.seed).random if own.world else random.SystemRandom().random
        sorting = Sorting(
            watch=Watch(config.sorter.targets, config.uplink.at_once, config.uplink.batch_s),
            audit_share=config.sorter.audit_share,
            independence_interval_s=config.sorter.independence_interval_s,
            draw=draw,
        )
        loop = Sorter(store, own.run, sorting, chooser(config, store.disk))
        loop.run(own.clock, own.stop, own.alive)


def uplinker(arguments: argparse.Namespace) -> None:
    """Run the uplinker until SIGTERM."""
    from trapnode.uplinker import Uplinker

    with _process("uplinker", arguments) as own, contextlib.closing(own.store()) as store:
        if own.config.uplink.modem == "none":
            while not own.stop():
                own.alive("")
                own.clock.wait([own.stop], 20.0)
            return
        from trapnode.devices.modem import SbdModem

        boot, batch_s = own.boot(store), own.config.uplink.batch_s
        loop = Uplinker(store, own.run, boot, own.trust, batch_s)
        port = own.config.uplink.port
        with SbdModem(port, clock=own.clock, stopping=own.stop) as modem:
            loop.run(modem, own.clock, own.stop, own.alive)


def keeper(arguments: argparse.Namespace) -> None:
    """Run the keeper until SIGTERM."""
    from trapnode.keeper import Keeper, Keeping

    with _process("keeper", arguments) as own, contextlib.closing(own.store()) as store:
        config = own.config
        keeping = Keeping(
            unit=config.unit.name,
            boot=own.boot(store),
            processes=PROCESSES,
            status_hour=config.keeper.status_hour,
            config_fault=own.config_fault,
            rate=own.world.rate if own.world else 1.0,
        )
        if not own.config_fault:
            _keep_last_good(arguments, store)
        if own.world:
            from trapnode.sim.battery import SimBattery, SimThermometer

            twins = SimBattery(own.clock.monotonic), SimThermometer()
            loop = Keeper(keeping, store, own.run, *twins)
        else:
            from trapnode.devices.battery import HwmonBattery, Thermometer

            gauges = HwmonBattery(config.keeper.battery), Thermometer()
            loop = Keeper(keeping, store, own.run, *gauges)
        loop.run(own.clock, own.trust, own.stop, own.alive)


def console(arguments: argparse.Namespace) -> None:
    """Run the console until SIGTERM."""
    from trapnode.console import Console
    from trapnode.devices.console import SerialLine

    with _process("console", arguments) as own:
        loop = Console(own.store, own.run, own.config.unit.name)
        with SerialLine(own.config.console.port) as line:
            loop.run(line, own.clock, own.stop, own.alive)


def last_good(twins: str | None = None) -> Path:
    """Give the place of the last good configuration: fixed, for a broken one names no folder."""
    folder = twins or os.environ.get("STATE_DIRECTORY") or Config().paths.state
    return Path(folder) / LAST_GOOD


@contextlib.contextmanager
def _process(name: str, arguments: argparse.Namespace) -> Iterator[Process]:
    """Begin a process: logging, order to stop, configuration, clock, store, sign of life."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    stop = Stop().listen()
    at_boot = read_at_boot(Path(arguments.config), last_good(arguments.twins))
    if at_boot.fault:
        log.error("%s", at_boot.fault)
    config = at_boot.config
    world = World.enter(Path(arguments.twins)) if arguments.twins else None
    clock = world.clock() if world else SystemClock()
    run = Path(config.paths.run)
    with contextlib.suppress(OSError):  # Without it there are no doorbells and no heartbeats.
        run.mkdir(parents=True, exist_ok=True)
    notifier = Notifier.from_environment()
    ready = False
    opened: list[Store] = []

    def alive(fault: str) -> None:
        nonlocal ready
        if not ready:
            notifier.ready()
            ready = True
        notifier.alive()
        ram.beat(run, name, clock.monotonic(), fault, sum(each.syncs for each in opened))

    yield Process(config, at_boot.fault, world, clock, clock.trust, run, stop, alive, opened)
    notifier.stopping()


def _keep_last_good(arguments: argparse.Namespace, store: Store) -> None:
    """Remember the configuration that this start was good with."""
    target = last_good(arguments.twins)
    with contextlib.suppress(OSError):
        text = Path(arguments.config).read_bytes()
        if not target.exists() or target.read_bytes() != text:
            write_whole(store.disk, target, text)
