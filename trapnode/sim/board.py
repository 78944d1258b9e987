"""Twins of the power boards: they wake, hold and cut by the rules of the real ones.

`Machine` is the unit's power as the world sees it. Time passes by `pass_s`; the PIR is a level that
the test sets. What a board does with a PIR that is high at the moment of the cut is the heart.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from trapnode.errors import DeviceError
from trapnode.model import WakeReason

__all__ = ["Machine", "SimLatch", "SimWakealarm", "SimWitty", "WorldBoard"]


class Machine:
    """A unit with or without power; `step` is called before anything happens to it."""

    def __init__(self, step: Callable[[str], None] = lambda what: None) -> None:
        self.powered = True
        self.woken_by = WakeReason.POWER_ON
        self.pir = False
        self.step = step

    def cut(self) -> None:
        """Take the power."""
        self.step("cut")
        self.powered = False

    def wake(self, reason: WakeReason) -> None:
        """Give it the power."""
        if not self.powered:
            self.powered, self.woken_by = True, reason

    def rise(self) -> None:
        """Let the PIR rise: what is off wakes."""
        self.pir = True
        self.wake(WakeReason.PIR)


class SimLatch:
    """The done wire of a set-dominant latch: a PIR that is high holds the power."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def set(self, high: bool) -> None:
        """Drive it."""
        self._machine.step("done rises" if high else "done falls")
        if high and not self._machine.pir:
            self._machine.cut()
            if self._machine.pir:  # It rose in that moment, and sets the latch again.
                self._machine.wake(WakeReason.PIR)


class SimWakealarm:
    """The file `wakealarm`: an alarm that is set refuses another with EBUSY."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.set_for: timedelta | None = None

    def set(self, wait: timedelta) -> None:
        """Take an alarm as the kernel does, by `0` and then `+SECONDS`."""
        self._machine.step("alarm cleared")
        self.set_for = None
        self._machine.step("alarm set")
        self.set_for = wait


class SimWitty:
    """The registers of a Witty Pi 4 (address 0x08) by the rules of its firmware, revision 5.

    Only what the unit uses: clock, startup alarm, cut delay, reason. `halted` is TXD going low.
    """

    def __init__(self, machine: Machine, now: datetime) -> None:
        self._machine = machine
        self.registers = dict.fromkeys(range(72), 0) | {0: 0x26, 11: 3, 12: 5, 21: 70}
        self.system_up = False
        self._to_cut_s: float | None = None
        self._late_alarm_s: float | None = None
        self._clock = now

    def read(self, register: int) -> int:
        """Read a register as the firmware answers."""
        if register not in self.registers:
            raise DeviceError(f"no register {register}")
        return self.registers[register]

    def write(self, register: int, value: int) -> None:
        """Write one; 0 to 15 take nothing, a new alarm is one that has not come yet."""
        self._machine.step(f"register {register}")
        if register < 16 or register not in self.registers:
            return
        self.registers[register] = value
        if 27 <= register <= 31:
            self.registers[9] = 0
        if register == 64:
            self._clock = self._told_clock()

    def set(self, high: bool) -> None:
        """Feel the wire SYS_UP: its rise says that the system is up."""
        self._machine.step(f"sys_up {high:d}")
        if high and self._machine.powered:
            self.system_up = True

    def click(self) -> None:
        """Feel the switch: off, it wakes; with the system up, it cuts after the delay."""
        self.registers[11] = 3
        if not self._machine.powered:
            self._machine.wake(WakeReason.PIR)
        elif self.system_up:
            self.system_up = False
            self._to_cut_s = self.registers[21] / 10

    def halted(self) -> None:
        """Feel TXD go low: the cut comes after the delay, if the system ever was up."""
        if self.system_up:
            self.system_up = False
            self._to_cut_s = self.registers[21] / 10

    def pass_s(self, seconds: float) -> None:
        """Let time pass: the alarm and the cut come."""
        self._clock += timedelta(seconds=seconds)
        self._look_at_alarm()
        if self._late_alarm_s is not None and not self._machine.powered:
            self.registers[11] = 8
            self._late_alarm_s = None
            self._machine.wake(WakeReason.ALARM)
        if self._to_cut_s is None:
            return
        self._to_cut_s -= seconds
        if self._to_cut_s <= 0:
            self._to_cut_s = None
            self._machine.cut()
            if self._machine.pir:  # The gate of wiring.md presses the switch once 5 V are gone.
                self.click()

    def _look_at_alarm(self) -> None:
        day, hour, minute, second = (_decimal(self.registers[each]) for each in (30, 29, 28, 27))
        at_s = ((day * 24 + hour) * 60 + minute) * 60 + second
        now = self._clock
        now_s = ((now.day * 24 + now.hour) * 60 + now.minute) * 60 + now.second
        if at_s == 0 or self.registers[9] or not 0 <= now_s - at_s < 2:
            return
        self.registers[9] = 1
        if self._machine.powered:
            self._late_alarm_s = 4.0
        else:
            self.registers[11] = 1
            self._machine.wake(WakeReason.ALARM)

    def _told_clock(self) -> datetime:
        second, minute, hour, day, _, month, year = (
            _decimal(self.registers[each]) for each in range(58, 65)
        )
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=self._clock.tzinfo)


def _decimal(bcd: int) -> int:
    return (bcd >> 4) * 10 + (bcd & 0x0F)


class WorldBoard:
    """The board of a world of twins: it says in FOLDER/power.json that the power would go."""

    def __init__(self, folder: Path, monotonic: Callable[[], float]) -> None:
        self._path = folder / "power.json"
        self._monotonic = monotonic

    def set_alarm(self, wait: timedelta) -> None:
        """Note when the unit would wake."""
        self._tell({"alarm_s": self._monotonic() + wait.total_seconds()})

    def off(self) -> None:
        """Note that the power would be off; the processes of a world live on."""
        self._tell({"off_s": self._monotonic()})

    def _tell(self, said: dict[str, float]) -> None:
        told = json.loads(self._path.read_text("ascii")) if self._path.exists() else {}
        self._path.write_text(json.dumps(told | said), "ascii")
