"""The infra-red light on its pin, and what is done about it while nothing happens."""

from types import SimpleNamespace

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from trapnode.cli.metered import MeteredCamera
from trapnode.cli.optics import Idling
from trapnode.config import parse
from trapnode.devices.flash import IrFlash
from trapnode.errors import DeviceError
from trapnode.light import Daylight, Exposure
from trapnode.model import ClockTrust
from trapnode.policy.light import Seed
from trapnode.sim.flash import SimFlash
from trapnode.store.busy import Busy, read_busy
from trapnode.store.seed import read_seed


@pytest.fixture
def factory():
    """The pins of a Pi that is not there."""
    before, Device.pin_factory = Device.pin_factory, MockFactory()
    yield Device.pin_factory
    Device.pin_factory.reset()
    Device.pin_factory = before


class Eye:
    looks, light, flash = 0, Daylight.NIGHT, None

    def look(self):
        self.looks += 1

    def seed(self, now):
        return Seed(now, self.light, Exposure(10_000, 4.0))


@pytest.fixture
def own(run, store, clock):
    """What `Idling` needs of a process."""
    config = parse(f'[paths]\nstate = "{store.state}"\nrun = "{run}"\n')
    trust = SimpleNamespace(now=ClockTrust.RTC)
    return SimpleNamespace(
        config=config, run=run, clock=clock, trust=lambda: trust.now, trusts=trust
    )


def test_the_light_is_off_from_its_first_moment_and_counted_while_it_is_on(factory, clock):
    light = IrFlash(18, clock.monotonic)
    pin = factory.pin(18)
    assert (pin.function, pin.state) == ("output", 0)
    light.on()
    assert pin.state == 1
    clock.step(0.3)
    light.off()
    light.off()
    assert (pin.state, light.lit_s, light.fault) == (0, pytest.approx(0.3), "")


def test_closing_lets_the_resistor_decide(factory, clock):
    light = IrFlash(18, clock.monotonic)
    light.on()
    light.close()
    light.close()
    assert (factory.pin(18).function, factory.pin(18).state) == ("input", 0)


def test_a_light_whose_pin_is_taken_costs_no_picture(factory, clock):
    taken = IrFlash(18, clock.monotonic)
    light = IrFlash(18, clock.monotonic)
    light.on()
    light.off()
    assert "GPIO18" in light.fault
    light.close()
    taken.close()


def test_a_light_that_does_not_go_out_is_a_device_error(factory, clock):
    light = IrFlash(18, clock.monotonic)
    light._pin.close()
    light.on()
    assert "the light does not work: GPIO18" in light.fault
    with pytest.raises(DeviceError, match="GPIO18"):
        light.off()
    light.close()


def test_idling_looks_counts_the_light_and_leaves_a_seed_now_and_then(own, store, clock):
    eye = Eye()
    eye.flash = SimFlash(clock.monotonic)
    idling = Idling(own, eye)
    eye.flash.lit_s = 0.5
    idling()
    idling()
    assert eye.looks == 2
    assert read_busy(own.run, "light").seconds == pytest.approx(0.5)
    first = read_seed(store.state)
    assert first == Seed(clock.now(), Daylight.NIGHT, Exposure(10_000, 4.0))
    eye.light = Daylight.DAY
    clock.step(60.0)
    idling()
    assert read_seed(store.state) == first
    clock.step(61.0)
    idling()
    assert read_seed(store.state).light is Daylight.DAY


def test_a_clock_that_nobody_trusts_dates_no_seed(own, store, clock):
    own.trusts.now = ClockTrust.NONE
    Idling(own, Eye())()
    assert read_seed(store.state) is None


def test_a_camera_is_looked_at_only_between_bursts_and_not_all_the_time(run, clock):
    eye, shots = Eye(), []

    class Idle:
        fault = "the light does not work: GPIO18"

        def __call__(self):
            eye.look()

    shooting = SimpleNamespace(model="x", shoot=lambda: shots.append(1))
    busy = Busy(run, "camera", clock.monotonic)
    camera = MeteredCamera(shooting, busy, clock.monotonic, Idle())
    assert camera.fault == Idle.fault
    for step_s, looks in ((10.0, 1), (0.5, 1), (2.0, 2)):
        clock.step(step_s)
        camera.tell()
        assert eye.looks == looks
    clock.step(5.0)
    camera.shoot()
    clock.step(1.0)
    camera.tell()
    assert eye.looks == 2
    clock.step(1.1)
    camera.tell()
    assert eye.looks == 3
