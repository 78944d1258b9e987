"""The modem's twin keeps the rules of the hardware."""

import random

import pytest
from modem_bench import PAYLOAD, Bench

from trapnode.protocols.at import AtReader, Final, Line, Unsolicited
from trapnode.sim.gateway import Faults, Gateway
from trapnode.sim.modem import IMEI, SbdTwin


def test_the_twin_like_the_modem_sends_again_what_nobody_cleared():
    bench = Bench()
    for command in (b"AT+SBDWB=2\r", b"hi\x00\xd1", b"AT+SBDIX\r", b"AT+SBDIX\r"):
        bench.twin.receive(command, bench.now)
        bench.now += 60
        bench.twin.transmit(bench.now)
    assert bench.received == [b"hi", b"hi"]


def test_the_twin_answers_what_was_said_in_a_session_only_after_it():
    twin = SbdTwin(Gateway(random.Random(1)), rng=random.Random(1))
    twin.receive(b"ATE0\rAT+SBDIX\r", 0)
    twin.receive(b"AT+CGSN\r", 1)
    assert twin.transmit(7.9).count(b"OK") == 1
    values = AtReader().receive(twin.transmit(30))
    assert [v.text for v in values if isinstance(v, Line)][1:] == [IMEI]
    assert twin.transmit(31) == b""


def test_the_gateway_tells_each_message_it_gets_and_refuses_what_no_modem_could_take():
    bench, told = Bench(), []
    bench.gateway.on_mo = told.append
    bench.modem.send(PAYLOAD)
    assert told == bench.gateway.received
    with pytest.raises(ValueError, match="271 bytes"):
        bench.twin.queue_downlink(bytes(271))


def test_the_twin_tells_changes_of_signal_and_rejects_what_it_does_not_know():
    gateway = Gateway(random.Random(1), faults=Faults(no_signal=((10, 20),)))
    twin = SbdTwin(gateway, rng=random.Random(1))
    twin.receive(b"AT+CIER=1,1,1\rAT+NONSENSE\r", 0)
    values = AtReader().receive(twin.transmit(1) + twin.transmit(10) + twin.transmit(20))
    told = [value.text for value in values if isinstance(value, Unsolicited)]
    assert told == ["+CIEV:0,4", "+CIEV:1,1", "+CIEV:0,0", "+CIEV:1,0", "+CIEV:0,4", "+CIEV:1,1"]
    assert Final(False) in values


def test_the_twin_checks_size_sum_and_time_of_a_message():
    twin = SbdTwin(Gateway(random.Random(1)), rng=random.Random(1))
    talk = [
        (b"ATE0\r", b"\r\nOK\r\n", 1),
        (b"AT+SBDWB=341\r", b"\r\n3\r\n\r\nOK\r\n", 1),
        (b"AT+SBDWB=5\r", b"\r\nREADY\r\n", 1),
        (b"hello\x02\x15", b"\r\n2\r\n\r\nOK\r\n", 1),
        (b"AT+SBDWB=5\r", b"\r\nREADY\r\n", 1),
        (b"hel", b"\r\n1\r\n\r\nOK\r\n", 61),
        (b"AT+SBDWB=5\r", b"\r\nREADY\r\n", 1),
        (b"hello\x02\x14", b"\r\n0\r\n\r\nOK\r\n", 1),
        (b"AT+SBDSX\r", b"\r\n+SBDSX: 1, 0, 0, 0, 0, 0\r\n\r\nOK\r\n", 1),
    ]
    now = 0.0
    for said, answer, wait_s in talk:
        twin.receive(said, now)
        now += wait_s
        assert twin.transmit(now).replace(said, b"") == answer
