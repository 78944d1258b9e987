"""The line to a RUI3 module: sleep, echo, a stuck module, noise."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rui3_bench import KEY, NETWORK, PAYLOAD, Module, play, send

from trapnode.errors import DeviceError, ProtocolError
from trapnode.protocols import rui3, rui3_module
from trapnode.protocols.lorawan import Outcome


def test_the_first_byte_after_sleep_is_garbled():
    module = Module(says=[("AT", "\x7fT\r\nAT_COMMAND_NOT_FOUND\r\n")])
    assert send(module).outcome is Outcome.DELIVERED


def test_an_event_of_an_earlier_call_does_not_disturb():
    module = Module(says=[("AT", "+EVT:SEND_CONFIRMED_FAILED\r\n$\r\nOK\r\n")])
    assert send(module).outcome is Outcome.DELIVERED


def test_a_module_that_does_not_repeat_is_told_to():
    module = Module(echo=False)
    assert play(rui3_module.start(NETWORK), module.answer).echoes
    assert module.heard.count("ATE") == 1


def test_a_module_that_cannot_repeat_is_believed():
    module = Module(echo=False, says=[("ATE", "AT_COMMAND_NOT_FOUND\r\n")] * 6)
    assert send(module).outcome is Outcome.DELIVERED


@pytest.mark.parametrize("reply", [b"", b"A"])
def test_a_stuck_module_asks_for_its_reset_pin(reply):
    with pytest.raises(DeviceError, match="reset it by its pin"):
        play(rui3_module.start(NETWORK), lambda written: reply if written else b"")


def test_old_firmware_answers_with_bare_values():
    module = Module()

    def answer(written):
        return re.sub(rb"AT\+\w+=(\w+\r\nOK)", rb"\1", module.answer(written))

    assert play(rui3_module.start(NETWORK), answer) == rui3_module.Started(echoes=True, joined=True)


def test_a_key_is_never_told():
    module = Module(says=[(r"AT\+APPKEY=.*", "$\r\nAT_PARAM_ERROR\r\n")] * 20)
    with pytest.raises(ProtocolError, match=r"does not take AT\+APPKEY") as caught:
        play(rui3_module.start(NETWORK), module.answer)
    assert KEY not in (str(caught.value) + repr(NETWORK)).lower()


@settings(max_examples=60, deadline=None)
@given(noise=st.lists(st.binary(max_size=40), max_size=80), cut=st.integers(0, 60))
def test_noise_around_every_answer_ends_in_an_outcome_or_one_of_our_errors(noise, cut):
    module, noise = Module(), list(noise)

    def answer(written):
        reply = module.answer(written)
        at = min(cut, len(reply))
        return reply[:at] + noise.pop() + reply[at:] if noise else reply

    try:
        result = send_through(answer)
    except (DeviceError, ProtocolError):
        return
    assert result.outcome is not Outcome.WAIT_OR_SPLIT
    if result.outcome is Outcome.DELIVERED:
        assert module.sent("SEND") == [f"AT+SEND=2:{PAYLOAD.hex().upper()}"]


@settings(max_examples=60, deadline=None)
@given(replies=st.lists(st.binary(max_size=60), max_size=60))
def test_nothing_but_noise_ends_in_one_of_our_errors(replies):
    replies = list(replies)
    with pytest.raises((DeviceError, ProtocolError)):
        send_through(lambda _: replies.pop() if replies else b"")


def send_through(answer):
    return play(rui3.send(PAYLOAD, NETWORK), answer)
