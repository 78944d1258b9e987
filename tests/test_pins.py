"""One source of pins: the defaults, the wiring table, and no wire with two drivers."""

import contextlib
import re
from pathlib import Path

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from tests.test_gated import a_process
from trapnode.cli import power
from trapnode.config import Config, parse
from trapnode.config.pins import NOT_WIRED, PINS, clash, default
from trapnode.errors import ConfigError

HARDWARE = Path(__file__).parents[1] / "hardware"
HEADER = {  # BCM number to pin of the 40-pin header: the same on every board that has it.
    **{2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18},
    **{10: 19, 9: 21, 25: 22, 11: 23, 8: 24, 7: 26, 0: 27, 1: 28, 5: 29, 6: 31, 12: 32},
    **{13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40},
}
BUSES = {"i2c_sda", "i2c_scl", "uart_tx", "uart_rx"}
LATCH = '[power]\nboard = "latch"\nwake_alarm_pin = 23\nwake_technician_pin = 24\n'
WITTY = '[power]\nboard = "wittypi4"\n'
MODEM = "[modem]\nsleep_pin = 5\nreset_pin = 6\n"


def test_the_header_of_each_pin_is_the_boards():
    assert {pin.name: pin.header for pin in PINS.values()} == {
        pin.name: HEADER[pin.gpio] for pin in PINS.values()
    }


def test_no_two_pins_of_the_map_share_a_wire():
    assert len({pin.gpio for pin in PINS.values()}) == len(PINS)


def test_the_options_have_the_maps_defaults():
    config = Config()
    for pin in PINS.values():
        if pin.option:
            section, name = pin.option.split(".")
            assert getattr(getattr(config, section), name) == default(pin.name)


def test_what_is_down_at_power_on_drives_nothing_by_itself():
    """GPIO9 and above have their pull-down at power-on: a boot must not let go of its power."""
    assert PINS["done"].gpio >= 9
    assert PINS["ir_flash"].gpio >= 9
    assert PINS["modem_sleep"].gpio <= 8  # Up: the modem is awake.


@pytest.mark.parametrize("text", ["", LATCH, WITTY, MODEM, LATCH + MODEM, WITTY + MODEM])
def test_what_the_map_says_can_be_wired_together(text):
    assert parse(text)


@pytest.mark.parametrize("name", sorted(BUSES))
def test_nothing_may_be_put_on_a_bus(name):
    gpio = PINS[name].gpio
    with pytest.raises(ConfigError, match=f"trigger.pir_pin = {gpio}: GPIO{gpio} is taken by"):
        parse(f"[trigger]\npir_pin = {gpio}\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (WITTY + "[trigger]\npir_pin = 17", "trigger.pir_pin = 17: GPIO17 is taken by sys_up"),
        (WITTY + "[modem]\nreset_pin = 4", "modem.reset_pin = 4: GPIO4 is taken by halt_request"),
        (LATCH + "[trigger]\npir_pin = 25", "power.done_pin = 25: GPIO25 is taken by trigger.pir"),
        (LATCH + "done_pin = 23", "GPIO23 is taken by power.wake_alarm_pin"),
    ],
)
def test_two_things_on_one_wire_are_an_error_that_names_both(text, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        parse(text, "trap.toml")


def test_a_pin_counts_only_where_its_board_is():
    assert parse("[trigger]\npir_pin = 17\n").trigger.pir_pin == 17
    assert parse("[trigger]\npir_pin = 25\n").trigger.pir_pin == 25
    nothing = {pin.option: NOT_WIRED for pin in PINS.values() if pin.option}
    assert clash(nothing) == ""


def test_hardware_shows_the_same_map():
    assert (HARDWARE / "pins.toml").read_bytes() == Path(
        HARDWARE.parent, "trapnode/config/pins.toml"
    ).read_bytes()
    table = (HARDWARE / "wiring.md").read_text("utf-8").split("<!-- pins -->")[1]
    rows = [
        tuple(cell.strip(" `") for cell in line.strip().strip("|").split("|"))
        for line in table.splitlines()
        if line.startswith("| `")
    ]
    assert rows == [
        (pin.name, f"GPIO{pin.gpio}", str(pin.header), pin.direction, pin.option, pin.note)
        for pin in PINS.values()
    ]


def test_every_page_names_the_maps_numbers():
    options = {pin.option: pin.gpio for pin in PINS.values()}
    for page in sorted(HARDWARE.glob("*.md")):
        text = page.read_text("utf-8")
        for name, gpio in re.findall(r"`([a-z_]+)` \(GPIO(\d+)\)", text):
            assert PINS[name].gpio == int(gpio), (page.name, name)
        for option, gpio in re.findall(r"([a-z]+\.[a-z_]+_pin) = (\d+)", text):
            assert options[option] == int(gpio), (page.name, option)
        named = {int(gpio) for gpio in re.findall(r"(?:GPIO|pinctrl get )(\d+)", text)}
        assert named <= {pin.gpio for pin in PINS.values()}, page.name


def test_a_board_drives_the_maps_pin(monkeypatch):
    monkeypatch.setattr(Device, "pin_factory", MockFactory())
    with contextlib.ExitStack() as opened:
        own = a_process(Path("/nowhere"), WITTY)
        power._board(own, opened)
        assert Device.pin_factory.pin(PINS["sys_up"].gpio).function == "output"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[power]\nprofile = "gated"', 'power.board = "none": profile "gated" needs a board'),
        ("[power]\nempty_mv = 8000", "power.empty_mv = 8000: more than power.low_mv = 7200"),
    ],
)
def test_power_options_that_cannot_work_are_an_error(text, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        parse(text, "trap.toml")
