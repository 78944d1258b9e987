"""Builds what `[power]` describes: the cells, the board, the gate, and who woke the unit."""

import contextlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from trapnode.cli.process import Process
from trapnode.cli.radio import report_hour_of
from trapnode.config import Config
from trapnode.config.pins import PINS
from trapnode.devices.board import (
    WITTY_ADDRESS,
    KernelAlarm,
    LatchBoard,
    Pi5Board,
    WittyBoard,
    witty_reason,
)
from trapnode.devices.i2c import I2cRegisters
from trapnode.devices.power import LinuxPower
from trapnode.errors import DeviceError
from trapnode.model import WakeReason
from trapnode.policy.energy import Powers
from trapnode.store.account import read_account
from trapnode.store.consent import note_wake, order_power_off, read_wake
from trapnode.store.energy import Cells

if TYPE_CHECKING:
    from trapnode.devices.pins import OutputPin
    from trapnode.gate import Board, Gate

__all__ = ["await_wake", "cells_of", "gate_of", "woken"]

ALARM_NEAR = timedelta(minutes=3)  # An RTC that drifted, a boot that was slow.
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
        ),
        battery_wh=power.battery_wh,
        low_mv=power.low_mv,
        empty_mv=power.empty_mv,
        gated=power.profile == "gated",
        linger_s=power.linger_s,
    )


def woken(own: Process) -> bool:
    """Find out why the machine is awake, tell the others, and say whether its boot is a trigger.

    In `gated` a boot that nobody explains is one: rather a picture of nothing than no leopard.
    """
    if read_wake(own.run) is not None:  # A station that systemd started anew.
        return False
    gated = own.config.power.profile == "gated"
    reason = _reason(own) if gated else own.world.wake_reason() if own.world else _machine(own)
    note_wake(own.run, reason)
    unexplained = reason is WakeReason.POWER_ON and own.world is None
    return gated and (reason is WakeReason.PIR or unexplained)


def _reason(own: Process) -> WakeReason:
    if own.world:
        return own.world.wake_reason()
    if (reset := _machine(own)) is WakeReason.WATCHDOG:
        return reset
    power = own.config.power
    if power.board == "wittypi4":
        return witty_reason(I2cRegisters(WITTY_ADDRESS))
    if power.board == "latch":
        return _latched(power.wake_alarm_pin, power.wake_technician_pin)
    began = own.clock.now() - timedelta(seconds=own.clock.monotonic())
    alarm_at = read_account(Path(own.config.paths.state)).alarm_at
    near = alarm_at and abs(datetime.fromisoformat(alarm_at) - began) < ALARM_NEAR
    return WakeReason.ALARM if near else WakeReason.PIR


def _machine(own: Process) -> WakeReason:
    """Tell a reset by the watchdog from power that came."""
    return LinuxPower().wake_reason(lambda: read_account(Path(own.config.paths.state)).ended)


def _latched(alarm_pin: int, technician_pin: int) -> WakeReason:
    from trapnode.devices.pins import is_high

    try:
        if alarm_pin >= 0 and is_high(alarm_pin):
            return WakeReason.ALARM
        if technician_pin >= 0 and is_high(technician_pin):
            return WakeReason.TECHNICIAN
    except DeviceError:
        return WakeReason.POWER_ON
    return WakeReason.PIR


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
