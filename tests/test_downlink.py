"""Commands to a unit: what goes down comes back, and noise is only ever ProtocolError."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import NOON
from trapnode import message
from trapnode.config import Config
from trapnode.errors import ProtocolError
from trapnode.message import MAX_BODY, Answer, Outcome, Result, pack_answer
from trapnode.message.answer import SET
from trapnode.message.downlink import (
    CODES,
    KEYS,
    Ack,
    Command,
    Reboot,
    SendPreview,
    SendStatus,
    Set,
    SetTime,
    Setting,
    Unknown,
    code_of,
    pack_commands,
    read_commands,
)

VECTORS = json.loads((Path(__file__).parent / "vectors" / "messages.json").read_text("utf-8"))

u16, u24 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFF)
i32 = st.integers(-(1 << 31), (1 << 31) - 1)
commands = st.lists(
    st.one_of(
        st.builds(Ack, u24, st.integers(0, (1 << 64) - 1)),
        st.just(SendStatus()),
        st.builds(SendPreview, u24, u16, u16),
        st.builds(Set, st.integers(0, 255), i32),
        st.builds(
            SetTime,
            st.datetimes(datetime(1970, 1, 1), datetime(2106, 2, 7), timezones=st.just(UTC)).map(
                lambda at: at.replace(microsecond=0)
            ),
        ),
        st.just(Reboot()),
    ),
    min_size=1,
    max_size=4,
)


def answered(told: list[Command]) -> bytes:
    outcomes = (Outcome(code_of(each), Result.APPLIED, 1, 1) for each in told)
    return pack_answer(Answer(1, tuple(outcomes)))


@given(commands)
def test_commands_come_back_as_they_went(told):
    try:
        body = pack_commands(told)
    except ValueError:
        assert sum(len(pack_commands([each])) for each in told) > MAX_BODY
        return
    assert read_commands(body) == tuple(told)
    assert all(code_of(each) == body[0] for each in told[:1])


@given(st.binary(max_size=60))
def test_noise_is_commands_with_an_answer_or_a_protocol_error(noise):
    try:
        found = read_commands(noise)
    except ProtocolError:
        return
    if not any(isinstance(each, Unknown) for each in found):
        assert pack_commands(found) == noise
    to_answer = [each for each in found if not isinstance(each, Ack)]
    if to_answer:
        answered(to_answer)


@pytest.mark.parametrize("vector", VECTORS["downlinks"], ids=lambda each: each["name"])
def test_the_commands_stay_as_units_know_them(vector):
    found = read_commands(bytes.fromhex(vector["body"]))
    assert [{type(each).__name__: _plain(each)} for each in found] == vector["commands"]
    assert vector["body"].startswith(pack_commands(found).hex())


def _plain(command: Command) -> dict[str, object]:
    fields = {name: getattr(command, name) for name in command.__slots__}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in fields.items()
    }


@pytest.mark.parametrize("vector", VECTORS["refused_commands"], ids=lambda each: each["why"])
def test_what_are_not_commands_is_refused_with_the_reason(vector):
    with pytest.raises(ProtocolError, match=vector["says"]):
        read_commands(bytes.fromhex(vector["body"]))


@pytest.mark.parametrize(
    "told",
    [
        [],
        [Reboot()] * 18,
        [Set(1, 1)] * 6,
        [Set(256, 1)],
        [Set(1, 1 << 31)],
        [Ack(1 << 24, 0)],
        [Ack(-1, 0)],
        [Ack(1, 1 << 64)],
        [SendPreview(1, 1 << 16)],
        [Unknown(256)],
    ],
    ids=str,
)
def test_commands_that_do_not_fit_are_not_packed(told):
    with pytest.raises(ValueError, match=r"fit|range"):
        pack_commands(told)


def test_the_ends_of_what_fits_are_packed():
    assert len(pack_commands([Set(1, 1)] * 5)) == 30
    assert len(answered([Set(1, 1)] * 5)) == MAX_BODY
    assert read_commands(pack_commands([Set(1, 1)] * 5)) == (Set(1, 1),) * 5
    full = [Ack(1, 0)] * 3 + [SendStatus()] * 3  # Acks need no answer.
    assert len(pack_commands(full)) == MAX_BODY
    assert read_commands(pack_commands(full)) == tuple(full)
    with pytest.raises(ValueError, match="40 bytes"):
        pack_commands([*full, SendStatus()])


def test_a_preview_is_asked_for_whole_unless_told_otherwise():
    assert SendPreview(42) == SendPreview(42, 0, 0)


def test_an_ack_says_of_each_counter_whether_it_arrived():
    ack = Ack(100, 1 << 63 | 0b101)
    assert [ack.arrived(counter) for counter in (101, 100, 99, 98, 97)] == [
        None,
        True,
        True,
        False,
        True,
    ]
    assert [ack.arrived(counter) for counter in (37, 36, 35)] == [False, True, None]


def test_every_setting_has_its_code_its_place_and_its_words():
    told = [(int(code), f"{key.section}.{key.name}", key.scale) for code, key in KEYS.items()]
    assert told == [
        (1, "keeper.status_hour", 1),
        (2, "uplink.batch_s", 1),
        (3, "uplink.credits_day", 1),
        (4, "uplink.credits_month", 1),
        (5, "sorter.audit_share", 1000),
        (6, "burst.frames", 1),
        (7, "trigger.camera_delay_s", 1000),
        (8, "uplink.most_an_hour", 1),
        (9, "power.linger_s", 1),
        (10, "sorter.blank_least", 1000),
    ]
    assert set(KEYS) == set(Setting)
    assert KEYS.get(99) is None
    for code, name, _ in told:
        assert f"{code:<8} {name} " in (message.__doc__ or "")


def test_the_settings_are_those_of_the_configuration():
    sections = Config()
    for key in KEYS.values():
        section = getattr(sections, key.section)
        assert isinstance(getattr(section, key.name) * key.scale, int | float)


def test_every_command_has_a_code():
    assert sorted(CODES.values()) == list(range(1, 7))
    assert {*CODES, Unknown} == set(Command.__args__)
    assert CODES[Set] == SET


def test_time_is_told_to_the_second_and_held_within_32_bits():
    assert read_commands(pack_commands([SetTime(NOON)])) == (SetTime(NOON),)
    late = datetime(2200, 1, 1, tzinfo=UTC)
    assert read_commands(pack_commands([SetTime(late)])) == (
        SetTime(datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC)),
    )
