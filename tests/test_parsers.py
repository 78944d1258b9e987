"""Bytes from outside give values or errors of ours: every parser, with noise near the truth."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.parsers import (
    GOOD,
    MOST_STEPS,
    NETWORK,
    NEXT,
    PAYLOAD,
    RESTED_S,
    SEEDS,
    TARGETS,
    play,
)
from trapnode.errors import DeviceError, ProtocolError
from trapnode.protocols import rui3, rui3_module, sbd
from trapnode.protocols.at import Ask, Dialogue
from trapnode.protocols.lines import IRIDIUM
from trapnode.sim.air import Air
from trapnode.sim.gateway import Gateway
from trapnode.sim.modem import SbdTwin
from trapnode.sim.rui3 import Rui3Twin


@st.composite
def noisy(draw, seeds: list[bytes]) -> bytes:
    """Noise, or a seed with some of its bytes replaced, cut out or followed by noise."""
    seed, noise = draw(st.sampled_from(seeds)), draw(st.binary(max_size=80))
    start = draw(st.integers(0, len(seed)))
    end = draw(st.integers(start, len(seed)))
    return draw(st.sampled_from([noise, seed[:start] + noise + seed[end:], seed + noise]))


@pytest.mark.parametrize("name", TARGETS)
def test_noise_gives_values_or_errors_of_ours(name):
    @given(noisy(SEEDS[name]))
    def feed(data: bytes) -> None:
        TARGETS[name](data)

    feed()


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_sound_is_taken(name):
    for seed in SEEDS[name]:
        TARGETS[name](seed)


class Mute:
    def receive(self, data: bytes, now: float) -> None:
        pass

    def transmit(self, now: float) -> bytes:
        return b"\r\nOK\r\n"


def test_a_dialogue_without_end_and_a_foreign_exception_are_findings():
    def endless() -> Dialogue[None]:
        while True:
            yield Ask(b"AT\r")

    def broken() -> Dialogue[None]:
        yield Ask(b"AT\r")
        raise KeyError("AT")

    def ours(error: Exception) -> Dialogue[None]:
        yield Ask(b"AT\r")
        raise error

    with pytest.raises(AssertionError, match=f"no end after {MOST_STEPS}"):
        play(endless(), GOOD + NEXT, Mute(), IRIDIUM)
    with pytest.raises(KeyError):
        play(broken(), b"", Mute(), IRIDIUM)
    for error in (ProtocolError("x"), DeviceError("x")):
        assert play(ours(error), b"", Mute(), IRIDIUM) is error


def test_a_sound_modem_is_believed_so_that_noise_finds_all_that_is_asked():
    gateway, air = Gateway(random.Random(1)), Air(random.Random(1))
    satellite, module = SbdTwin(gateway, rng=random.Random(1)), Rui3Twin(air)
    play(sbd.send(PAYLOAD, sbd.Ledger()), b"", satellite, IRIDIUM)
    assert [each.payload for each in gateway.received] == [PAYLOAD]
    for now in (0.0, RESTED_S):
        play(rui3.send(PAYLOAD, NETWORK), b"", module, rui3_module.RUI3, now)
    assert [each.payload for each in air.received] == [PAYLOAD]
