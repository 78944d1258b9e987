"""The LoRaWAN adapter against its twin: honest outcomes, room by data rate, rejoin, reset."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from lorawan_bench import PLAIN, RESTED_S, LoraBench
from rui3_bench import DWELL, KEY, NETWORK, PAYLOAD

from trapnode.devices.lorawan import ASK_AFTER, JOIN_AFTER
from trapnode.errors import DeviceError, LinkUnavailable, MessageRefused, TooLong
from trapnode.protocols.lorawan import Region
from trapnode.sim.air import Rui3Faults


def deliver(bench, payload=PAYLOAD, tries=60):
    for _ in range(tries):
        try:
            return bench.modem.send(payload)
        except LinkUnavailable as error:
            bench.now += error.retry_after_s or 30
    raise AssertionError(f"not sent in {tries} tries")


def test_a_plain_frame_is_on_the_air_and_a_confirmed_one_delivered():
    sent = deliver(LoraBench())
    assert (sent.delivered, sent.more, sent.downlinks) == (False, 0, ())
    assert 0 < sent.seconds < 60
    bench = LoraBench(NETWORK)
    assert deliver(bench).delivered
    assert bench.received == [PAYLOAD]


def test_the_band_says_how_long_to_wait():
    bench = LoraBench()
    with pytest.raises(LinkUnavailable, match="duty cycle") as raised:
        bench.modem.send(PAYLOAD)  # The join took the air.
    assert 130 < raised.value.retry_after_s < 150


@pytest.mark.parametrize("region", Region)
@pytest.mark.parametrize("dwell", [True, False])
def test_every_region_is_set_up_and_carries_a_sealed_observation(region, dwell):
    bench = LoraBench(replace(PLAIN, region=region, dwell=dwell))
    assert bench.modem.max_payload == 50
    deliver(bench, bytes(50))
    bench.now += RESTED_S
    deliver(bench)
    assert bench.received == [bytes(50), PAYLOAD]
    assert bench.twin.settings["APPKEY"] == KEY.upper()


def test_a_longer_message_takes_a_faster_rate_for_itself_only():
    bench = LoraBench(replace(PLAIN, region=Region.CN470))
    deliver(bench, bytes(50))
    assert bench.twin.settings["DR"] == "1"
    deliver(bench)
    assert (bench.received, bench.twin.settings["DR"]) == ([bytes(50), PAYLOAD], "1")
    assert bench.modem.max_payload == 50


def test_the_room_follows_the_data_rate_of_the_last_frame():
    bench = LoraBench().join()
    deliver(bench)
    assert bench.modem.max_payload == 51
    bench.now += RESTED_S
    bench.twin.settings["DR"] = "3"  # As the network commands.
    deliver(bench)
    assert bench.modem.max_payload == 115
    deliver(bench, bytes(115))
    bench.twin.settings["DR"] = "0"
    bench.now += RESTED_S
    with pytest.raises(TooLong, match="DR0 of RU864 carries 51") as raised:
        bench.modem.send(bytes(115))
    assert (raised.value.room, bench.modem.max_payload) == (51, 51)


def test_under_dwell_time_a_sealed_observation_goes_at_the_next_rate():
    bench = LoraBench(replace(DWELL, confirmed=False))
    deliver(bench)
    assert bench.modem.max_payload == 53
    assert bench.twin.settings["DR"] == "3"
    assert "AS923, joined, DR3 carries 53 bytes" in bench.modem.about()


def test_what_finds_no_room_beside_the_mac_waits_once_and_is_then_to_be_shorter():
    bench = LoraBench(faults=Rui3Faults(crowds=1.0)).join()
    bench.twin.settings["DR"] = "3"
    with pytest.raises(LinkUnavailable, match="no room for 115 bytes") as raised:
        bench.modem.send(bytes(115))
    assert not isinstance(raised.value, TooLong)
    with pytest.raises(TooLong) as raised:
        bench.modem.send(bytes(115))
    assert raised.value.room == 100
    deliver(bench, bytes(100))


def test_an_ordinary_message_without_room_only_waits():
    bench = LoraBench(faults=Rui3Faults(crowds=1.0)).join()
    for _ in range(3):
        with pytest.raises(LinkUnavailable, match="no room for 50 bytes") as raised:
            bench.modem.send(bytes(50))
        assert not isinstance(raised.value, TooLong)


@pytest.mark.parametrize("size", [0, 243])
def test_what_no_rate_carries_is_refused_without_opening_the_port(size):
    bench = LoraBench()
    bench.wire.is_plugged = False
    with pytest.raises(MessageRefused):
        bench.modem.send(bytes(size))


def test_downlinks_for_our_port_come_along_and_others_are_not_ours():
    bench = LoraBench().join()
    bench.air.downlinks.append((3, b"somebody else's"))
    bench.twin.queue_downlink(b"ours")
    assert deliver(bench).downlinks == ()
    bench.now += RESTED_S
    assert deliver(bench).downlinks == (b"ours",)


def test_a_downlink_that_came_with_a_failure_comes_with_the_next_success():
    bench = LoraBench().join()
    bench.twin.queue_downlink(b"ours")
    bench.wire.carry = lambda data: data.replace(b"TX_DONE", b"TX_ONE")
    with pytest.raises(LinkUnavailable, match="may have arrived"):
        bench.modem.send(PAYLOAD)
    bench.wire.carry = lambda data: data
    bench.now += RESTED_S
    assert deliver(bench).downlinks == (b"ours",)


def sent_in_vain(bench, frames):
    for _ in range(frames):
        bench.now += RESTED_S
        try:
            assert not bench.modem.send(PAYLOAD).delivered
        except LinkUnavailable as error:
            assert "no gateway confirmed" in str(error)  # noqa: PT017


def test_a_network_that_forgot_the_session_is_asked_and_joined_anew():
    bench = LoraBench().join()
    bench.air.knows = False
    sent_in_vain(bench, ASK_AFTER)
    assert bench.twin.settings["CFM"] == "0"
    sent_in_vain(bench, JOIN_AFTER - ASK_AFTER)
    assert bench.twin.settings["CFM"] == "1"
    assert bench.received == []
    bench.now += RESTED_S
    deliver(bench)
    assert bench.air.knows
    assert bench.received == [PAYLOAD]
    assert bench.twin.settings["CFM"] == "0"


def test_any_word_of_the_network_ends_the_asking():
    bench = LoraBench().join()
    for _ in range(ASK_AFTER):
        bench.now += RESTED_S
        bench.modem.send(PAYLOAD)
    bench.now += RESTED_S
    assert bench.modem.send(PAYLOAD).delivered  # Asked for a confirmation, and got it.
    bench.now += RESTED_S
    assert not bench.modem.send(PAYLOAD).delivered


def test_a_stuck_module_is_reset_by_its_pin_and_sends():
    bench = LoraBench(wired=True).join()
    bench.twin.stuck = True
    deliver(bench)
    assert bench.received == [PAYLOAD]


def test_a_stuck_module_without_a_pin_is_a_device_error():
    bench = LoraBench().join()
    bench.twin.stuck = True
    with pytest.raises(DeviceError, match="reset it by its pin"):
        bench.modem.send(PAYLOAD)


def test_a_port_that_vanished_does_not_reset_the_module():
    bench = LoraBench(wired=True).join()
    bench.wire.is_plugged = False
    with pytest.raises(DeviceError, match="no such device"):
        bench.modem.send(PAYLOAD)
    assert bench.twin.joined
    bench.wire.is_plugged = True
    deliver(bench)


def test_the_network_tells_the_time_with_the_frame_after_the_question():
    bench = LoraBench(NETWORK).join()
    assert bench.modem.network_time() is None
    deliver(bench)
    found = bench.modem.network_time()
    assert abs(found - bench.air.utc(bench.now)) < timedelta(seconds=2)
    assert bench.modem.network_time() is None, "the module's clock runs away from then on"
    deliver(bench)
    assert bench.modem.network_time() is not None


def test_who_it_is_and_that_nothing_is_fetched():
    bench = LoraBench()
    assert bench.modem.identity() == NETWORK.dev_eui.upper()
    assert "RU864, not joined yet, DR0 carries 51 bytes" in bench.modem.about()
    assert (bench.modem.credit, bench.modem.announced) == (0, False)
    with pytest.raises(LinkUnavailable, match="no downlink without a message"):
        bench.modem.fetch()
    with closing(bench.modem) as modem:
        modem.rest()
    assert repr(modem) == "LorawanModem('wire', faults=0)"


WORST = Rui3Faults(
    loses_frame=0.1,
    loses_ack=0.1,
    loses_join=0.2,
    browns_out=0.1,
    crowds=0.1,
    event_anywhere=0.5,
    sleeps=True,
)


@pytest.mark.parametrize("wire_fault", [0.0, 0.0005])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_fails_every_confirmed_message_arrives_and_none_is_called_delivered_falsely(
    seed, wire_fault
):
    bench = LoraBench(NETWORK, seed, WORST, wire_fault, wired=True)
    for number in range(8):
        payload, tries = bytes([number]) * 22, 0
        while not (sent := attempt(bench, payload)) and (tries := tries + 1) < 80:
            pass
        assert sent, f"message {number} not sent in {tries} tries"
        assert payload in bench.received


def attempt(bench, payload):
    try:
        return bench.modem.send(payload).delivered
    except LinkUnavailable as error:
        bench.now += error.retry_after_s or 60
    except DeviceError:
        bench.now += 60
    return False
