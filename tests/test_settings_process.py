"""What commands set reaches every process that it concerns, and only those."""

import argparse
import contextlib

import pytest

from trapnode.cli.process import CONCERNED, process
from trapnode.config import overlaid, parse
from trapnode.errors import ConfigError, SettingsChanged
from trapnode.store import ram
from trapnode.store.store import open_store


@pytest.fixture
def begin(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        f'[paths]\nstate = "{tmp_path / "state"}"\nrun = "{tmp_path / "run"}"\n'
        "[burst]\nframes_max = 4\n",
        "utf-8",
    )
    return lambda name: process(name, argparse.Namespace(config=str(config), twins=None))


def put(tmp_path, **values):
    with contextlib.closing(open_store(tmp_path / "state")) as store:
        with store.database.transaction():
            for name, value in values.items():
                store.database.run(
                    "INSERT OR REPLACE INTO setting VALUES (?, ?, NULL, NULL, '', 1)",
                    name.replace("__", "."),
                    value,
                )
        ram.write_settings(tmp_path / "run", store.settings.values())


def test_a_setting_is_in_force_after_the_next_start(begin, tmp_path):
    put(tmp_path, burst__frames=2, trigger__camera_delay_s=2500)
    with begin("station") as own, contextlib.closing(own.store()) as store:
        config = own.settled(store).config
        own.alive("")
    assert (config.burst.frames, config.trigger.camera_delay_s) == (2, 2.5)
    assert own.config.burst.frames == 3


@pytest.mark.parametrize("name", [*CONCERNED, "console"])
def test_a_process_that_a_setting_concerns_ends_to_begin_with_it(begin, tmp_path, name):
    with begin(name) as own, contextlib.closing(own.store()) as store:
        own.settled(store)
        own.alive("")
        put(tmp_path, burst__frames=2)
        if name != "station":
            own.alive("")
        else:
            with pytest.raises(SettingsChanged):
                own.alive("")
    with begin(name) as own, contextlib.closing(own.store()) as store:
        own.settled(store)
        own.alive("")


def test_a_linger_set_by_command_reaches_the_keeper_and_a_line_the_sorter(begin, tmp_path):
    for name, values in (
        ("keeper", {"power__linger_s": 40}),
        ("sorter", {"sorter__blank_least": 900}),
    ):
        with begin(name) as own, contextlib.closing(own.store()) as store:
            own.settled(store)
            put(tmp_path, **values)
            with pytest.raises(SettingsChanged):
                own.alive("")
    with begin("keeper") as own, contextlib.closing(own.store()) as store:
        config = own.settled(store).config
    assert (config.power.linger_s, config.sorter.blank_least) == (40.0, 0.9)


def test_settings_that_do_not_go_with_the_configuration_are_left_out_and_told(begin, tmp_path):
    put(tmp_path, burst__frames=9, uplink__batch_s=60)
    with begin("keeper") as own, contextlib.closing(own.store()) as store:
        found = own.settled(store)
        own.alive("")
    assert found.config == own.config
    assert "settings by command are left out" in found.fault
    assert "more than burst.frames_max = 4" in found.fault


def test_settings_hold_on_when_the_card_fails(begin, tmp_path):
    put(tmp_path, burst__frames=2)
    ram.fail_card(tmp_path / "run", ram.Failure(ram.CardCause.GONE, "gone", 1.0))
    with begin("station") as own, contextlib.closing(own.store()) as store:
        assert own.settled(store).config.burst.frames == 2


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"burst.frames": 0}, "burst.frames = 0: Expected `int` >= 1"),
        ({"burst.frames": 20}, "more than burst.frames_max"),
        ({"burst.nothing": 1}, "unknown field `nothing`"),
        ({"nothing.at_all": 1}, "unknown field `nothing`"),
    ],
)
def test_a_value_keeps_to_the_limits_of_a_configuration_in_a_file(values, said):
    with pytest.raises(ConfigError, match=r"^settings: ") as found:
        overlaid(parse(""), values)
    assert said in str(found.value)
