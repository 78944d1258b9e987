"""What switches the unit's power: a bare latch, a Witty Pi 4, or a Pi 5's own power chip.

None of them was on our desk. The Witty Pi 4 is written against the registers and rules of its
published firmware (uugear/Witty-Pi-4, WittyPi4.ino, revision 5), the alarm of the others against
the kernel's rtc class (Documentation/ABI/testing/rtc-cdev, drivers/rtc/sysfs.c).
"""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from trapnode.errors import DeviceError
from trapnode.words import WakeReason

__all__ = ["KernelAlarm", "LatchBoard", "Pi5Board", "WittyBoard", "witty_reason"]

WAKEALARM = Path("/sys/class/rtc/rtc0/wakealarm")
PULSE_S = 0.2  # Of the done pin: a latch of any make takes microseconds (assumed).
SYS_UP_S = 0.1

WITTY_ADDRESS = 0x08
REASON, CUT_DELAY, ALARM1_SECOND, ALARM2_DAY, RTC_SECONDS = 11, 21, 27, 35, 58
CUT_DELAY_TENTHS = 10  # 1 s after the Pi's TXD fell; it is 7 s as delivered.
WITTY_REASONS = {
    1: WakeReason.ALARM,
    3: WakeReason.PIR,  # Its switch, to which the PIR is wired.
    8: WakeReason.ALARM,  # One that came while the power was still on.
}


class Wire(Protocol):
    """An output pin."""

    def set(self, high: bool) -> None:
        """Drive it high or low; raise DeviceError."""
        ...


class Registers(Protocol):
    """The registers of an I2C device."""

    def read(self, register: int) -> int:
        """Read one; raise DeviceError."""
        ...

    def write(self, register: int, value: int) -> None:
        """Write one; raise DeviceError."""
        ...


class KernelAlarm:
    """The alarm of the kernel's first RTC: a Pi 5's own, or a DS3231 whose INT sets the latch."""

    def __init__(self, path: Path = WAKEALARM) -> None:
        self._path = path

    def set(self, wait: timedelta) -> None:
        """Set it so long from the RTC's own now; raise DeviceError."""
        try:
            self._path.write_text("0", "ascii")  # An alarm that is set answers EBUSY to another.
            self._path.write_text(f"+{max(1, round(wait.total_seconds()))}", "ascii")
        except OSError as error:
            raise DeviceError(f"{self._path}: the alarm is not set: {error}") from error


class LatchBoard:
    """A set-dominant latch: PIR, alarm and switch set it, the done pin resets it.

    The power goes at the pin's rise, from the running system: the store is made for that, so a
    shutdown of seconds would only cost energy and a blind spot. A PIR that is high holds the latch.
    """

    def __init__(
        self,
        done: Wire,
        alarm: KernelAlarm,
        wait: Callable[[float], object],
        sync: Callable[[], None] = os.sync,
    ) -> None:
        self._done = done
        self._alarm = alarm
        self._wait = wait
        self._sync = sync

    def set_alarm(self, wait: timedelta) -> None:
        """Wake the unit after so long; raise DeviceError."""
        self._alarm.set(wait)

    def off(self) -> None:
        """Let go of the power; returns where the latch is held; raise DeviceError."""
        self._sync()
        self._done.set(True)
        self._wait(PULSE_S)
        self._done.set(False)


class Pi5Board:
    """A Pi 5 with POWER_OFF_ON_HALT=1, its power button wired to the PIR."""

    def __init__(self, alarm: KernelAlarm, order: Callable[[], None]) -> None:
        self._alarm = alarm
        self._order = order

    def set_alarm(self, wait: timedelta) -> None:
        """Wake the unit after so long; raise DeviceError."""
        self._alarm.set(wait)

    def off(self) -> None:
        """Have the machine powered off; returns at once."""
        self._order()


class WittyBoard:
    """A Witty Pi 4 whose switch is wired to the PIR through the gate of hardware/wiring.md."""

    def __init__(
        self,
        registers: Registers,
        sys_up: Wire,
        order: Callable[[], None],
        now: Callable[[], datetime],
        wait: Callable[[float], object],
    ) -> None:
        self._registers = registers
        self._sys_up = sys_up
        self._order = order
        self._now = now
        self._wait = wait

    def set_alarm(self, wait: timedelta) -> None:
        """Wake the unit after so long; raise DeviceError.

        Its clock is set to ours first: the span is right then, whatever the time. The day goes
        before the rest: an alarm that a cut leaves half written lies ahead, not in this second.
        """
        now = self._now()
        at = now + wait
        for register, value in enumerate(
            (now.second, now.minute, now.hour, now.day, now.isoweekday() % 7, now.month),
            RTC_SECONDS,
        ):
            self._registers.write(register, bcd(value))
        self._registers.write(RTC_SECONDS + 6, bcd(now.year % 100))
        for offset, value in ((3, at.day), (2, at.hour), (1, at.minute), (0, at.second)):
            self._registers.write(ALARM1_SECOND + offset, bcd(value))
        self._registers.write(ALARM2_DAY, 0)  # An alarm that would switch us off is none of ours.

    def off(self) -> None:
        """Have the machine powered off, after which the board cuts; raise DeviceError."""
        self._registers.write(CUT_DELAY, CUT_DELAY_TENTHS)
        self._sys_up.set(True)  # Without it the board never cuts.
        self._wait(SYS_UP_S)
        self._sys_up.set(False)
        self._order()


def witty_reason(registers: Registers) -> WakeReason:
    """Say why a Witty Pi 4 switched the power on; `power_on` where it does not tell."""
    try:
        return WITTY_REASONS.get(registers.read(REASON), WakeReason.POWER_ON)
    except DeviceError:
        return WakeReason.POWER_ON


def bcd(value: int) -> int:
    """Write 0 to 99 as binary-coded decimal."""
    return value // 10 << 4 | value % 10
