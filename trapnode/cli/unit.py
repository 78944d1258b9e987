"""Builds the five processes: configuration, devices or their twins, store, loop."""

import argparse
import contextlib
from typing import TYPE_CHECKING

from trapnode.cli.power import cells_of
from trapnode.cli.process import Process, keep_last_good, process
from trapnode.cli.radio import modem_of
from trapnode.cli.sealing import of_sorter, of_station
from trapnode.errors import CardFailed, DeviceError
from trapnode.model import Boot
from trapnode.policy.report import Watch
from trapnode.store import ram
from trapnode.store.busy import Busy
from trapnode.store.seals import Sealing
from trapnode.store.store import Store

if TYPE_CHECKING:
    from trapnode.keeper import Keeper
    from trapnode.station import Camera, Pir

__all__ = [
    "console",
    "keeper",
    "keeper_of",
    "sorter",
    "station",
    "uplinker",
]

PROCESSES = ("station", "sorter", "uplinker", "keeper", "console")


def station(arguments: argparse.Namespace) -> None:
    """Run the station until SIGTERM."""
    from trapnode.cli.metered import MeteredCamera
    from trapnode.policy.burst import BurstPlan
    from trapnode.station import Identity, Station

    with process("station", arguments) as own, contextlib.ExitStack() as opened:
        pir, eye = _eyes(own, opened)  # First: an edge of now is in the PIR's queue.
        config, faults = own.config, [""]

        def sealing() -> Sealing | None:
            twins = own.world is not None
            found, faults[0] = of_station(config, own.run, own.config_fault, twins)
            return found

        def spare(why: CardFailed) -> tuple[Store, Boot]:
            store = own.spare(why)
            return store, own.boot(store)

        store = opened.enter_context(contextlib.closing(own.store(sealing)))
        config = own.settled(store).config
        plan = BurstPlan(config.burst.frames, config.burst.frames_max, config.burst.interval_s)
        identity = Identity(config.unit.name, config.unit.utc_offset_min, own.boot(store))
        loop = Station(identity, plan, config.trigger.camera_delay_s, store, own.run, spare)
        monotonic = own.clock.monotonic
        camera = MeteredCamera(eye, Busy(own.run, "camera", monotonic), monotonic)

        def alive(fault: str) -> None:
            own.alive("; ".join(filter(None, (fault, faults[0]))))
            camera.tell()

        loop.run(pir, camera, own.clock, own.stop, alive)


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
    import random

    from trapnode.cli.metered import MeteredJudges
    from trapnode.cli.model import chooser
    from trapnode.sorter import Sorter, Sorting

    with process("sorter", arguments) as own, contextlib.ExitStack() as opened:
        sealed = own.store(lambda: of_sorter(own.config, own.run))
        store = opened.enter_context(contextlib.closing(sealed))
        config = own.settled(store).config
        draw = random.Random(own.world.seed).random if own.world else random.SystemRandom().random
        sorting = Sorting(
            watch=Watch(config.sorter.targets, config.uplink.at_once, config.uplink.most_an_hour),
            audit_share=config.sorter.audit_share,
            independence_interval_s=config.sorter.independence_interval_s,
            draw=draw,
        )
        busy = Busy(own.run, "judge", own.clock.monotonic)
        judges = MeteredJudges(chooser(config, store.disk), busy)
        loop = Sorter(store, own.run, sorting, judges)
        loop.run(own.clock, own.stop, own.alive)


def uplinker(arguments: argparse.Namespace) -> None:
    """Run the uplinker until SIGTERM, or for one round."""
    if arguments.once:
        from trapnode.cli.once import once

        once(arguments)
        return
    with process("uplinker", arguments) as own, contextlib.closing(own.store()) as store:
        config = own.settled(store).config
        if config.modem.kind == "none":
            while not own.stop():
                own.alive("")
                own.clock.wait([own.stop], 20.0)
            return
        from trapnode.cli.uplink import uplinker_of

        loop = uplinker_of(own, store, config)
        with contextlib.ExitStack() as opened:
            loop.run(modem_of(own, opened), own.clock, own.stop, own.alive)


def keeper(arguments: argparse.Namespace) -> None:
    """Run the keeper until SIGTERM."""
    with process("keeper", arguments) as own, contextlib.closing(own.store()) as store:
        if not own.config_fault:
            keep_last_good(arguments, store)
        keeper_of(own, store, PROCESSES).run(own.clock, own.trust, own.stop, own.alive)


def keeper_of(own: Process, store: Store, processes: tuple[str, ...]) -> "Keeper":
    """Make the keeper's loop over a store, which looks after these processes."""
    from trapnode.keeper import Keeper, Keeping

    settled = own.settled(store)
    config = settled.config
    keeping = Keeping(
        unit=config.unit.name,
        boot=own.boot(store),
        processes=processes,
        status_hour=config.keeper.status_hour,
        config_fault=settled.fault,
        rate=own.world.rate if own.world else 1.0,
        card_failed=ram.card_failed(own.run),
        cells=cells_of(config),
    )
    if own.world:
        from trapnode.sim.battery import SimBattery, SimThermometer

        return Keeper(keeping, store, own.run, SimBattery(own.clock.monotonic), SimThermometer())
    from trapnode.devices.battery import HwmonBattery, Thermometer

    gauge = HwmonBattery(config.keeper.battery)
    return Keeper(keeping, store, own.run, gauge, Thermometer())


def console(arguments: argparse.Namespace) -> None:
    """Run the console until SIGTERM."""
    from trapnode.cli.cable import unit_of
    from trapnode.console import Console
    from trapnode.devices.console import SerialLine

    with process("console", arguments) as own, SerialLine(own.config.console.port) as line:
        Console(unit_of(own)).run(line, own.stop, own.alive)
