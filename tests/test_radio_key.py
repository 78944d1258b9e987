"""The radio key of a card: the configuration's or its own, never two for the same counters."""

import argparse
import errno
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes import NOON
from tests.faults import Power, every_cut
from trapnode.cli import main
from trapnode.cli.process import process
from trapnode.cli.unit import KEY_AGAIN_S
from trapnode.cli.uplink import card_key, uplinker_of
from trapnode.config import parse
from trapnode.errors import StoreError
from trapnode.message.sealing import CardKey
from trapnode.model import MessageKind
from trapnode.sim.clock import SteppedClock
from trapnode.store import ram
from trapnode.store.consent import rested_s
from trapnode.store.disk import RealDisk
from trapnode.store.radio_key import FILE, FILES, make_radio_key, read_radio_key
from trapnode.store.store import open_store

GIVEN = '[uplink]\nkey = "000102030405060708090a0b0c0d0e0f"\ngeneration = 7\n'


def test_a_card_makes_its_key_once_and_only_its_owner_reads_it(tmp_path):
    assert read_radio_key(tmp_path) is None
    generation, key = make_radio_key(tmp_path, RealDisk())
    assert generation > 0
    assert len(set(key)) > 4
    assert make_radio_key(tmp_path, RealDisk()) == (generation, key)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_two_cards_have_two_keys(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    assert len({make_radio_key(tmp_path / name, RealDisk()) for name in "ab"}) == 2


TORN = ["", "7", "7 00", "0 " + "00" * 16, "x " + "00" * 16, "7 é" * 9]


@pytest.mark.parametrize("text", TORN)
@pytest.mark.parametrize("name", FILES)
def test_one_torn_file_is_mended_from_the_other(tmp_path, name, text):
    made = make_radio_key(tmp_path, RealDisk())
    (tmp_path / name).write_text(text, "utf-8")
    assert read_radio_key(tmp_path) == made
    for _ in range(2):
        assert make_radio_key(tmp_path, RealDisk()) == made
    assert len({(tmp_path / each).read_text() for each in FILES}) == 1
    assert {stat.S_IMODE((tmp_path / each).stat().st_mode) for each in FILES} == {0o600}


@pytest.mark.parametrize("text", TORN)
def test_a_key_that_is_lost_for_good_silences_nobody_and_is_set_aside(tmp_path, text):
    for name in FILES:
        (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(StoreError, match=r"radio\.key: holds no radio key") as found:
        read_radio_key(tmp_path)
    assert "00" not in str(found.value)
    made = make_radio_key(tmp_path, RealDisk())
    assert make_radio_key(tmp_path, RealDisk()) == made
    assert (tmp_path / f"{FILE}.torn").read_text("utf-8") == text


def test_a_key_that_cannot_be_read_now_is_not_replaced(tmp_path):
    (tmp_path / FILE).mkdir()
    with pytest.raises(StoreError, match="cannot be read"):
        make_radio_key(tmp_path, RealDisk())
    assert (tmp_path / FILE).is_dir()


def test_a_cut_anywhere_in_making_it_leaves_a_whole_key_or_none(card):
    def work(state, power):
        power.told.append(make_radio_key(state, power.disk))

    def check(state, cut):
        power = Power()
        found = make_radio_key(state, power.disk)
        assert not cut.told or found == cut.told[0], "who was told it can open what is sealed"

    assert every_cut(card, None, work, check) > 3


def test_the_configurations_key_comes_first(tmp_path):
    config = parse(f'{GIVEN}[paths]\nstate = "{tmp_path}"\n')
    assert card_key(config) == CardKey(7, bytes(range(16)))
    assert not (tmp_path / FILE).exists()


def test_a_failed_card_lends_its_key_and_none_is_made_in_ram(tmp_path):
    config = parse(f'[paths]\nstate = "{tmp_path}"\n')
    with pytest.raises(StoreError, match="there is no radio key"):
        card_key(config, make=False)
    generation, key = make_radio_key(tmp_path, RealDisk())
    assert card_key(config, make=False) == CardKey(generation, key)


def test_a_key_that_cannot_be_read_ends_no_process_and_is_tried_again(
    tmp_path, monkeypatch, capsys
):
    """Neither is the card taken for a failed one, nor waits the gate for the radio."""
    state, run, path = tmp_path / "state", tmp_path / "run", tmp_path / "config.toml"
    path.write_text(f'[paths]\nstate = "{state}"\nrun = "{run}"\n', "utf-8")
    with closing(open_store(state)) as store, store.database.transaction():
        store.outbox.tell(MessageKind.OBSERVATIONS, bytes(11), 0, NOON)
    make_radio_key(state, RealDisk())
    clock, read = SteppedClock(), Path.read_text

    def worn(self, *arguments, **named):
        if self.name in FILES:
            raise OSError(errno.EIO, "Input/output error")
        return read(self, *arguments, **named)

    monkeypatch.setattr(Path, "read_text", worn)
    monkeypatch.setattr("trapnode.cli.process.SystemClock", lambda: clock)
    assert main(["uplinker", "--config", str(path)]) == 1
    assert "radio.key: cannot be read: Input/output error" in capsys.readouterr().err
    assert clock.monotonic() == KEY_AGAIN_S
    (beat,) = ram.read_beats(run)
    assert beat.fault.startswith("nothing is told: ")
    assert rested_s(run) == beat.monotonic_s > KEY_AGAIN_S - 60
    assert ram.card_failed(run) is None
    with closing(open_store(state)) as store:
        assert len(store.outbox.waiting()) == 1


def test_a_key_is_not_in_what_is_printed_of_it():
    assert "0e0f" not in repr(CardKey(7, bytes(range(16)))).replace("\\x", "")


def test_the_receiver_is_told_the_key(tmp_path, capsys):
    path = tmp_path / "config.toml"
    path.write_text(f'{GIVEN}[unit]\nname = "AL07"\n', "utf-8")
    assert main(["keys", "radio", "--config", str(path)]) == 0
    said = capsys.readouterr().out
    assert 'name = "AL07"' in said
    assert 'generation = 7\nkey = "000102030405060708090a0b0c0d0e0f"' in said


def test_without_a_store_and_a_configured_key_nobody_makes_one_up(tmp_path, capsys):
    path = tmp_path / "config.toml"
    path.write_text(f'[paths]\nstate = "{tmp_path / "none"}"\n', "utf-8")
    assert main(["keys", "radio", "--config", str(path)]) == 2
    assert "no store there" in capsys.readouterr().err


def test_the_uplinker_over_a_store_in_ram_obeys_nothing(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(
        f'{GIVEN}[paths]\nstate = "{tmp_path / "state"}"\nrun = "{tmp_path / "run"}"\n', "utf-8"
    )
    with process("uplinker", argparse.Namespace(config=str(path), twins=None)) as own:
        for failed in (False, True):
            if failed:
                own.spare(StoreError("read-only"))
            store = own.opened[0] if failed else own.store()
            loop = uplinker_of(own, store, own.config)
            loop.begin(own.clock)
            assert (ram.read_settings(own.run) is None) is failed
            (own.run / "settings.json").unlink(missing_ok=True)
            store.close()
