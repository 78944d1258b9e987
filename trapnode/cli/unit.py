"""Builds the five processes: configuration, devices or their twins, store, loop.

Each imports what it builds with when it is called: none carries what another needs.
"""

import contextlib
import logging
from typing import TYPE_CHECKING

from trapnode.cli.options import Options
from trapnode.cli.process import Process, keep_last_good, process
from trapnode.errors import CardFailed
from trapnode.model import Boot
from trapnode.store import ram
from trapnode.store.radio_key import NoRadioKey
from trapnode.store.seals import Sealing
from trapnode.store.store import Store

if TYPE_CHECKING:
    from trapnode.gauges import Gate
    from trapnode.keeper import Keeper

__all__ = [
    "console",
    "keeper",
    "keeper_of",
    "sorter",
    "station",
    "uplinker",
]

log = logging.getLogger(__name__)

KEY_AGAIN_S = 3600.0  # A radio key that could not be read is tried again, by the next start.
PROCESSES = ("station", "sorter", "uplinker", "keeper", "console")


def station(options: Options) -> None:
    """Run the station until SIGTERM."""
    from trapnode.cli.eyes import eyes
    from trapnode.cli.sealing import of_station
    from trapnode.policy.burst import BurstPlan
    from trapnode.station import Identity, Station

    first = options.first
    with (
        first.opened if first else contextlib.ExitStack() as opened,
        process("station", options) as own,
    ):
        pir, camera = eyes(own, opened, first)
        config, faults = own.config, [""]

        def sealing() -> Sealing | None:
            twins = own.world is not None
            found, faults[0] = of_station(config, own.run, own.config_fault, twins)
            return found

        def spare(why: CardFailed) -> tuple[Store, Boot]:
            store = own.spare(why)
            return store, own.boot(store)

        found = own.adopted(first.store) if first and first.store else own.store(sealing)
        store = opened.enter_context(contextlib.closing(found))
        config = own.settled(store).config
        plan = BurstPlan(config.burst.frames, config.burst.frames_max, config.burst.interval_s)
        identity = Identity(config.unit.name, config.unit.utc_offset_min, own.boot(store))
        loop = Station(identity, plan, config.trigger.camera_delay_s, store, own.run, spare)

        def alive(fault: str) -> None:
            own.alive("; ".join(filter(None, (fault, faults[0], camera.fault))))
            camera.tell()

        loop.run(pir, camera, own.clock, own.stop, alive, first.begun if first else None)


def sorter(options: Options) -> None:
    """Run the sorter until SIGTERM."""
    import random

    from trapnode.cli.metered import MeteredJudges
    from trapnode.cli.model import chooser
    from trapnode.cli.sealing import of_sorter, show_of
    from trapnode.policy.report import Watch
    from trapnode.sorter import Sorter, Sorting
    from trapnode.store.busy import Busy

    with process("sorter", options) as own, contextlib.ExitStack() as opened:
        sealed = own.store(lambda: of_sorter(own.config, own.run))
        store = opened.enter_context(contextlib.closing(sealed))
        config = own.settled(store).config
        draw = random.Random(own.world.seed).random if own.world else random.SystemRandom().random
        sorting = Sorting(
            watch=Watch(config.sorter.targets, config.uplink.at_once, config.uplink.most_an_hour),
            audit_share=config.sorter.audit_share,
            independence_interval_s=config.sorter.independence_interval_s,
            draw=draw,
            show=show_of(config),
            blank_least=config.sorter.blank_least,
        )
        busy = Busy(own.run, "judge", own.clock.monotonic)
        judges = MeteredJudges(chooser(config, store.disk), busy)
        loop = Sorter(store, own.run, sorting, judges)
        loop.run(own.clock, own.stop, own.alive)


def uplinker(options: Options) -> None:
    """Run the uplinker until SIGTERM, or for one round."""
    if options.once:
        from trapnode.cli.once import once

        once(options)
        return
    with process("uplinker", options) as own, contextlib.closing(own.store()) as store:
        config = own.settled(store).config
        from trapnode.cli.modemless import without_modem

        if config.modem.kind == "none":
            without_modem(own, store)
            return
        from trapnode.cli.radio import modem_of
        from trapnode.cli.uplink import uplinker_of

        try:
            loop = uplinker_of(own, store, config)
        except NoRadioKey as error:
            log.error("%s", error)
            without_modem(own, store, f"nothing is told: {error}", KEY_AGAIN_S)
            if own.stop():
                return
            raise  # And tries again.
        with contextlib.ExitStack() as opened:
            loop.run(modem_of(own, opened), own.clock, own.stop, own.alive)


def keeper(options: Options) -> None:
    """Run the keeper until SIGTERM."""
    from trapnode.cli.power import await_wake, gate_of

    with process("keeper", options) as own, contextlib.closing(own.store()) as store:
        if not own.config_fault:
            keep_last_good(options, store, own.config)
        await_wake(own)
        with contextlib.ExitStack() as opened:
            gate = gate_of(own, own.settled(store).config, opened)
            loop = keeper_of(own, store, PROCESSES, gate)
            loop.run(own.clock, own.trust, own.stop, own.alive)


def keeper_of(
    own: Process, store: Store, processes: tuple[str, ...], gate: "Gate | None" = None
) -> "Keeper":
    """Make the keeper's loop over a store, which looks after these processes."""
    from trapnode.cli.power import cells_of
    from trapnode.cli.radio import budget_of, report_hour_of
    from trapnode.keeper import Keeper, Keeping

    settled = own.settled(store)
    config = settled.config
    keeping = Keeping(
        unit=config.unit.name,
        boot=own.boot(store),
        processes=processes,
        status_hour=report_hour_of(config),
        config_fault=settled.fault,
        rate=own.world.rate if own.world else 1.0,
        card_failed=ram.card_failed(own.run),
        cells=cells_of(config),
        budget=budget_of(config) if config.modem.kind == "sbd" else None,
    )
    if own.world:
        from trapnode.sim.battery import SimBattery, SimThermometer

        twins = SimBattery(own.clock.monotonic), SimThermometer()
        return Keeper(keeping, store, own.run, *twins, gate)
    from trapnode.devices.battery import HwmonBattery, SuppliedBattery, Thermometer

    gauge = SuppliedBattery(HwmonBattery(config.keeper.battery))
    return Keeper(keeping, store, own.run, gauge, Thermometer(), gate)


def console(options: Options) -> None:
    """Run the console until SIGTERM."""
    from trapnode.cli.cable import unit_of
    from trapnode.console import Console
    from trapnode.devices.console import SerialLine

    with (
        process("console", options) as own,
        contextlib.closing(SerialLine(own.config.console.port)) as line,
    ):
        Console(unit_of(own)).run(line, own.stop, own.alive)
