"""The air format: what goes out comes back, and noise is only ever ProtocolError."""

import json
import string
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import NOON, an_observation
from trapnode.errors import ProtocolError
from trapnode.message import (
    MAX_BODY,
    MAX_MESSAGE,
    MAX_RECORDS,
    CardFailure,
    Faults,
    Status,
    decode,
    pack_card_failure,
    pack_message,
    pack_observation,
    pack_status,
)
from trapnode.message.codec import LABELS
from trapnode.message.health import CARD_CAUSES, CARD_STATES, TRUSTS, WAKE_REASONS
from trapnode.model import CardCause, CardState, ClockTrust, MessageKind, WakeReason

VECTORS = json.loads((Path(__file__).parent / "vectors" / "messages.json").read_text("utf-8"))
TAG = 8
LORAWAN_LOWEST = 51
SECOND_2038 = datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC)

moments = st.datetimes(datetime(1970, 1, 1), datetime(2106, 2, 7), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=0)
)
observations = st.builds(
    an_observation,
    identity=st.integers(0, 1 << 24),
    label=st.sampled_from(LABELS),
    observed_at=moments,
    probability=st.one_of(st.none(), st.floats(0, 1)),
    frames=st.integers(0, 60),
    count=st.one_of(st.none(), st.integers(1, 40)),
    clock_trusted=st.booleans(),
    target=st.booleans(),
)
statuses = st.builds(
    Status,
    at=moments,
    battery_mv=st.one_of(st.none(), st.integers(0, 0xFFFE)),
    temperature_c=st.one_of(st.none(), st.integers(-127, 127)),
    card_free_mib=st.integers(0, 0xFFFF).map(lambda units: units * 16),
    boots=st.integers(0, 0xFFFF),
    sequences=st.integers(0, 0xFFFFFF),
    discarded=st.integers(0, 0xFFFFFF),
    targets=st.integers(0, 0xFFFF),
    unsorted=st.integers(0, 0xFFFF),
    unclassified=st.integers(0, 0xFFFF),
    waiting=st.integers(0, 0xFFFF),
    wake_reason=st.sampled_from(WAKE_REASONS),
    clock_trust=st.sampled_from(TRUSTS),
    faults=st.integers(0, 255).map(Faults),
    card=st.sampled_from(CARD_STATES),
    evicted=st.integers(0, 0xFFFF),
    evicted_audit=st.integers(0, 0xFFFF),
    written_mib=st.one_of(st.none(), st.integers(0, 0xFFFE)),
    syncs=st.one_of(st.none(), st.integers(0, 0xFE)),
)
failures = st.builds(
    CardFailure,
    at=moments,
    cause=st.sampled_from(CARD_CAUSES),
    sequences=st.integers(0, 0xFFFF),
    targets=st.integers(0, 0xFFFF),
    nonce=st.binary(min_size=6, max_size=6),
)
STATUS = Status(
    at=NOON,
    battery_mv=9_800,
    temperature_c=-31,
    card_free_mib=41_232,
    boots=412,
    sequences=1_234,
    discarded=1_000,
    targets=7,
    unsorted=2,
    unclassified=1,
    waiting=3,
    wake_reason=WakeReason.ALARM,
    clock_trust=ClockTrust.NETWORK,
    faults=Faults.CARD | Faults.CLOCK,
    card=CardState.FULL,
    evicted=37,
    evicted_audit=5,
    written_mib=412,
    syncs=9,
)
FAILURE = CardFailure(NOON, CardCause.READ_ONLY, 7, 2, bytes.fromhex("0123456789ab"))


def one(body: bytes, kind: MessageKind = MessageKind.OBSERVATIONS, counter: int = 1) -> bytes:
    return pack_message(kind, counter, [body])


@given(st.lists(observations, min_size=1, max_size=MAX_RECORDS), st.integers(0, 1 << 40))
def test_observations_come_back_as_they_went(told, counter):
    payload = pack_message(MessageKind.OBSERVATIONS, counter, [*map(pack_observation, told)])
    found = decode(payload)
    assert found.kind is MessageKind.OBSERVATIONS
    assert found.counter == counter % (1 << 16)
    for record, observation in zip(found.observations, told, strict=True):
        assert record.observation == observation.id % (1 << 24)
        assert record.observed_at == observation.observed_at
        assert record.label == observation.label
        assert record.probability == pytest.approx(observation.probability, abs=0.00501)
        assert record.frames == min(observation.frames, 15)
        assert record.target is observation.target
        assert record.clock_trusted is observation.clock_trusted
        assert record.count == (observation.count and min(observation.count, 15))


@given(statuses)
def test_a_status_comes_back_as_it_went(status):
    assert decode(one(pack_status(status), MessageKind.STATUS)).status == status


@given(failures, st.integers(0, 1 << 40))
def test_the_word_that_the_card_failed_comes_back_as_it_went(failure, number):
    payload = one(pack_card_failure(failure), MessageKind.CARD_FAILED, number)
    found = decode(payload)
    assert (found.kind, found.card_failure) == (MessageKind.CARD_FAILED, failure)
    assert len(payload) + TAG <= MAX_MESSAGE


@given(st.lists(observations, min_size=1, max_size=MAX_RECORDS), statuses)
def test_a_message_with_its_tag_fits_one_credit_and_never_looks_routed(told, status):
    for payload in (
        pack_message(MessageKind.OBSERVATIONS, 5, [*map(pack_observation, told)]),
        one(pack_status(status), MessageKind.STATUS),
    ):
        assert len(payload) + TAG <= MAX_MESSAGE < LORAWAN_LOWEST
        assert not payload.startswith(b"RB")


def test_three_observations_fit_and_four_do_not():
    record = pack_observation(an_observation())
    assert MAX_RECORDS == 3
    assert len(one(record)) + TAG == 22
    with pytest.raises(ValueError, match=f"44 bytes: 1 to {MAX_BODY} fit"):
        pack_message(MessageKind.OBSERVATIONS, 1, [record] * 4)
    with pytest.raises(ValueError, match="0 bytes"):
        pack_message(MessageKind.STATUS, 1, [])


@given(st.binary(max_size=80))
def test_noise_is_a_message_or_a_protocol_error(noise):
    read(noise)


@given(st.sampled_from([b"\x11", b"\x12", b"\x13"]), st.binary(max_size=60))
def test_noise_behind_a_good_header_is_a_message_or_a_protocol_error(first, noise):
    read(first + noise)


def read(payload: bytes) -> None:
    """Read noise; what is a message says the same when packed again."""
    try:
        found = decode(payload)
    except ProtocolError:
        return
    if found.status is not None:
        assert one(pack_status(found.status), found.kind, found.counter) == payload
    elif found.card_failure is not None:
        assert one(pack_card_failure(found.card_failure), found.kind, found.counter) == payload
    else:
        assert len(found.observations) == len(payload) // 11


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda each: each["name"])
def test_a_cut_message_is_refused_or_is_whole_records(vector):
    payload = bytes.fromhex(vector["hex"])
    whole = len(decode(payload).observations)
    for cut in range(len(payload)):
        if whole and cut > 3 and (cut - 3) % 11 == 0:
            assert len(decode(payload[:cut]).observations) < whole
        else:
            with pytest.raises(ProtocolError):
                decode(payload[:cut])


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda each: each["name"])
def test_the_format_on_the_air_stays_as_receivers_know_it(vector):
    found = decode(bytes.fromhex(vector["hex"]))
    assert found.version == VECTORS["version"]
    assert (found.kind.value, found.counter) == (vector["kind"], vector["counter"])
    records = found.observations or [found.status or found.card_failure]
    for record, told in zip(records, vector["records"], strict=True):
        for name, value in told.items():
            assert json.loads(json.dumps(getattr(record, name), default=_plain)) == value, name


def _plain(value: object) -> object:
    assert isinstance(value, datetime)
    return value.isoformat()


def test_the_vectors_are_what_this_packs():
    leopard = an_observation(
        42, "leopard", observed_at=datetime(2026, 11, 22, 4, 30, 12, tzinfo=UTC)
    )
    assert one(pack_observation(leopard)).hex() == VECTORS["messages"][0]["hex"]
    family = replace(leopard, count=3)
    herd = an_observation(43, "boar", observed_at=leopard.observed_at, count=23, frames=20)
    counted = [*map(pack_observation, (family, herd))]
    assert pack_message(MessageKind.OBSERVATIONS, 2, counted).hex() == VECTORS["messages"][3]["hex"]
    assert (
        one(pack_status(STATUS), MessageKind.STATUS, 0x1234F).hex()
        == (VECTORS["messages"][2]["hex"])
    )
    failed = one(pack_card_failure(FAILURE), MessageKind.CARD_FAILED, 0xBEEF)
    assert failed.hex() == VECTORS["messages"][4]["hex"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda each: each["why"])
def test_what_is_not_a_message_is_refused_with_the_reason(vector):
    with pytest.raises(ProtocolError, match=vector["says"]):
        decode(bytes.fromhex(vector["hex"]))


def test_a_label_newer_than_the_table_is_told_as_other():
    record = decode(one(pack_observation(an_observation(1, "lynx")))).observations[0]
    assert record.label == "label255"


@pytest.mark.parametrize(("probability", "told"), [(1.004, 1.0), (-0.01, 0.0), (0.004, 0.0)])
def test_a_probability_just_outside_its_range_is_held_inside(probability, told):
    observation = an_observation(1, probability=probability)
    assert decode(one(pack_observation(observation))).observations[0].probability == told


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (SECOND_2038, SECOND_2038),
        (datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC), datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC)),
        (datetime(1901, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
    ],
    ids=["2038", "2106", "1901"],
)
def test_a_mad_clock_is_held_within_what_the_format_can_say(at, told):
    observation = an_observation(1, observed_at=at)
    assert decode(one(pack_observation(observation))).observations[0].observed_at == told


def test_counts_that_do_not_fit_stay_at_the_highest_value():
    mad = replace(
        STATUS,
        battery_mv=70_000,
        temperature_c=-200,
        card_free_mib=1 << 30,
        targets=1 << 20,
        waiting=-1,
    )
    found = decode(one(pack_status(mad), MessageKind.STATUS)).status
    assert found is not None
    assert (found.battery_mv, found.temperature_c) == (0xFFFE, -127)
    assert (found.card_free_mib, found.targets, found.waiting) == (0xFFFF * 16, 0xFFFF, 0)


def test_labels_are_plain_words():
    letters = set(string.ascii_lowercase + "_")
    assert all(set(label) <= letters for label in LABELS)
