"""The power boards: adapters against their twins, and the files and wires of the real ones."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import NOON
from trapnode.devices import i2c as module
from trapnode.devices.board import KernelAlarm, LatchBoard, WittyBoard, bcd, witty_reason
from trapnode.devices.i2c import I2cRegisters
from trapnode.devices.pins import OutputPin
from trapnode.errors import DeviceError
from trapnode.model import WakeReason
from trapnode.sim.board import Machine, SimWitty

HOUR = timedelta(hours=1)


def witty(machine, registers, now):
    return WittyBoard(registers, registers, lambda: None, lambda: now, lambda seconds: None)


@pytest.mark.parametrize("board_says", [NOON, datetime(2000, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize(
    "now", [NOON, datetime(1970, 1, 1, tzinfo=UTC), datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)]
)
def test_a_witty_pi_wakes_after_the_span_whatever_the_clocks_say(board_says, now):
    machine = Machine()
    registers = SimWitty(machine, board_says)
    witty(machine, registers, now).set_alarm(HOUR)
    machine.powered = False
    registers.pass_s(3_598)
    assert not machine.powered
    registers.pass_s(2)
    assert (machine.powered, machine.woken_by) == (True, WakeReason.ALARM)
    assert witty_reason(registers) is WakeReason.ALARM


@given(st.datetimes(datetime(2026, 1, 1), datetime(2059, 1, 1)), st.integers(60, 86_400))
def test_every_alarm_of_a_day_comes_once(start, wait_s):
    now, machine = start.replace(tzinfo=UTC, microsecond=0), Machine()
    registers = SimWitty(machine, now)
    witty(machine, registers, now).set_alarm(timedelta(seconds=wait_s))
    machine.powered = False
    registers.pass_s(wait_s - 1)
    assert not machine.powered
    registers.pass_s(1)
    assert machine.powered


def test_a_witty_pi_cuts_only_after_it_heard_that_the_system_is_up():
    machine = Machine()
    registers = SimWitty(machine, NOON)
    registers.halted()
    registers.pass_s(60)
    assert machine.powered
    ordered = []
    board = WittyBoard(
        registers, registers, lambda: ordered.append(1), lambda: NOON, lambda seconds: None
    )
    board.off()
    assert ordered == [1]
    registers.halted()
    registers.pass_s(0.9)
    assert machine.powered
    registers.pass_s(0.1)
    assert not machine.powered


def test_an_alarm_in_the_halt_wakes_the_unit_after_the_cut():
    machine = Machine()
    registers = SimWitty(machine, NOON)
    board = witty(machine, registers, NOON)
    board.set_alarm(timedelta(seconds=60))
    board.off()
    registers.pass_s(59.5)
    registers.halted()
    registers.pass_s(1)
    registers.pass_s(5)
    assert (machine.powered, witty_reason(registers)) == (True, WakeReason.ALARM)


def test_a_click_while_the_system_is_up_would_cut_it():
    """Why the PIR goes to the switch through a gate, and never bare."""
    machine = Machine()
    registers = SimWitty(machine, NOON)
    registers.set(True)
    registers.click()
    registers.pass_s(7)
    assert not machine.powered


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1, WakeReason.ALARM),
        (3, WakeReason.PIR),
        (8, WakeReason.ALARM),
        (5, WakeReason.POWER_ON),
        (0, WakeReason.POWER_ON),
        (255, WakeReason.POWER_ON),
    ],
)
def test_a_witty_pi_says_why_it_woke_us(code, reason):
    registers = SimWitty(Machine(), NOON)
    registers.registers[11] = code
    assert witty_reason(registers) is reason


def test_without_the_board_nobody_tells_why(tmp_path):
    assert witty_reason(I2cRegisters(8, tmp_path / "i2c-9")) is WakeReason.POWER_ON


def test_a_bus_that_is_not_there_is_a_device_error(tmp_path):
    with pytest.raises(DeviceError, match=r"i2c-9: no device at 0x8: .*No such file"):
        I2cRegisters(8, tmp_path / "i2c-9").write(1, 2)


def test_registers_are_written_and_read_as_i2c_dev_wants_it(tmp_path, monkeypatch):
    bus, told = tmp_path / "i2c-1", []
    bus.write_bytes(b"")
    monkeypatch.setattr(module.fcntl, "ioctl", lambda fd, *rest: told.append(rest))
    I2cRegisters(8, bus).write(21, 10)
    assert (bus.read_bytes(), told) == (bytes([21, 10]), [(0x0703, 8)])
    monkeypatch.setattr(module.os, "write", lambda fd, data: told.append(data))
    bus.write_bytes(b"\x0b")
    assert I2cRegisters(8, bus).read(11) == 11
    assert told[-1] == b"\x0b"
    bus.write_bytes(b"")
    with pytest.raises(DeviceError, match="0x8 gave 0 of 1 bytes"):
        I2cRegisters(8, bus).read(11)


def test_the_kernels_alarm_is_cleared_and_set_from_its_own_now(tmp_path):
    path, told = tmp_path / "wakealarm", []

    class Telling(type(path)):
        def write_text(self, data, encoding=None):
            told.append(data)

    KernelAlarm(Telling(path)).set(timedelta(hours=4, milliseconds=400))
    assert told == ["0", "+14400"]
    with pytest.raises(DeviceError, match="the alarm is not set"):
        KernelAlarm(tmp_path / "none" / "wakealarm").set(HOUR)


def test_a_latch_gets_a_pulse_after_everything_is_synced(monkeypatch):
    factory = MockFactory()
    monkeypatch.setattr(Device, "pin_factory", factory)
    done, order = OutputPin(25, high=False), []
    pin = factory.pin(25)
    board = LatchBoard(
        done,
        KernelAlarm(),
        lambda seconds: order.append((seconds, pin.state)),
        lambda: order.append(("sync", pin.state)),
    )
    board.off()
    assert order == [("sync", False), (0.2, True)]
    assert pin.state is False
    done.close()
    factory.reset()


def test_bcd():
    assert [bcd(each) for each in (0, 9, 10, 59, 99)] == [0x00, 0x09, 0x10, 0x59, 0x99]


def test_i2c_dev_is_what_the_kernel_calls_it():
    assert module.I2C_SLAVE == 0x0703
    assert os.fspath(module.BUS) == "/dev/i2c-1"
