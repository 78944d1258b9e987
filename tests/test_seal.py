"""The seal of messages: only whole, authentic, new ones open, and only with their card's key."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ccm import aes, ccm_seal
from trapnode.errors import ProtocolError
from trapnode.message import MAX_BODY, MAX_COUNTER, MAX_MESSAGE, SEALING_COST, read_header
from trapnode.message.header import KINDS, most_body
from trapnode.message.sealing import (
    CardKey,
    Opened,
    open_downlink,
    open_uplink,
    seal,
    seal_card_failed,
    seal_downlink,
)
from trapnode.model import MessageKind

VECTORS = json.loads((Path(__file__).parent / "vectors" / "messages.json").read_text("utf-8"))
KEY = CardKey(VECTORS["generation"], bytes.fromhex(VECTORS["key"]))
OTHER_KEYS = [
    replace(KEY, generation=KEY.generation + 1),
    replace(KEY, key=bytes([KEY.key[0] ^ 1]) + KEY.key[1:]),
]
COUNTED = [kind for kind in KINDS if kind not in (MessageKind.CARD_FAILED, MessageKind.COMMANDS)]
RFC_3610_1 = (
    bytes(range(0xC0, 0xD0)),
    bytes.fromhex("00000003020100a0a1a2a3a4a5"),
    bytes(range(8, 31)),
    bytes(range(8)),
)
RFC_3610_1_SEALED = "588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0"

counters = st.integers(1, MAX_COUNTER)
named = pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda each: each["name"])
down = pytest.mark.parametrize("vector", VECTORS["downlinks"], ids=lambda each: each["name"])


def opened(vector: dict[str, str | int]) -> Opened:
    return open_uplink(bytes.fromhex(str(vector["hex"])), KEY, int(vector["highest"]))


def test_the_calculation_by_hand_is_that_of_the_standards():
    block = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert aes(bytes(range(16)), block).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"  # FIPS 197.
    assert ccm_seal(*RFC_3610_1).hex() == RFC_3610_1_SEALED


@named
def test_a_calculation_by_hand_seals_the_same(vector):
    payload, body = bytes.fromhex(vector["hex"]), bytes.fromhex(vector["body"])
    nonce = KEY.generation.to_bytes(4, "big")
    if vector["kind"] == "card_failed":
        nonce, start = b"F" + nonce + payload[1:9], 9
    else:
        nonce, start = b"U" + nonce + bytes(4) + vector["counter"].to_bytes(4, "big"), 3
    assert payload[start:] == ccm_seal(KEY.key, nonce, body, payload[:3])


@down
def test_a_calculation_by_hand_seals_the_same_downlink(vector):
    payload, body = bytes.fromhex(vector["hex"]), bytes.fromhex(vector["body"])
    nonce = b"D" + KEY.generation.to_bytes(4, "big") + bytes(4)
    nonce += vector["counter"].to_bytes(4, "big")
    assert payload == b"\x18" + payload[1:3] + ccm_seal(KEY.key, nonce, body, payload[:3])


@named
def test_the_vectors_open_and_are_what_this_seals(vector):
    body, kind = bytes.fromhex(vector["body"]), MessageKind(vector["kind"])
    assert opened(vector) == Opened(kind, vector["counter"], body)
    if kind is MessageKind.CARD_FAILED:
        payload = seal_card_failed(body, bytes.fromhex(vector["random"]), KEY)
    else:
        payload = seal(kind, vector["counter"], body, KEY)
    assert payload.hex() == vector["hex"]


@down
def test_the_downlinks_open_and_are_what_this_seals(vector):
    payload, body = bytes.fromhex(vector["hex"]), bytes.fromhex(vector["body"])
    assert seal_downlink(vector["counter"], body, KEY) == payload
    assert open_downlink(payload, KEY, vector["last"]) == (vector["counter"], body)


@named
def test_every_cut_and_every_flipped_bit_is_refused(vector):
    payload = bytes.fromhex(vector["hex"])
    for cut in range(len(payload)):
        with pytest.raises(ProtocolError):
            open_uplink(payload[:cut], KEY, vector["highest"])
    for bit in range(8 * len(payload)):
        flipped = (int.from_bytes(payload, "big") ^ 1 << bit).to_bytes(len(payload), "big")
        with pytest.raises(ProtocolError):
            open_uplink(flipped, KEY, vector["highest"])


@down
def test_every_cut_and_every_flipped_bit_of_a_downlink_is_refused(vector):
    payload = bytes.fromhex(vector["hex"])
    for cut in range(len(payload)):
        with pytest.raises(ProtocolError):
            open_downlink(payload[:cut], KEY, vector["last"])
    for bit in range(8 * len(payload)):
        flipped = (int.from_bytes(payload, "big") ^ 1 << bit).to_bytes(len(payload), "big")
        with pytest.raises(ProtocolError):
            open_downlink(flipped, KEY, vector["last"])


@pytest.mark.parametrize("key", OTHER_KEYS, ids=["generation", "key"])
def test_another_card_opens_nothing(key):
    for vector in VECTORS["messages"]:
        with pytest.raises(ProtocolError, match="not sealed by this card"):
            open_uplink(bytes.fromhex(vector["hex"]), key, vector["highest"])
    for vector in VECTORS["downlinks"]:
        with pytest.raises(ProtocolError, match="not sealed for this card"):
            open_downlink(bytes.fromhex(vector["hex"]), key, vector["last"])


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda each: each["why"])
def test_what_is_not_a_message_is_refused_with_the_reason(vector):
    with pytest.raises(ProtocolError, match=vector["says"]):
        open_uplink(bytes.fromhex(vector["hex"]), KEY, 0)


@pytest.mark.parametrize("vector", VECTORS["refused_downlinks"], ids=lambda each: each["why"])
def test_what_is_not_a_new_downlink_is_refused_with_the_reason(vector):
    with pytest.raises(ProtocolError, match=vector["says"]):
        open_downlink(bytes.fromhex(vector["hex"]), KEY, vector["last"])


@given(st.sampled_from(COUNTED), counters, st.binary(min_size=1, max_size=MAX_BODY))
def test_what_is_sealed_opens_fits_one_credit_and_never_looks_routed(kind, counter, body):
    payload = seal(kind, counter, body, KEY)
    assert len(payload) == len(body) + SEALING_COST <= MAX_MESSAGE
    assert not payload.startswith(b"R")
    header = read_header(payload)
    assert (header.version, header.kind, header.counter16) == (1, kind, counter % (1 << 16))
    assert open_uplink(payload, KEY, counter) == Opened(kind, counter, body)


@pytest.mark.parametrize("kind", COUNTED)
def test_the_longest_body_fits(kind):
    most = 329 if kind is MessageKind.FRAGMENT else 39
    assert open_uplink(seal(kind, 1, bytes(most), KEY), KEY, 0).body == bytes(most)
    with pytest.raises(ValueError, match=f"1 to {most} fit"):
        seal(kind, 1, bytes(most + 1), KEY)


@given(counters, st.integers(-(1 << 16), 1 << 16))
def test_a_counter_is_whole_again_wherever_the_receiver_is(counter, ahead):
    highest = min(max(0, counter + ahead), MAX_COUNTER)
    payload = seal(MessageKind.STATUS, counter, b"body", KEY)
    assert open_uplink(payload, KEY, highest).counter == counter


@given(st.integers(0, MAX_COUNTER - 1), st.data())
def test_a_downlink_opens_once_however_far_ahead(last, data):
    counter = data.draw(st.integers(last + 1, min(last + (1 << 20), MAX_COUNTER)))
    payload = seal_downlink(counter, b"\x02", KEY)
    assert open_downlink(payload, KEY, last) == (counter, b"\x02")
    for later in (counter, data.draw(st.integers(counter, MAX_COUNTER))):
        with pytest.raises(ProtocolError, match="not newer"):
            open_downlink(payload, KEY, later)


@given(st.binary(max_size=400), st.integers(0, MAX_COUNTER))
def test_noise_is_refused(noise, highest):
    for payload in (noise, *(bytes([0x10 | code]) + noise for code in KINDS.values())):
        with pytest.raises(ProtocolError):
            open_uplink(payload, KEY, highest)
        with pytest.raises(ProtocolError):
            open_downlink(payload, KEY, highest)


@pytest.mark.parametrize("kind", KINDS)
def test_no_first_byte_is_that_of_a_routed_message(kind):
    assert 0x10 | KINDS[kind] != ord("R")


@pytest.mark.parametrize(
    ("kind", "counter", "size", "says"),
    [
        (MessageKind.STATUS, 0, 1, "counter 0: 1 to"),
        (MessageKind.STATUS, MAX_COUNTER + 1, 1, "counter 4294967296"),
        (MessageKind.STATUS, 1, 0, "status body of 0 bytes: 1 to 39 fit"),
        (MessageKind.STATUS, 1, 40, "status body of 40 bytes"),
        (MessageKind.FRAGMENT, 1, 330, "fragment body of 330 bytes: 1 to 329"),
        (MessageKind.CARD_FAILED, 1, 9, "card_failed: is not sealed"),
        (MessageKind.COMMANDS, 1, 9, "commands: is not sealed"),
    ],
)
def test_what_cannot_be_sealed_is_refused(kind, counter, size, says):
    with pytest.raises(ValueError, match=says):
        seal(kind, counter, bytes(size), KEY)


@pytest.mark.parametrize(
    ("size", "random", "says"), [(9, 6, "6 random bytes"), (0, 8, "0 bytes"), (34, 8, "34 bytes")]
)
def test_a_word_of_a_failed_card_that_cannot_be_sealed_is_refused(size, random, says):
    assert most_body(MessageKind.CARD_FAILED) == 33
    with pytest.raises(ValueError, match=says):
        seal_card_failed(bytes(size), bytes(random), KEY)


@pytest.mark.parametrize(
    ("generation", "size", "says"),
    [(0, 16, "generation 0"), (1 << 32, 16, "generation 4294967296"), (1, 15, "key of 15 bytes")],
)
def test_a_key_that_cannot_be_is_refused(generation, size, says):
    with pytest.raises(ValueError, match=says):
        CardKey(generation, bytes(size))


def test_a_key_does_not_show_itself():
    assert "key" not in repr(KEY).lower().replace("cardkey", "")
