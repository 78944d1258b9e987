"""The LED on a /sys that keeps the rules of the kernel's timer trigger."""

import itertools
import logging

import pytest

from trapnode.devices.led import Led, steps
from trapnode.sim.led import SimLed
from trapnode.words import Light


class Kernel:
    """What led_blink_set makes of each write: both at 0 are a blinking of 500 ms and 500 ms."""

    def __init__(self):
        self.ms = {"delay_on": 500, "delay_off": 500}

    def write(self, file, value):
        self.ms[file] = value
        if not any(self.ms.values()):
            self.ms = {"delay_on": 500, "delay_off": 500}
            self.ms[file] = value

    @property
    def light(self):
        on, off = self.ms["delay_on"], self.ms["delay_off"]
        if not on or not off:
            return Light.ON if on else Light.OFF
        return {1000: Light.SLOW, 100: Light.FAST}[on]


@pytest.mark.parametrize(("before", "after"), list(itertools.product(Light, Light)))
def test_from_each_light_to_each_other_the_kernel_ends_where_it_should(before, after):
    kernel = Kernel()
    for light in (before, after):
        for file, value in steps(light):
            kernel.write(file, value)
        assert kernel.light is light


@pytest.fixture
def leds(tmp_path):
    """A folder as the udev rule leaves it."""
    (tmp_path / "ACT").mkdir()
    for file, text in {"trigger": "none mmc0 [timer]", "delay_on": "0", "delay_off": "500"}.items():
        (tmp_path / "ACT" / file).write_text(text)
    return tmp_path


def test_the_trigger_is_set_only_where_it_is_not(leds):
    Led("ACT", leds).show(Light.SLOW)
    assert (leds / "ACT" / "trigger").read_text() == "none mmc0 [timer]"
    assert [(leds / "ACT" / file).read_text() for file in ("delay_on", "delay_off")] == ["1000"] * 2
    (leds / "ACT" / "trigger").write_text("none [mmc0] timer")
    Led("ACT", leds).show(Light.ON)
    assert (leds / "ACT" / "trigger").read_text() == "timer"


def test_an_led_that_is_not_there_is_a_warning_and_none_is_nothing(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        Led("", tmp_path).show(Light.FAST)
        assert not caplog.records
        Led("ACT", tmp_path).show(Light.FAST)
    assert "the LED cannot be set" in caplog.text


def test_the_twin_remembers_what_it_showed():
    led = SimLed()
    for light in (Light.SLOW, Light.SLOW, Light.ON):
        led.show(light)
    assert (led.shows, led.showed) == (Light.ON, [Light.OFF, Light.SLOW, Light.ON])
