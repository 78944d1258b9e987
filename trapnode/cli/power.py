"""Builds what `[power]` describes: the cells, the board, the gate, and who woke the unit."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from trapnode.cli import wake
from trapnode.cli.process import Process
from trapnode.cli.radio import report_hour_of
from trapnode.cli.wake import Waker
from trapnode.config import Config
from trapnode.config.pins import PINS
from trapnode.devices.board import (
    WITTY_ADDRESS,
    KernelAlarm,
    LatchBoard,
    Pi5Board,
    WittyBoard,
)
from trapnode.devices.i2c import I2cRegisters
from trapnode.errors import DeviceError
from trapnode.policy.energy import Powers
from trapnode.store.consent import order_power_off, read_wake
from trapnode.store.energy import Cells

if TYPE_CHECKING:
    from trapnode.devices.pins import OutputPin
    from trapnode.gate import Board, Gate

__all__ = ["await_wake", "cells_of", "gate_of", "woken"]

WAKE_KNOWN_S = 10.0


def cells_of(config: Config) -> Cells:
    """Give the cells and what each state draws."""
    power = config.power
    return Cells(
        powers=Powers(
            off=power.off_mw,
            boot=power.boot_mw,
            idle=power.idle_mw,
            camera=power.camera_mw,
            judge=power.judge_mw,
            modem=power.modem_mw,
            light=power.light_mw,
        ),
        battery_wh=power.battery_wh,
        low_mv=power.low_mv,
        empty_mv=power.empty_mv,
        gated=power.profile == "gated",
        linger_s=power.linger_s,
    )


def woken(own: Process) -> bool:
    """Say whether the boot is a trigger, as `wake.woken` finds out."""
    power = own.config.power
    waker = Waker(
        gated=power.profile == "gated",
        board=power.board,
        alarm_pin=power.wake_alarm_pin,
        technician_pin=power.wake_technician_pin,
        state=Path(own.config.paths.state),
    )
    return wake.woken(own.run, waker, own.clock, own.world)


def await_wake(own: Process) -> None:
    """Give the station, which asks the board, a moment to say why the machine is awake."""
    end_s = own.clock.monotonic() + WAKE_KNOWN_S
    while own.config.power.profile == "gated" and read_wake(own.run) is None:
        if own.stop() or own.clock.monotonic() >= end_s:
            return
        own.clock.wait([own.stop], 0.1)


def gate_of(own: Process, config: Config, opened: contextlib.ExitStack) -> "Gate | None":
    """Make the gate of a unit that switches itself off, None of any other; raise DeviceError."""
    if config.power.profile != "gated":
        return None
    from trapnode.gate import Gate, Gating

    gating = Gating(
        linger_s=config.power.linger_s,
        linger_target_s=config.power.linger_target_s,
        status_hour=report_hour_of(config),
        radio=config.modem.kind != "none",
    )
    return Gate(_board(own, opened), own.run, gating)


def _board(own: Process, opened: contextlib.ExitStack) -> "Board":
    power = own.config.power

    def order() -> None:
        order_power_off(own.run)

    def wait(seconds: float) -> object:
        return own.clock.wait([], seconds)

    if own.world:
        from trapnode.sim.board import WorldBoard

        return WorldBoard(own.world.folder, own.clock.monotonic)
    if power.board == "latch":
        return LatchBoard(_pin(power.done_pin, opened), KernelAlarm(), wait)
    if power.board == "wittypi4":
        sys_up = _pin(PINS["sys_up"].gpio, opened)
        return WittyBoard(I2cRegisters(WITTY_ADDRESS), sys_up, order, own.clock.now, wait)
    return Pi5Board(KernelAlarm(), order)


def _pin(number: int, opened: contextlib.ExitStack) -> "OutputPin":
    try:
        from trapnode.devices.pins import OutputPin
    except ImportError as error:
        raise DeviceError(f"GPIO{number}: a library is missing: {error}") from error
    return opened.enter_context(contextlib.closing(OutputPin(number, high=False)))
