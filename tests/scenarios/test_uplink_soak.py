"""Seasons of a bad sky, a bad line, power cuts and strangers: each observation arrives once.

`make uplink-soak` lives sixty of them. Here are a few, and three bad programs that must be found.
"""

from pathlib import Path

import pytest

from tests.soak.link import SbdLink
from tests.soak.season import Season
from trapnode.errors import LinkUnavailable
from trapnode.model import Sent
from trapnode.policy.priority import next_to_send
from trapnode.store.ceiling import COPY
from trapnode.store.store import COUNTERS


@pytest.mark.parametrize("seed", [1, 2])
def test_every_observation_arrives_once_and_targets_first(card: Path, seed: int) -> None:
    found = Season(card, seed).run(80)
    assert not found.wrong
    assert found.sessions >= 80
    assert found.observations > 40  # By chance 43 to 69, as what the unit writes moves the cuts.
    assert found.forged > 5


class Credulous:
    """A driver that takes a lost answer for a good one."""

    def __init__(self, modem):
        self._modem = modem

    def __getattr__(self, name):
        return getattr(self._modem, name)

    def send(self, payload):
        try:
            return self._modem.send(payload)
        except LinkUnavailable:
            return Sent(True)


class CredulousLink(SbdLink):
    def driver(self):
        return Credulous(super().driver())


class Mute(Season):
    """A season whose desk never says what arrived."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.desk.downlinks_go = False


def test_a_driver_that_believes_too_much_is_found(card):
    wrong = Mute(card, 1, CredulousLink, cards=1).run(40).wrong
    assert any("never arrived" in each for each in wrong)


def test_acknowledgements_heal_even_a_driver_that_believes_too_much(card):
    assert not Season(card, 1, CredulousLink, cards=1).run(40).wrong


class Forgetful(Season):
    """A unit that counts from 1 at each start: its nonces come back."""

    def _uplinker(self, store, boot):
        store.database.run("UPDATE counter SET next = 1 WHERE name = 'message'")
        store.database.run("DELETE FROM report WHERE message IS NOT NULL")
        store.database.run("DELETE FROM message")
        for name in (COUNTERS, COUNTERS + COPY):
            (self.state / name).unlink(missing_ok=True)
        return super()._uplinker(store, boot)


def test_a_unit_whose_counters_come_back_is_found(card):
    wrong = Forgetful(card, 1, cards=1).run(30).wrong
    assert any("a counter used before" in each for each in wrong)


def _targets_last(frozen, waiting, now, terms):
    others = [each for each in waiting if each.priority] or waiting
    return next_to_send(frozen[::-1], others, now, terms)


def test_a_unit_that_lets_a_target_wait_is_found(card, monkeypatch):
    monkeypatch.setattr("trapnode.uplinker.next_to_send", _targets_last)
    wrong = Season(card, 1, cards=1).run(100).wrong
    assert any("went before" in each for each in wrong)
