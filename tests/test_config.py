"""A configuration that cannot hide a typo, and a unit that runs without one."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapnode.config import Config, options, parse, read, read_at_boot
from trapnode.errors import EXIT_CONFIG, ConfigError

README = Path(__file__).parents[1] / "README.md"
GOOD = '[unit]\nname = "AL07"\n'


def test_an_empty_file_is_the_defaults():
    assert parse("") == Config()


def test_an_option_is_taken():
    config = parse('[unit]\nname = "AL07"\n[sorter]\ntargets = ["leopard", "tiger"]\n')
    assert config.unit.name == "AL07"
    assert config.sorter.targets == ("leopard", "tiger")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[trigger]\npinn = 1", "trigger: Object contains unknown field `pinn`"),
        ("[triger]", "Object contains unknown field `triger`"),
        ("[trigger]\npir_pin = 99", "trigger.pir_pin = 99: Expected `int` <= 27"),
        ("[trigger]\npir_pin = 1", "trigger.pir_pin = 1: Expected `int` >= 2"),
        ("[trigger]\npir_pin = '17'", 'trigger.pir_pin = "17": Expected `int`, got `str`'),
        ("[trigger]\ncamera_delay_s = nan", "trigger.camera_delay_s = nan: Expected `float` >= 0"),
        ("[burst]\ninterval_s = inf", "burst.interval_s = inf: Expected `float` <= 10"),
        ("[burst]\nframes = 4\nframes_max = 3", "burst.frames = 4: more than burst.frames_max = 3"),
        ("[sorter]\ntargets = [1]", r"sorter.targets[0] = 1: Expected `str`, got `int`"),
        ("[modem]\nkind = 'sdb'", 'modem.kind = "sdb": Expected sbd, lorawan, none'),
        ("[modem]\nkind = 'lorawan'", 'modem.dev_eui: is empty, and kind "lorawan" needs it'),
        ("[modem]\ndev_eui = 'AC1F'", 'modem.dev_eui = "AC1F": Expected `str` matching regex'),
        ("[modem]\nregion = 'US915'", "Expected RU864, EU868, AS923, CN470"),
        ("[modem]\nsleep_pin = 28", "modem.sleep_pin = 28: Expected `int` <= 27"),
        ("[uplink]\nport = '/dev/ttyAMA0'", "uplink: Object contains unknown field `port`"),
        ("[uplink]\ngeneration = 1", "uplink.generation = 1: must be 1 or more with an"),
        (f"[uplink]\nkey = '{'ab' * 16}'", "uplink.generation = 0: must be 1 or more"),
        ("trigger = 5", "trigger = 5: Expected `object`, got `int`"),
        ("[unit]\nname = 'AL 07'", 'unit.name = "AL 07": Expected `str` matching regex'),
        ("[unit]\nname = 'AL07\\n'", "unit.name = "),
        ('[unit]\nname = """AL07\n"""', "unit.name = "),
        ("[paths]\nstate = 'store'", 'paths.state = "store": Expected `str` matching regex'),
        ("[paths]\nstate = '/'", 'paths.state = "/": Expected `str` matching regex'),
        ("[paths]\nrun = ''", 'paths.run = "": Expected `str` matching regex'),
        ('[paths]\nrun = "/run/\\u0000"', "paths.run = "),
        ("[unit", "not TOML"),
        ("a = " + "[" * 5000, "not TOML"),
        ("a = " + "9" * 5000, "not TOML"),
    ],
)
def test_a_wrong_option_is_named_with_its_value_and_the_limit(text, says):
    with pytest.raises(ConfigError, match=re.escape(says)) as caught:
        parse(text, "trap.toml")
    assert str(caught.value).startswith("trap.toml: ")
    assert caught.value.exit_code == EXIT_CONFIG


@given(st.text(max_size=200))
def test_any_text_is_a_configuration_or_a_config_error(text):
    try:
        parse(text)
    except ConfigError:
        return


def test_a_file_is_read(tmp_path):
    (tmp_path / "trap.toml").write_text(GOOD)
    assert read(tmp_path / "trap.toml").unit.name == "AL07"


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"trap\.toml: cannot be read"):
        read(tmp_path / "trap.toml")
    (tmp_path / "trap.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "trap.toml")


def test_at_boot_a_good_file_has_no_fault(tmp_path):
    (tmp_path / "trap.toml").write_text(GOOD)
    boot = read_at_boot(tmp_path / "trap.toml", tmp_path / "last-good.toml")
    assert (boot.config.unit.name, boot.fault) == ("AL07", "")


@pytest.mark.parametrize("broken", [None, b"[unit", b"\x00" * 4096, b"[unit]\nname = 7", b"\xff"])
def test_at_boot_the_last_good_file_stands_in_for_a_broken_one(tmp_path, broken):
    file, last_good = tmp_path / "trap.toml", tmp_path / "last-good.toml"
    if broken is not None:
        file.write_bytes(broken)
    last_good.write_text(GOOD)
    boot = read_at_boot(file, last_good)
    assert boot.config.unit.name == "AL07"
    assert boot.fault.endswith("running on the last good configuration")
    assert str(file) in boot.fault


def test_at_boot_the_defaults_stand_in_for_both(tmp_path):
    (tmp_path / "last-good.toml").write_text("[unit")
    boot = read_at_boot(tmp_path / "trap.toml", tmp_path / "last-good.toml")
    assert boot.config == Config()
    assert boot.fault.endswith("running on built-in defaults")


def test_the_readme_lists_every_option_as_it_is():
    text = README.read_text("utf-8")
    table = text.split("<!-- options -->")[1].split("<!-- /options -->")[0]
    rows = [
        tuple(cell.strip() for cell in line.strip().strip("|").split(" |"))
        for line in table.splitlines()
        if line.startswith("| `")
    ]
    expected = [
        (f"`{each.name}`", f"`{each.default}`", each.unit, each.limits, each.description)
        for each in options()
    ]
    assert rows == expected


def test_every_default_passes_its_own_limits():
    text: dict[str, list[str]] = {}
    for option in options():
        section, name = option.name.split(".")
        text.setdefault(section, []).append(f"{name} = {option.default}")
    whole = "\n".join(f"[{section}]\n" + "\n".join(lines) for section, lines in text.items())
    assert parse(whole) == Config()
