"""Bodies of messages: what goes out comes back, and noise is only ever ProtocolError."""

import contextlib
import dataclasses
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
    MAX_RECORDS,
    Answer,
    CardFailure,
    Faults,
    Fragment,
    Outcome,
    Result,
    Status,
    Suppressed,
    Told,
    pack_answer,
    pack_card_failure,
    pack_fragment,
    pack_observation,
    pack_observations,
    pack_status,
    pack_suppressed,
    read_body,
)
from trapnode.message.answer import SET
from trapnode.message.header import KINDS, MAX_FRAGMENT_BODY, most_body
from trapnode.message.health import CARD_CAUSES, CARD_STATES, TRUSTS, WAKE_REASONS
from trapnode.message.observations import LABELS, MAX_COUNTS, OTHER
from trapnode.model import CardCause, CardState, ClockTrust, MessageKind, WakeReason
from trapnode.words import Stage

VECTORS = json.loads((Path(__file__).parent / "vectors" / "messages.json").read_text("utf-8"))
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
    power_lost=st.integers(0, 15),
    watchdog_resets=st.integers(0, 3),
    stage=st.sampled_from(Stage),
)
failures = st.builds(
    CardFailure,
    at=moments,
    cause=st.sampled_from(CARD_CAUSES),
    sequences=st.integers(0, 0xFFFF),
    targets=st.integers(0, 0xFFFF),
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
    power_lost=3,
    watchdog_resets=1,
    stage=Stage.NO_PREVIEWS,
)
FAILURE = CardFailure(NOON, CardCause.READ_ONLY, 7, 2)
OBSERVATIONS = MessageKind.OBSERVATIONS

suppressions = st.builds(
    Suppressed,
    since=moments,
    counts=st.dictionaries(
        st.sampled_from([*LABELS, OTHER]), st.integers(0, 0xFFFF), min_size=1, max_size=MAX_COUNTS
    ),
)
outcomes = st.one_of(
    st.builds(
        Outcome, st.integers(0, 255).filter(lambda code: code != SET), st.sampled_from(Result)
    ),
    st.builds(
        Outcome,
        st.just(SET),
        st.sampled_from(Result),
        st.integers(0, 255),
        st.integers(-(1 << 31), (1 << 31) - 1),
    ),
)
answers = st.builds(
    Answer, st.integers(0, 0xFFFFFFFF), st.lists(outcomes, min_size=1, max_size=5).map(tuple)
)


@st.composite
def fragments(draw) -> Fragment:
    data = draw(st.binary(min_size=1, max_size=322))
    offset = draw(st.integers(0, 0xFFFF - len(data)))
    total = draw(st.integers(offset + len(data), 0xFFFF))
    return Fragment(draw(st.integers(0, 0xFFFFFF)), offset, total, data)


def packed(told: Told) -> bytes:
    """Pack again what was read, all but observations."""
    match told:
        case Told(status=Status() as status):
            return pack_status(status)
        case Told(card_failure=CardFailure() as failure):
            return pack_card_failure(failure)
        case Told(suppressed=Suppressed() as suppressed):
            return pack_suppressed(suppressed)
        case Told(answer=Answer() as answer):
            return pack_answer(answer)
        case Told(fragment=Fragment() as fragment):
            return pack_fragment(fragment)
    raise AssertionError(told)


@given(st.lists(observations, min_size=1, max_size=MAX_RECORDS))
def test_observations_come_back_as_they_went(told):
    found = read_body(OBSERVATIONS, pack_observations([*map(pack_observation, told)]))
    assert found.kind is OBSERVATIONS
    for record, observation in zip(found.observations, told, strict=True):
        assert record.observation == observation.id % (1 << 24)
        assert record.observed_at == observation.observed_at
        assert record.label == observation.label
        assert record.probability == pytest.approx(observation.probability, abs=0.00501)
        assert record.frames == min(observation.frames, 15)
        assert record.target is observation.target
        assert record.clock_trusted is observation.clock_trusted
        assert record.count == (observation.count and min(observation.count, 15))


@given(
    st.one_of(
        statuses.map(lambda each: Told(MessageKind.STATUS, status=each)),
        failures.map(lambda each: Told(MessageKind.CARD_FAILED, card_failure=each)),
        suppressions.map(lambda each: Told(MessageKind.SUPPRESSED, suppressed=each)),
        answers.map(lambda each: Told(MessageKind.ANSWER, answer=each)),
        fragments().map(lambda each: Told(MessageKind.FRAGMENT, fragment=each)),
    )
)
def test_what_is_told_comes_back_as_it_went_and_fits_its_message(told):
    body = packed(told)
    assert read_body(told.kind, body) == told
    assert len(body) <= most_body(told.kind)
    assert most_body(told.kind) <= (329 if told.kind is MessageKind.FRAGMENT else 39)


def test_three_observations_fit_and_four_do_not():
    record = pack_observation(an_observation())
    assert MAX_RECORDS == 3
    assert len(pack_observations([record] * 3)) <= MAX_BODY
    for records in ([record] * 4, [], [record[:-1]]):
        with pytest.raises(ValueError, match="1 to 3 of 11 fit"):
            pack_observations(records)


@given(st.sampled_from(MessageKind), st.binary(max_size=400))
def test_noise_is_a_body_or_a_protocol_error(kind, noise):
    try:
        told = read_body(kind, noise)
    except ProtocolError:
        return
    if told.observations:
        assert len(told.observations) == len(noise) / 11
    elif told.suppressed is None:  # Its counts may come in another order.
        assert packed(told) == noise


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda each: each["name"])
def test_a_cut_body_is_refused_or_is_whole_records(vector):
    body, kind = bytes.fromhex(vector["body"]), MessageKind(vector["kind"])
    for cut in range(len(body)):
        with contextlib.suppress(ProtocolError):
            told = read_body(kind, body[:cut])
            assert told != read_body(kind, body)
            assert kind not in (MessageKind.STATUS, MessageKind.CARD_FAILED)


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda each: each["name"])
def test_the_bodies_stay_as_receivers_know_them(vector):
    told = read_body(MessageKind(vector["kind"]), bytes.fromhex(vector["body"]))
    (found,) = (each for name in told.__slots__ if name != "kind" and (each := getattr(told, name)))
    assert _plain(found) == vector["told"]


def _plain(value: object) -> object:
    """Say a value in JSON's words, as the vectors do."""
    if dataclasses.is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in value.__slots__}  # type: ignore[attr-defined]
    if isinstance(value, tuple):
        return [*map(_plain, value)]
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, datetime) else value


def test_the_vectors_are_what_this_packs():
    at = datetime(2026, 11, 22, 4, 30, 12, tzinfo=UTC)
    leopard = an_observation(42, "leopard", observed_at=at)
    family = replace(leopard, count=3)
    herd = an_observation(43, "boar", observed_at=at, count=23, frames=20)
    bodies = {
        "one leopard": pack_observation(leopard),
        "a leopard with two cubs and a herd, after the 16 bits wrapped": pack_observations(
            [*map(pack_observation, (family, herd))]
        ),
        "a status that came late": pack_status(STATUS),
        "the card failed": pack_card_failure(FAILURE),
    }
    for vector in VECTORS["messages"]:
        if vector["name"] in bodies:
            assert bodies.pop(vector["name"]).hex() == vector["body"]
        elif vector["kind"] != "observations":
            body = bytes.fromhex(vector["body"])
            assert packed(read_body(MessageKind(vector["kind"]), body)) == body
    assert not bodies


@pytest.mark.parametrize("vector", VECTORS["refused_bodies"], ids=lambda each: each["why"])
def test_what_is_not_a_body_is_refused_with_the_reason(vector):
    with pytest.raises(ProtocolError, match=vector["says"]):
        read_body(MessageKind(vector["kind"]), bytes.fromhex(vector["body"]))


def test_every_kind_is_read_or_goes_down():
    assert set(KINDS) == set(MessageKind)
    for kind in MessageKind:
        with pytest.raises(ProtocolError):
            read_body(kind, b"")


def test_more_labels_than_fit_are_added_up_as_one():
    counts = {label: 100 - number for number, label in enumerate(LABELS)} | {"lynx": 5}
    told = read_body(MessageKind.SUPPRESSED, pack_suppressed(Suppressed(NOON, counts))).suppressed
    assert told is not None
    assert len(told.counts) == MAX_COUNTS
    assert sum(told.counts.values()) == sum(counts.values())
    assert told.counts[OTHER] == 5 + 88 + 89 + 90
    crowded = Suppressed(NOON, {"boar": 1 << 20})
    held = read_body(MessageKind.SUPPRESSED, pack_suppressed(crowded)).suppressed
    assert held is not None
    assert held.counts == {"boar": 0xFFFF}


def test_the_longest_fragment_is_what_a_9602_takes():
    longest = Fragment(1, 0, 322, bytes(322))
    assert read_body(MessageKind.FRAGMENT, pack_fragment(longest)).fragment == longest


@pytest.mark.parametrize(
    "fragment",
    [
        Fragment(1, 0, 9, b""),
        Fragment(1, 8, 9, b"ab"),
        Fragment(1, -1, 9, b"ab"),
        Fragment(1, 0, 1 << 16, b"ab"),
        Fragment(1, 0, 999, bytes(MAX_FRAGMENT_BODY)),
    ],
)
def test_a_fragment_that_cannot_be_is_not_packed(fragment):
    with pytest.raises(ValueError, match="fragment"):
        pack_fragment(fragment)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(1, ()),
        Answer(1 << 32, (Outcome(2, Result.APPLIED),)),
        Answer(1, (Outcome(SET, Result.APPLIED, 1, 1),) * 6),
    ],
)
def test_an_answer_that_cannot_be_is_not_packed(answer):
    with pytest.raises(ValueError, match=r"answer|Answer"):
        pack_answer(answer)


def test_a_label_newer_than_the_table_is_told_as_other():
    record = read_body(OBSERVATIONS, pack_observation(an_observation(1, "lynx"))).observations[0]
    assert record.label == "label255"


@pytest.mark.parametrize(("probability", "told"), [(1.004, 1.0), (-0.01, 0.0), (0.004, 0.0)])
def test_a_probability_just_outside_its_range_is_held_inside(probability, told):
    observation = an_observation(1, probability=probability)
    assert (
        read_body(OBSERVATIONS, pack_observation(observation)).observations[0].probability == told
    )


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
    assert (
        read_body(OBSERVATIONS, pack_observation(observation)).observations[0].observed_at == told
    )


def test_counts_that_do_not_fit_stay_at_the_highest_value():
    mad = replace(
        STATUS,
        battery_mv=70_000,
        temperature_c=-200,
        card_free_mib=1 << 30,
        targets=1 << 20,
        waiting=-1,
    )
    found = read_body(MessageKind.STATUS, pack_status(mad)).status
    assert found is not None
    assert (found.battery_mv, found.temperature_c) == (0xFFFE, -127)
    assert (found.card_free_mib, found.targets, found.waiting) == (0xFFFF * 16, 0xFFFF, 0)


def test_labels_are_plain_words():
    letters = set(string.ascii_lowercase + "_")
    assert all(set(label) <= letters for label in LABELS)
