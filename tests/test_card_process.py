"""How the processes find one another in RAM, once one of them has found that the card failed."""

import argparse
import contextlib
import sqlite3

import pytest

from trapnode.cli import process as module
from trapnode.cli.process import process
from trapnode.errors import CardFailed, CardFull, StoreError
from trapnode.model import CardCause
from trapnode.store import ram
from trapnode.store.spare import SpareOutbox
from trapnode.store.store import DATABASE, open_store


@pytest.fixture
def begin(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        f'[paths]\nstate = "{tmp_path / "state"}"\nrun = "{tmp_path / "run"}"\n', "utf-8"
    )
    return lambda name: process(name, argparse.Namespace(config=str(config), twins=None))


def refuse(error: StoreError):
    def open_store(*_: object, **__: object) -> None:
        raise error from OSError(30, "Read-only file system")

    return open_store


@pytest.mark.parametrize("error", [CardFailed("read-only"), CardFull("full")])
def test_a_card_that_cannot_be_opened_is_replaced_by_ram_and_all_are_told(
    begin, tmp_path, monkeypatch, error
):
    monkeypatch.setattr(module, "open_store", refuse(error))
    with begin("sorter") as own, contextlib.closing(own.store()) as store:
        assert store.state == tmp_path / "run" / "store"
        assert isinstance(store.outbox, SpareOutbox)
        own.alive("")
    failure = ram.card_failed(tmp_path / "run")
    assert failure is not None
    assert (failure.cause, failure.why) == (CardCause.READ_ONLY, str(error))


def newer(state):
    open_store(state).close()
    with contextlib.closing(sqlite3.connect(state / DATABASE)) as rows:
        rows.execute("PRAGMA user_version = 99")


def stranger(state):
    state.mkdir()
    (state / "archive").write_bytes(b"a file where the folder should be")


@pytest.mark.parametrize("spoil", [newer, stranger])
def test_a_card_that_is_not_ours_to_write_still_takes_pictures_in_ram(begin, tmp_path, spoil):
    spoil(tmp_path / "state")
    with begin("station") as own, contextlib.closing(own.store()) as store:
        assert store.state == tmp_path / "run" / "store"
    assert ram.card_failed(tmp_path / "run") is not None


def test_what_has_the_card_open_ends_when_another_finds_that_it_failed(begin, tmp_path):
    with begin("sorter") as own, contextlib.closing(own.store()):
        own.alive("")
        ram.fail_card(own.run, ram.Failure(CardCause.IO_ERROR, "no more writes", 9.0))
        with pytest.raises(CardFailed, match="again with the store in RAM: no more writes"):
            own.alive("")
    with begin("sorter") as own, contextlib.closing(own.store()) as store:
        assert store.state == tmp_path / "run" / "store"
        own.alive("")


def test_a_process_that_ends_by_a_failed_card_tells_the_others(begin, tmp_path):
    with pytest.raises(CardFailed), begin("keeper"):
        raise CardFailed("the probe") from OSError(5, "Input/output error")
    failure = ram.card_failed(tmp_path / "run")
    assert failure is not None
    assert failure.cause is CardCause.IO_ERROR


@pytest.mark.parametrize(("name", "told"), [("station", True), ("sorter", False)])
def test_a_full_card_sends_only_the_station_to_ram(begin, tmp_path, name, told):
    with pytest.raises(CardFull), begin(name):
        raise CardFull("no room for a row")
    assert (ram.card_failed(tmp_path / "run") is not None) is told


def test_where_pictures_are_sealed_ram_that_may_reach_the_card_takes_none(
    begin, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "open_store", refuse(CardFailed("read-only")))
    monkeypatch.setattr(module, "read_seals", lambda _: object())
    monkeypatch.setattr(module, "leaves_ram", lambda _: "swap is on")
    with begin("station") as own, pytest.raises(StoreError, match="no RAM: swap is on"):
        own.store()
