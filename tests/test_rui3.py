"""The RUI3 dialogues, against what modules and their firmware answer."""

import re
from datetime import UTC, datetime

import pytest
from rui3_bench import DOWNLINK, DWELL, KEY, NETWORK, PAYLOAD, Module, play, send, sending

from trapnode.errors import MessageRefused, ProtocolError
from trapnode.protocols import rui3, rui3_module
from trapnode.protocols.lorawan import LARGEST, Downlink, Outcome, Region


@pytest.mark.parametrize("cut", range(0, 80))
def test_a_confirmed_frame_is_delivered_however_the_port_cuts_the_answers(cut):
    module = Module()
    assert send(module, cut=cut).outcome is Outcome.DELIVERED
    assert module.sent("SEND") == [f"AT+SEND=2:{PAYLOAD.hex().upper()}"]


def test_a_module_set_up_and_joined_is_written_nothing_to():
    module = Module()
    assert play(rui3_module.start(NETWORK), module.answer) == rui3_module.Started(
        echoes=True, joined=True
    )
    assert all(each in ("AT",) or each.endswith("=?") for each in module.heard)


@pytest.mark.parametrize(
    ("region", "band"), [("RU864", "2"), ("EU868", "4"), ("AS923", "8"), ("CN470", "1")]
)
def test_a_fresh_module_gets_its_region_and_keys_and_joins(region, band):
    network = rui3_module.Network(Region(region), NETWORK.dev_eui, NETWORK.app_eui, KEY)
    module = Module(rate=3)
    module.store |= {"BAND": "5", "APPKEY": "0" * 32, "NWM": "0"}
    assert send(module, network).outcome is Outcome.DELIVERED
    assert module.store["BAND"] == band
    assert module.store["APPKEY"] == KEY.upper()
    assert len(module.sent("JOIN")) == 1


def test_a_setting_that_ends_no_session_needs_no_new_one():
    module = Module()
    module.store |= {"RETY": "7", "CFM": "0"}
    assert send(module).outcome is Outcome.DELIVERED
    assert (module.store["RETY"], module.store["CFM"], module.sent("JOIN")) == ("0", "1", [])


def test_a_session_that_the_network_forgot_is_renewed_when_told():
    module = Module()
    assert send(module, rejoin=True).outcome is Outcome.DELIVERED
    assert len(module.sent("JOIN")) == 1


def test_a_lost_word_on_the_join_is_asked_for():
    lost = [(r"AT\+JOIN=.*", "$\r\nOK\r\n"), (r"AT\+NJS=\?", "AT+NJS=0\r\nOK\r\n")]
    module = Module(says=lost)  # The module says at first that it has not joined.
    assert send(module).outcome is Outcome.DELIVERED
    assert len(module.sent("JOIN")) == 1


@pytest.mark.parametrize("event", ["JOIN FAILED", "JOIN_FAILED_RX_TIMEOUT"])
def test_a_network_that_does_not_answer_is_tried_again_later(event):
    module = Module(joined=False, says=[(r"AT\+JOIN=.*", f"$\r\nOK\r\n+EVT:{event}\r\n")] * 2)
    result = send(module)
    assert (result.outcome, result.reason) == (
        Outcome.RETRY,
        "the network did not answer the join",
    )
    assert module.sent("SEND") == []


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        ("+EVT:SEND_CONFIRMED_OK", Outcome.DELIVERED),
        ("+EVT:SEND CONFIRMED OK", Outcome.DELIVERED),
        ("+EVT:TX_DONE", Outcome.ON_AIR),
        ("+EVT:SEND_CONFIRMED_FAILED", Outcome.RETRY),
        ("+EVT:SEND_CONFIRMED_FAILED(4)", Outcome.RETRY),
        ("+EVT:SEND CONFIRMED FAILED", Outcome.RETRY),
        ("+EVT:SEND_CONFIRMED_O", Outcome.RETRY),
        ("", Outcome.RETRY),
    ],
)
def test_only_the_networks_word_is_delivery(event, outcome):
    assert send(Module(says=sending("OK", event))).outcome is outcome


def test_a_word_on_an_earlier_frame_is_not_ours():
    late = sending("+EVT:SEND_CONFIRMED_OK", "OK", "+EVT:SEND_CONFIRMED_FAILED")
    assert send(Module(says=late)).outcome is Outcome.RETRY


def test_a_module_that_heard_other_bytes_delivered_nothing_of_ours():
    garbled = [(r"AT\+SEND=.*", "AT+SEND=2:FF\r\nOK\r\n+EVT:SEND_CONFIRMED_OK\r\n")]
    result = send(Module(says=garbled))
    assert (result.outcome, result.reason) == (
        Outcome.RETRY,
        "the module heard other bytes than ours",
    )


def test_downlinks_come_between_any_two_lines():
    says = sending(DOWNLINK, "OK", DOWNLINK, "+EVT:SEND_CONFIRMED_OK")
    assert send(Module(says=says)).downlinks == (Downlink(2, b"\x0a\x0b"),) * 2


def test_a_downlink_in_the_same_bytes_as_the_last_word_is_heard():
    says = sending("OK", "+EVT:SEND_CONFIRMED_OK", DOWNLINK)
    assert send(Module(says=says)).downlinks == (Downlink(2, b"\x0a\x0b"),)


def test_a_downlink_after_the_last_word_is_waited_for():
    module, after = Module(), [b"", b"", (DOWNLINK + "\r\n").encode()]

    def answer(written):
        if not written and module.sent("SEND"):
            return after.pop()
        return module.answer(written)

    result = play(rui3.send(PAYLOAD, NETWORK), answer)
    assert (result.outcome, result.downlinks) == (
        Outcome.DELIVERED,
        (Downlink(2, b"\x0a\x0b"),),
    )


@pytest.mark.parametrize(
    ("lines", "wait_s"),
    [
        (["Restricted_Wait_195000_ms", "AT_BUSY_ERROR"], 195.0),
        (["AT_DUTYCYLE_RESTRICTED"], None),
        (["Restricted_Wait_999999999_ms", "AT_BUSY_ERROR"], None),
        (["AT_BUSY_ERROR"], rui3.BUSY_S),
        (["AT_ERROR"], None),
    ],
)
@pytest.mark.parametrize("joined", [True, False])
def test_a_refusal_says_how_long_to_wait(lines, wait_s, joined):
    verb = "SEND" if joined else "JOIN"
    reply = "\r\n".join(["$", *lines, ""])
    module = Module(joined=joined, says=[(rf"AT\+{verb}=.*", reply)] * 2)
    result = send(module)
    assert (result.outcome, result.retry_after_s) == (Outcome.RETRY, wait_s)


@pytest.mark.parametrize(
    ("network", "rate", "size", "reason"),
    [
        (NETWORK, 2, 52, "52 bytes; DR2 of RU864 carries 51: wait or split"),
        (DWELL, 3, 54, "carries 53: wait or split"),
    ],
)
def test_what_is_too_long_for_the_data_rate_is_never_sent(network, rate, size, reason):
    module = Module(network, rate=rate)
    result = send(module, network, bytes(size))
    assert result.outcome is Outcome.WAIT_OR_SPLIT
    assert re.search(reason, result.reason)
    assert module.sent("SEND") == []


def test_under_dwell_time_the_data_rate_is_raised_to_one_that_carries_an_observation():
    module = Module(DWELL, rate=2)
    assert send(module, DWELL).outcome is Outcome.DELIVERED
    assert (module.sent("DR"), send(module, DWELL).room) == (["AT+DR=3"], 53)


def test_a_data_rate_that_cannot_be_raised_carries_no_sealed_observation():
    refuses = [(r"AT\+DR=3", "$\r\nAT_PARAM_ERROR\r\n")] * 2
    module = Module(DWELL, rate=2, says=refuses)
    result = send(module, DWELL)
    assert (result.outcome, result.room) == (Outcome.WAIT_OR_SPLIT, 11)
    assert "DR2 of AS923 carries 11: no sealed observation (22) fits: wait" in result.reason
    assert module.sent("SEND") == []


TIME = rui3.network_time
BOUNDS = {"built": datetime(2026, 11, 1, tzinfo=UTC), "latest": datetime(2036, 1, 1, tzinfo=UTC)}


def timed(*said: str):
    """Answer the module's clock so, reading by reading."""
    return [(r"AT\+LTIME=\?", f"$\r\n{each}\r\nOK\r\n") for each in said]


@pytest.mark.parametrize("key", ["LTIME:", "LTIME: ", "AT+LTIME="])
def test_the_modules_clock_has_the_month_before_the_day(key):
    module = Module(says=timed(f"{key}07h48m53s on 12/05/2026", f"{key}07h48m54s on 12/05/2026"))
    found = play(TIME(NETWORK, **BOUNDS), module.answer)
    assert found == datetime(2026, 12, 5, 7, 48, 54, tzinfo=UTC)
    assert module.store["TIMEREQ"] == "1"


@pytest.mark.parametrize("said", ["00h00m07s on 01/01/1970", "25h00m00s on 13/41/2026", "noise"])
def test_a_clock_that_the_network_did_not_set_is_none(said):
    module = Module(says=timed(*[f"LTIME:{said}"] * 8))
    assert play(TIME(NETWORK, **BOUNDS), module.answer) is None


def test_two_readings_of_the_time_must_agree():
    said = "LTIME:07h48m53s on 12/05/2026", "LTIME:17h48m54s on 12/05/2026"
    with pytest.raises(ProtocolError, match="two readings"):
        play(TIME(NETWORK, **BOUNDS), Module(says=timed(*said)).answer)


def test_the_macs_own_answers_may_leave_no_room():
    result = send(Module(says=sending("AT_PARAM_ERROR")), payload=bytes(51))
    assert result.outcome is Outcome.WAIT_OR_SPLIT


@pytest.mark.parametrize("size", [0, LARGEST + 1])
def test_what_no_data_rate_carries_is_refused_before_a_byte_is_written(size):
    with pytest.raises(MessageRefused, match=str(size)):
        next(rui3.send(bytes(size), NETWORK))
