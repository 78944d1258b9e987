"""The wires beside a modem: asleep between calls, never cut with its memory unwritten."""

import itertools

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin
from modem_bench import PAYLOAD, Bench

from trapnode.devices.modem import SbdModem
from trapnode.devices.pins import OutputPin
from trapnode.devices.rest import APART_S, ResetWire, SleepWire
from trapnode.errors import DeviceError
from trapnode.sim.clock import SteppedClock


class Watched:
    """A pin that notes when it was set to what, and tells a twin."""

    def __init__(self, clock, twin=None) -> None:
        self._clock, self._twin, self.changes = clock, twin, []

    def set(self, high: bool) -> None:
        self.changes.append((self._clock.monotonic(), high))
        if self._twin is not None:
            self._twin.set(high)


def sleeper(bench: Bench) -> tuple[SbdModem, Watched]:
    bench.twin.set(False)
    bench.twin.flushes.clear()
    pin = Watched(bench, bench.twin)
    modem = SbdModem("wire", clock=bench, stopping=bench, connect=bench.wire.open, sleep_pin=pin)
    return modem, pin


def test_the_modem_is_awake_for_what_is_due_and_asleep_after_it():
    bench = Bench()
    modem, pin = sleeper(bench)
    modem.send(PAYLOAD)
    modem.send(PAYLOAD)
    assert [high for _, high in pin.changes] == [True]
    modem.rest()
    modem.rest()
    assert [high for _, high in pin.changes] == [True, False]
    modem.send(PAYLOAD)
    assert len(bench.received) == 3
    moments = [at for at, _ in pin.changes]
    assert all(b - a >= APART_S for a, b in itertools.pairwise(moments))


def test_its_memory_is_written_before_its_power_goes():
    bench = Bench()
    modem, _ = sleeper(bench)
    modem.send(PAYLOAD)
    modem.rest()
    assert bench.twin.flushes == [True]


def test_a_modem_that_does_not_answer_is_put_to_sleep_all_the_same():
    bench = Bench()
    modem, pin = sleeper(bench)
    modem.identity()
    bench.wire.carry = lambda data: b""
    modem.rest()
    assert pin.changes[-1][1] is False


def test_a_modem_on_a_port_that_vanished_is_put_to_sleep_when_closed():
    bench = Bench()
    modem, pin = sleeper(bench)
    modem.identity()
    bench.wire.is_plugged = False
    modem.close()
    modem.close()
    assert [high for _, high in pin.changes] == [True, False]


def test_without_a_pin_rest_says_nothing_to_the_modem():
    bench = Bench()
    bench.wire.is_plugged = False
    bench.modem.rest()


def test_two_changes_are_never_closer_than_the_guide_allows():
    clock = SteppedClock()
    pin = Watched(clock)
    wire = SleepWire(pin, clock)
    for _ in range(3):
        wire.wake()
        wire.wake()
        wire.sleep()
    assert [at for at, _ in pin.changes] == [2, 4, 6, 8, 10, 12]


def test_a_reset_is_long_enough_and_needs_a_wire():
    clock = SteppedClock()
    pin = Watched(clock)
    assert ResetWire(pin, clock).pull()
    assert pin.changes == [(0, False), (0.05, True)]
    assert clock.monotonic() == pytest.approx(0.55)
    assert not ResetWire(None, clock).pull()


class BrokenPin(MockPin):
    def _set_state(self, value: bool) -> None:
        raise OSError("no such line")


@pytest.fixture
def factory(monkeypatch):
    monkeypatch.setattr(Device, "pin_factory", MockFactory())
    yield Device.pin_factory
    Device.pin_factory.reset()


@pytest.mark.parametrize("high", [True, False])
def test_a_pin_is_driven_from_its_first_moment(factory, high):
    pin = OutputPin(22, high=high)
    driven = factory.pin(22)
    assert (driven.function, bool(driven.state)) == ("output", high)
    pin.set(not high)
    assert bool(driven.state) is not high
    pin.close()
    assert driven.function == "input"
    with pytest.raises(DeviceError, match="GPIO22"):
        pin.set(True)


def test_a_pin_that_cannot_be_driven_is_a_device_error(factory):
    taken = OutputPin(22, high=True)
    with pytest.raises(DeviceError, match="GPIO22"):
        OutputPin(22, high=True)
    taken.close()
    factory.pin_class = BrokenPin
    with pytest.raises(DeviceError, match="GPIO23"):
        OutputPin(23, high=True)
