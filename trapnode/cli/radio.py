"""Builds the modem that the configuration names, with the wires beside its serial line."""

import contextlib
from typing import TYPE_CHECKING

from trapnode.cli.metered import metered
from trapnode.cli.process import Process
from trapnode.config import Config
from trapnode.errors import DeviceError
from trapnode.policy.budget import Budget
from trapnode.policy.report import own_hour
from trapnode.store.busy import Busy
from trapnode.store.consent import note_rest

if TYPE_CHECKING:
    from trapnode.devices.lorawan import LorawanModem
    from trapnode.devices.modem import SbdModem
    from trapnode.devices.pins import OutputPin

__all__ = ["budget_of", "modem_of", "report_hour_of"]

TWINS_RATE = 10.0  # Above it, twins on a busy machine answer late by their clock.
SESSIONS = ("send", "fetch", "network_time")  # When the modem transmits.


def modem_of(own: Process, opened: contextlib.ExitStack) -> "LorawanModem | SbdModem":
    """Make the modem of `[modem]`, given back with `opened`; raise DeviceError."""
    patience = max(1.0, own.world.rate / TWINS_RATE) if own.world else 1.0
    if own.config.modem.kind == "lorawan":
        return opened.enter_context(contextlib.closing(_lorawan(own, opened, patience)))
    from trapnode.devices.modem import SbdModem

    modem = own.config.modem
    sleep = _pin(modem.sleep_pin, opened, high=False)
    made = SbdModem(
        modem.port, clock=own.clock, stopping=own.stop, sleep_pin=sleep, patience=patience
    )
    busy = Busy(own.run, "modem", own.clock.monotonic)

    def rested() -> None:
        note_rest(own.run, own.clock.monotonic())

    return metered(opened.enter_context(contextlib.closing(made)), busy, *SESSIONS, rested=rested)


def _lorawan(own: Process, opened: contextlib.ExitStack, patience: float) -> "LorawanModem":
    from trapnode.devices.lorawan import LorawanModem
    from trapnode.protocols.lorawan import Region
    from trapnode.protocols.rui3_module import Network

    modem = own.config.modem
    network = Network(
        region=Region(modem.region),
        dev_eui=modem.dev_eui,
        app_eui=modem.app_eui,
        app_key=modem.app_key,
        confirmed=modem.confirmed,
        dwell=modem.dwell,
    )
    reset = _pin(modem.reset_pin, opened, high=True)
    return LorawanModem(
        modem.port,
        network,
        clock=own.clock,
        stopping=own.stop,
        reset_pin=reset,
        patience=patience,
    )


def _pin(number: int, opened: contextlib.ExitStack, *, high: bool) -> "OutputPin | None":
    if number < 0:
        return None
    try:
        from trapnode.devices.pins import OutputPin
    except ImportError as error:
        raise DeviceError(f"modem pin GPIO{number}: a library is missing: {error}") from error
    return opened.enter_context(contextlib.closing(OutputPin(number, high=high)))


def budget_of(config: Config) -> Budget:
    """Give what the radio may cost: credits, and the seconds that its energy keeps it on."""
    uplink, seconds = config.uplink, 3600 / config.power.modem_mw  # Of one mWh.
    return Budget(
        uplink.credits_day,
        uplink.credits_month,
        uplink.energy_day_mwh * seconds,
        uplink.energy_month_mwh * seconds,
    )


def report_hour_of(config: Config) -> float:
    """Give when this unit's daily status report is due, h since midnight UTC."""
    return own_hour(config.keeper.status_hour, config.unit.name)
