"""Who woke the unit, and whether its boot is a trigger; light, for a picture may wait for it."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trapnode.errors import DeviceError
from trapnode.store.consent import is_owed, note_wake, read_wake
from trapnode.words import WakeReason

if TYPE_CHECKING:
    from trapnode.loop import Clock
    from trapnode.sim.world import World

__all__ = ["Waker", "woken"]

ALARM_EARLY = timedelta(seconds=10)  # Both clocks count whole seconds: before, it was the PIR.
ALARM_LATE = timedelta(minutes=3)  # A boot that was slow.


class Waker(NamedTuple):
    """What the configuration says of what may wake the unit."""

    gated: bool
    board: str
    alarm_pin: int
    technician_pin: int
    state: Path  # Whose account knows the alarm.


def woken(run: Path, waker: Waker, clock: "Clock", world: "World | None") -> bool:
    """Find out why the machine is awake, tell the others, and say whether its boot is a trigger.

    In `gated` a boot that nobody explains is one: rather a picture of nothing than no leopard.
    """
    if read_wake(run) is not None:  # A station that systemd started anew.
        return is_owed(run)
    reason = world.wake_reason() if world else _reason(waker, clock)
    unexplained = reason is WakeReason.POWER_ON and world is None
    is_trigger = waker.gated and (reason is WakeReason.PIR or unexplained)
    note_wake(run, reason, owed=is_trigger)
    return is_trigger


def _reason(waker: Waker, clock: "Clock") -> WakeReason:
    reset = _machine(waker.state)
    if not waker.gated or reset is WakeReason.WATCHDOG:
        return reset
    if waker.board == "wittypi4":
        from trapnode.devices.board import WITTY_ADDRESS, witty_reason
        from trapnode.devices.i2c import I2cRegisters

        return witty_reason(I2cRegisters(WITTY_ADDRESS))
    if waker.board == "latch":
        return _latched(waker)
    from trapnode.store.account import read_account

    began = clock.now() - timedelta(seconds=clock.monotonic())
    alarm_at = read_account(waker.state).alarm_at
    late = began - datetime.fromisoformat(alarm_at) if alarm_at else ALARM_LATE
    return WakeReason.ALARM if -ALARM_EARLY < late < ALARM_LATE else WakeReason.PIR


def _machine(state: Path) -> WakeReason:
    """Tell a reset by the watchdog from power that came, or a reboot before any account."""
    from trapnode.devices.power import LinuxPower

    def ended() -> bool:
        from trapnode.store.account import read_account

        account = read_account(state)
        return account.ended or not account.boot

    return LinuxPower().wake_reason(ended)


def _latched(waker: Waker) -> WakeReason:
    from trapnode.devices.pins import is_high

    try:
        if waker.alarm_pin >= 0 and is_high(waker.alarm_pin):
            return WakeReason.ALARM
        if waker.technician_pin >= 0 and is_high(waker.technician_pin):
            return WakeReason.TECHNICIAN
    except DeviceError:
        return WakeReason.POWER_ON
    return WakeReason.PIR
