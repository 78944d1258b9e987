"""The modem's adapter against its twin, over a wire that may garble every byte."""

import random
from contextlib import suppress
from datetime import timedelta

import pytest
from modem_bench import LOST_REPLY, PAYLOAD, Bench

from trapnode.errors import DeviceError, LinkBarred, LinkUnavailable, MessageRefused
from trapnode.sim.gateway import Faults, Plan
from trapnode.sim.modem import IMEI


def test_a_message_reaches_the_gateway_as_it_is():
    bench = Bench()
    assert bench.modem.send(PAYLOAD).downlinks == ()
    assert bench.received == [PAYLOAD]
    assert not bench.wire.is_open


@pytest.mark.parametrize("size", [1, 50, 270, 271, 340])
def test_every_size_comes_through_and_its_sum_may_pass_sixteen_bits(size):
    bench = Bench()
    bench.modem.send(b"\xff" * size)
    assert bench.received == [b"\xff" * size]


def test_any_bytes_come_through():
    bench = Bench()
    payloads = [b"OK\r\n", b"\r\n\r\nERROR\r\nREADY\r\n", b"AT+SBDD0\r", bytes(100), b"\x1a+++"]
    for payload in payloads:
        bench.modem.send(payload)
    assert bench.received == payloads


def test_the_message_does_not_stay_in_the_modem():
    bench = Bench()
    bench.modem.send(PAYLOAD)
    session = b"AT+SBDIX\r"  # as a mailbox check would be
    bench.twin.receive(session, bench.now)
    bench.twin.transmit(bench.now + 60)
    assert bench.received == [PAYLOAD]


def test_a_downlink_comes_with_the_next_message_and_was_announced():
    bench = Bench()
    bench.modem.identity()  # switches the announcements on
    bench.twin.queue_downlink(b"SECOND OK\r\n tricky")
    bench.twin.queue_downlink(b"later")
    assert not bench.modem.announced  # The port was closed.
    assert "a downlink waits" in bench.modem.about()
    assert bench.modem.announced
    first, second, third = (bench.modem.send(PAYLOAD) for _ in range(3))
    assert (first.downlinks, first.more) == ((b"SECOND OK\r\n tricky",), 1)
    assert (second.downlinks, second.more) == ((b"later",), 0)
    assert third.downlinks == ()
    assert 0 < third.seconds < 60
    assert not bench.modem.announced


def test_a_downlink_is_fetched_without_a_message():
    bench = Bench()
    bench.modem.send(PAYLOAD)
    bench.twin.queue_downlink(b"down")
    got = bench.modem.fetch()
    assert (got.downlinks, got.more, bench.modem.announced) == ((b"down",), 0, False)
    assert bench.received == [PAYLOAD]


def test_a_lost_answer_is_settled_by_the_modems_own_counter():
    bench = Bench(plans=[LOST_REPLY])
    assert bench.modem.send(PAYLOAD).delivered
    assert bench.received == [PAYLOAD]


@pytest.mark.parametrize("arrives", [True, False])
def test_a_modem_that_browns_out_in_its_session_is_unknown_and_sends_again(arrives):
    bench = Bench(plans=[Plan(arrives=arrives, browns_out=True)])
    with pytest.raises(LinkUnavailable, match="may have arrived"):
        bench.modem.send(PAYLOAD)
    bench.modem.send(PAYLOAD)
    assert bench.received == [PAYLOAD] * (1 + arrives)


@pytest.mark.parametrize("plan", [LOST_REPLY, Plan(32, arrives=False, replies=False)])
def test_an_aborted_session_is_paid_for_again_only_if_it_failed(plan):
    bench = Bench(plans=[plan])
    bench.stop_at = bench.now + 4  # In the session.
    with pytest.raises(LinkUnavailable, match="stopped in session"):
        bench.modem.send(PAYLOAD)
    bench.stop_at = float("inf")
    assert bench.modem.send(PAYLOAD).delivered
    assert bench.received == [PAYLOAD]
    assert not bench.gateway.plans


@pytest.mark.parametrize(
    ("status", "wait_s"), [(32, None), (18, None), (36, 180), (11, 300), (20, None)]
)
def test_a_failed_session_may_be_tried_later(status, wait_s):
    bench = Bench(plans=[Plan(status, arrives=False)])
    with pytest.raises(LinkUnavailable, match=f"MO status {status}") as raised:
        bench.modem.send(PAYLOAD)
    assert raised.value.retry_after_s == wait_s
    bench.modem.send(PAYLOAD)
    assert bench.received == [PAYLOAD]


@pytest.mark.parametrize("status", [15, 16, 33])
def test_what_only_a_person_can_mend_holds_the_message(status):
    bench = Bench(plans=[Plan(status, arrives=False)] * 2)
    with pytest.raises(LinkBarred, match=f"MO status {status}") as raised:
        bench.modem.send(PAYLOAD)
    assert raised.value.retry_after_s == (None if status == 33 else 86_400)
    bench.modem.send(PAYLOAD)


@pytest.mark.parametrize("status", [12, 14])
def test_a_session_refused_for_good_parks_the_message(status):
    with pytest.raises(MessageRefused, match=f"MO status {status}"):
        Bench(plans=[Plan(status, arrives=False)] * 2).modem.send(PAYLOAD)


@pytest.mark.parametrize("payload", [b"", bytes(341), b"RB123"])
def test_an_impossible_message_is_refused_without_opening_the_port(payload):
    bench = Bench()
    bench.wire.is_plugged = False
    with pytest.raises(MessageRefused):
        bench.modem.send(payload)


def test_no_signal_costs_no_message_and_ends():
    bench = Bench(faults=Faults(no_signal=((0, 3600),)))
    assert bench.modem.signal() == 0
    with pytest.raises(LinkUnavailable, match="no network service"):
        bench.modem.send(PAYLOAD)
    bench.now = 3600
    assert bench.modem.signal() == 4
    bench.modem.send(PAYLOAD)
    assert bench.received == [PAYLOAD]


def test_a_radio_left_off_is_switched_on_for_the_next_try():
    bench = Bench()
    bench.twin.receive(b"AT*R0\r", 0)
    with pytest.raises(LinkUnavailable, match="switched off"):
        bench.modem.send(PAYLOAD)
    bench.modem.send(PAYLOAD)


def test_the_network_tells_the_time():
    bench = Bench()
    found = bench.modem.network_time()
    assert abs(found - bench.gateway.utc(bench.now)) < timedelta(seconds=2)


@pytest.mark.parametrize("stop_after_s", [0, 0.3, 5, 9])
def test_a_session_stops_at_once_when_told_and_the_next_one_is_clean(stop_after_s):
    bench = Bench(seed=4, plans=[Plan(), LOST_REPLY])
    bench.stop_at = bench.now + stop_after_s
    with pytest.raises(LinkUnavailable, match="stopped in session"):
        bench.modem.send(PAYLOAD)
    assert bench.now <= stop_after_s + 20  # no timeout on: the clock steps a session at most
    bench.stop_at = float("inf")
    deliver(bench, b"another")
    assert bench.received[-1] == b"another"


def deliver(bench: Bench, payload: bytes, tries: int = 20) -> None:
    for _ in range(tries):
        try:
            bench.restart().send(payload)
        except LinkUnavailable:
            bench.now += 60
        else:
            return
    pytest.fail(f"not delivered in {tries} tries")


@pytest.mark.parametrize("stale", [b"AT+SBDWB=50\r", b"AT+SBDIX\r", b"AT+SBDIX\rAT+CSQ\r", b"AT+S"])
def test_what_an_aborted_session_left_does_not_confuse_the_next(stale):
    bench = Bench()
    bench.twin.receive(stale, bench.now)
    bench.modem.send(PAYLOAD)
    assert bench.received == [PAYLOAD]


def test_an_old_success_in_the_line_is_not_ours():
    bench = Bench(plans=[Plan(), Plan(32, arrives=False)])
    bench.twin.receive(b"AT+SBDWB=2\rhi\x00\xd1", 0)
    bench.twin.receive(b"AT+SBDIX\r", 1)
    bench.now = 2
    with pytest.raises(LinkUnavailable, match="no network"):
        bench.modem.send(PAYLOAD)


def test_a_vanished_port_is_a_device_error_and_comes_back():
    bench = Bench()
    bench.wire.is_plugged = False
    with pytest.raises(DeviceError, match="modem on wire"):
        bench.modem.identity()
    bench.wire.is_plugged = True
    assert bench.modem.identity() == IMEI


def test_a_modem_without_power_is_a_device_error_within_minutes():
    bench = Bench(wire_fault=1)
    bench.wire.carry = lambda data: b""
    with pytest.raises(DeviceError, match="no answer to AT"):
        bench.modem.send(PAYLOAD)
    assert bench.now <= 180


@pytest.mark.parametrize("fault", [0.0005, 0.002, 0.01, 0.05])
def test_on_a_garbling_wire_delivered_is_never_false(fault):
    delivered = 0
    for seed in range(60):
        bench = Bench(seed, faults=Faults(fails=0.2, loses_reply=0.1), wire_fault=fault)
        payload = random.Random(seed).choice((bytes(40), random.Random(seed).randbytes(50)))
        try:
            bench.modem.send(payload)
        except (LinkUnavailable, DeviceError):
            continue
        delivered += 1
        assert payload in bench.received
    assert delivered > (20 if fault < 0.005 else -1)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (b"+SBDIX: 32", b"+SBDIX: 2"),
        (b"+SBDIX:32", b"+SBDIX:2"),
        (b"AT+SBDWB=40", b"AT+SBDWB=4"),
        (b"AT+SBDD1", b"AT+SBDD0"),
        (b"\r\n2\r\n", b"\r\n0\r\n"),
        (b"AT+SBDIX", b"AT+SBDI"),
        (bytes(39) + b"\x01", bytes(38) + b"\x01\x00"),
    ],
)
@pytest.mark.parametrize("status", [0, 32])
def test_no_single_fault_of_the_wire_fakes_a_delivery(said, heard, status):
    payload = bytes(39) + b"\x01"
    bench = Bench(plans=[Plan(status, arrives=status == 0)] * 2)
    bench.wire.carry = lambda data: data.replace(said, heard)
    with suppress(LinkUnavailable):
        bench.modem.send(payload)
        assert bench.received == [payload]


def test_on_a_garbling_wire_every_message_comes_through_in_the_end():
    bench = Bench(7, faults=Faults(fails=0.3, loses_reply=0.2), wire_fault=0.002)
    payloads = [bytes([n]) * 30 for n in range(20)]
    for payload in payloads:
        deliver(bench, payload)
    assert set(payloads) <= set(bench.received)


def test_a_modem_that_lost_power_is_set_up_again():
    bench = Bench()
    bench.modem.send(PAYLOAD)
    bench.twin.power_up()
    bench.modem.send(PAYLOAD)
    assert [delivery.momsn for delivery in bench.gateway.received] == [0, 1]
    assert repr(bench.modem) == "SbdModem('wire', faults=0)"
