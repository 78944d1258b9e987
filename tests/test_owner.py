"""Root beside a unit: nothing is left in its store that the unit itself could not write."""

import argparse
import codecs
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.fakes import NOON
from trapnode.cli import main
from trapnode.cli.process import process
from trapnode.cli.uplink import sealer, uplinker_of
from trapnode.message.sealing import CardKey
from trapnode.model import MessageKind
from trapnode.store.owner import as_owner
from trapnode.store.radio_key import FILES
from trapnode.store.reading import open_for_dump
from trapnode.store.store import COUNTERS, DATABASE

NOBODY = 65534
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


@pytest.fixture
def unit():
    """A folder that all may enter, with a store and a folder in RAM that are another user's."""
    codecs.lookup("ascii")  # Loaded now: this Python may lie where only root reads.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("state", "run"):
            (folder / each).mkdir()
            os.chown(folder / each, NOBODY, NOBODY)
        text = f'[paths]\nstate = "{folder / "state"}"\nrun = "{folder / "run"}"\n'
        (folder / "config.toml").write_text(text, "utf-8")
        yield folder
        assert os.geteuid() == 0
        for each in folder.glob("*/**/*"):
            assert each.lstat().st_uid == NOBODY, each


def test_root_sends_as_the_user_whose_store_it_is(unit):
    arguments = argparse.Namespace(config=str(unit / "config.toml"), twins=None)
    with process("uplinker", arguments) as own, contextlib.closing(own.store()) as store:
        uplinker_of(own, store, own.config).begin(own.clock)
        with store.database.transaction():
            store.outbox.tell(MessageKind.STATUS, bytes(36), 2, NOON)
        seal = sealer(CardKey(1, bytes(16)))
        store.outbox.freeze(store.outbox.waiting(), own.clock.now(), seal)
        own.alive("")
    for name in (DATABASE, COUNTERS, *FILES):
        assert (unit / "state" / name).stat().st_uid == NOBODY


def test_root_makes_no_radio_key_of_his_own(unit, capsys):
    assert main(["keys", "radio", "--config", str(unit / "config.toml")]) == 0
    assert "generation" in capsys.readouterr().out


def test_root_who_dumps_a_broken_store_begins_it_anew_for_the_unit(unit):
    (unit / "state" / DATABASE).write_bytes(b"garbage" * 999)
    os.chown(unit / "state" / DATABASE, NOBODY, NOBODY)
    with tempfile.TemporaryDirectory() as scratch:
        open_for_dump(unit / "state", Path(scratch)).close()
    assert len(list((unit / "state" / "quarantine").iterdir())) == 1


def test_what_is_roots_own_stays_so(unit):
    shutil.rmtree(unit / "state")
    for _ in range(2):
        with as_owner(unit / "state"):
            assert os.geteuid() == 0
        (unit / "state").mkdir(exist_ok=True)
    shutil.rmtree(unit / "state")
