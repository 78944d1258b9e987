"""The PIR adapter on gpiozero's own mock pins."""

import array
import fcntl
import select
import termios
import time
from contextlib import closing

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

from trapnode.config.pins import default
from trapnode.devices import pir as module
from trapnode.devices.pir import GpioPir
from trapnode.errors import DeviceError

PIN = default("pir")
DEADLINE_S = 5.0


class DeadPin(MockPin):
    """A pin whose chip is gone."""

    def _get_state(self):
        raise OSError(5, "Input/output error")


class DrivenPin(MockPin):
    """A pin that its PIR drives: our pull-down resistor does not win against it."""

    def _set_pull(self, value):
        level = self.state
        super()._set_pull(value)
        self._change_state(level)


@pytest.fixture
def pin(monkeypatch):
    """The wire to the PIR."""
    factory = MockFactory(pin_class=DrivenPin)
    monkeypatch.setattr(Device, "pin_factory", factory)
    yield factory.pin(PIN)
    factory.reset()


def edges_noted(pir):
    """Count the bytes that wait in the pipe."""
    count = array.array("i", [0])
    fcntl.ioctl(pir.fileno(), termios.FIONREAD, count)
    return count[0]


def pulse(pir, pin):
    """Drive one pulse and wait until it was noted."""
    before, end = edges_noted(pir), time.monotonic() + DEADLINE_S
    pin.drive_low()
    assert pir._sensor.wait_for_no_motion(DEADLINE_S)
    pin.drive_high()
    while edges_noted(pir) == before:
        assert time.monotonic() < end
        select.select([], [], [], 0.001)


def test_an_edge_makes_it_readable_and_is_told_once(pin):
    with closing(GpioPir(PIN)) as pir:
        assert not pir.active
        assert pir.edges() == []
        before = time.monotonic()
        pin.drive_high()
        assert select.select([pir], [], [], DEADLINE_S)[0] == [pir]
        (edge,) = pir.edges()
        assert before < edge < time.monotonic()
        assert pir.active
        assert pir.edges() == []
        assert select.select([pir], [], [], 0)[0] == []


def test_a_pin_already_high_is_active_without_an_edge(pin):
    pin.drive_high()
    with closing(GpioPir(PIN)) as pir:
        assert pir.active
        assert pir.edges() == []


def test_a_pin_high_at_the_start_gives_edges_once_it_has_been_low(pin):
    pin.drive_high()
    with closing(GpioPir(PIN)) as pir:
        assert pir._sensor.wait_for_motion(DEADLINE_S)
        pulse(pir, pin)
        assert len(pir.edges()) == 1


def test_every_pulse_is_an_edge(pin):
    with closing(GpioPir(PIN, sample_rate=1000)) as pir:
        for _ in range(3):
            pulse(pir, pin)
        edges = pir.edges()
        assert len(edges) == 3
        assert edges == sorted(edges)


def test_the_oldest_edges_give_way(pin, monkeypatch):
    monkeypatch.setattr(module, "EDGES_KEPT", 2)
    with closing(GpioPir(PIN, sample_rate=1000)) as pir:
        pulse(pir, pin)
        between = time.monotonic()
        for _ in range(2):
            pulse(pir, pin)
        first, second = pir.edges()
        assert between < first < second


def test_a_pin_in_use_is_a_device_error(pin):
    with closing(GpioPir(PIN)), pytest.raises(DeviceError, match=rf"PIR on GPIO{PIN}: .*in use"):
        GpioPir(PIN)


def test_a_pin_that_does_not_exist_is_a_device_error(pin):
    with pytest.raises(DeviceError, match="PIR on GPIO99"):
        GpioPir(99)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_chip_that_is_gone_is_a_device_error_at_the_next_round(pin):
    with closing(GpioPir(PIN)) as pir:
        pin.__class__ = DeadPin
        with pytest.raises(DeviceError, match=rf"PIR on GPIO{PIN} cannot be read: .*Input/output"):
            pir.active  # noqa: B018
        with pytest.raises(DeviceError, match="cannot be read"):
            pir.edges()
        pin.__class__ = DrivenPin


def test_a_chip_that_is_gone_at_the_start_is_a_device_error(pin):
    pin.__class__ = DeadPin
    with pytest.raises(DeviceError, match=f"PIR on GPIO{PIN}"):
        GpioPir(PIN)
    pin.__class__ = DrivenPin


def test_closing_twice_is_fine_and_a_closed_one_says_so(pin):
    pir = GpioPir(PIN)
    pir.close()
    pir.close()
    assert repr(pir) == f"GpioPir({PIN}, closed)"
    with pytest.raises(DeviceError, match="cannot be read"):
        pir.active  # noqa: B018
    GpioPir(PIN).close()
