"""What comes down: authentic, new, obeyed once, answered once; all else does nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import (
    KEY,
    NOON,
    ScriptedModem,
    boot,
    commands_of,
    downlink,
    uplinker_of,
)
from tests.faults import Power, every_cut
from tests.test_uplinker import send_all
from trapnode.config import Config, parse
from trapnode.errors import ConfigError, DeviceError
from trapnode.message import Answer, Outcome, Result, read_body
from trapnode.message.downlink import (
    KEYS,
    Ack,
    Reboot,
    SendStatus,
    Set,
    SetTime,
    Setting,
)
from trapnode.message.sealing import CardKey, seal_downlink
from trapnode.model import MessageKind, Scores, Verdict
from trapnode.policy.verdict import Thresholds, decide
from trapnode.sim.clock import SteppedClock
from trapnode.store import ram
from trapnode.store.settings import in_force, path_of, scaled

DAY = 86_400.0
LATER = NOON + timedelta(days=40)
INT32 = st.integers(-(1 << 31), (1 << 31) - 1)


class Unit:
    """Who obeys, over one store."""

    def __init__(self, store, run, clock, config=None, refuses=False):
        self.store, self.run, self.clock = store, run, clock
        self.set_to: list[datetime] = []
        self._refuses = refuses
        self.commands = commands_of(store, run, boot(store), self.set_clock, config or Config())

    def set_clock(self, at):
        if self._refuses:
            raise DeviceError("clock: cannot be set: not permitted")
        self.set_to.append(at)

    def hear(self, counter, *commands):
        self.commands.obey(downlink(counter, *commands), self.clock)

    def answers(self):
        reports = [each for each in self.store.outbox.waiting() if each.kind is MessageKind.ANSWER]
        return [read_body(MessageKind.ANSWER, each.body).answer for each in reports]


@pytest.fixture
def unit(store, run, clock):
    return Unit(store, run, clock)


def state(unit):
    """What a downlink without effect leaves as it is."""
    tables = ("setting", "report", "message", "preview_wish", "downlink", "clock_change")
    rows = [unit.store.database.rows(f"SELECT * FROM {table}") for table in tables]
    return rows, unit.set_to, (unit.run / "reboot").exists(), ram.read_settings(unit.run)


def test_each_command_is_done_once_and_told_once(unit):
    at = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
    unit.hear(3, SendStatus(), Set(Setting.BATCH_S, 600), SetTime(at), Reboot())
    applied = Result.APPLIED
    answer = Answer(3, (Outcome(2, applied), Outcome(4, applied, 2, 600), Outcome(5, applied)))
    (found,) = unit.answers()
    assert (found.downlink, found.outcomes[:3]) == (3, answer.outcomes)
    assert found.outcomes[3] == Outcome(6, applied)
    assert unit.store.outbox.status_wanted()
    assert unit.store.settings.values() == {"uplink.batch_s": 600}
    assert ram.read_settings(unit.run) == {"uplink.batch_s": 600}
    assert unit.set_to == [at]
    assert (unit.run / "reboot").exists()


def test_an_acknowledgement_alone_is_not_answered(unit):
    unit.hear(1, Ack(1, 0))
    assert unit.answers() == []
    assert unit.store.downlinks.last() == 1


@pytest.mark.parametrize("garbage", [b"", b"no number", b"\x00\x00"])
def test_a_torn_counter_of_downlinks_makes_nobody_deaf_and_nothing_old_new(
    card, run, clock, garbage
):
    store = Power().open(card)
    Unit(store, run, clock).hear(5, SendStatus())
    store.close()
    (card / "downlinks").write_bytes(garbage)
    store = Power().open(card)
    unit = Unit(store, run, clock)
    unit.commands.begin(clock)
    assert (card / "downlinks").read_bytes() == b"6", "healed by the start"
    unit.hear(5, SendStatus())
    unit.hear(6, SendStatus())
    assert [each.downlink for each in unit.answers()] == [5, 6]
    store.close()


def test_a_unit_that_missed_years_of_downlinks_is_not_deaf(unit):
    unit.hear(3, SendStatus())
    unit.hear(3 + 10 * 52_560, SendStatus())
    assert unit.store.downlinks.last() == 525_603, "a receiver counts ten minutes each"
    unit.hear(525_602, SendStatus())
    unit.hear(525_603, SendStatus())
    assert len(unit.answers()) == 2
    assert unit.store.radio.refused() == {"replayed": 2}


def test_a_clock_that_may_not_be_set_is_told(store, run, clock):
    unit = Unit(store, run, clock, refuses=True)
    unit.hear(1, SetTime(LATER))
    assert unit.answers()[0].outcomes == (Outcome(5, Result.REFUSED),)
    assert store.database.rows("SELECT * FROM clock_change") == []


def test_a_correction_of_the_clock_is_recorded_with_before_and_after(unit, clock):
    unit.hear(1, SetTime(LATER))
    ((_, _, _, before, after, source),) = unit.store.database.rows("SELECT * FROM clock_change")
    assert (before[:10], after[:10], source) == ("2026-11-22", "2027-01-01", "command")


@pytest.mark.parametrize("setting", KEYS)
def test_every_setting_keeps_to_the_limits_of_the_configuration(unit, setting):
    unit.hear(1, Set(setting, -1))
    (answer,) = unit.answers()
    assert answer.outcomes == (Outcome(4, Result.OUT_OF_RANGE, setting, scaled(Config(), setting)),)
    assert unit.store.settings.values() == {}
    was = scaled(Config(), setting)
    unit.hear(2, Set(setting, was + 1))
    assert unit.answers()[1].outcomes == (Outcome(4, Result.APPLIED, setting, was + 1),)
    config = in_force(Config(), unit.store.settings.values())
    assert scaled(config, setting) == was + 1
    assert config != Config()


@settings(max_examples=200, deadline=None)
@given(
    told=st.dictionaries(st.sampled_from(Setting), st.integers(-1, 1100) | INT32, max_size=4),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=3),
    hope=st.floats(0, 1),
)
def test_no_command_makes_a_unit_discard_what_its_set_keeps(told, shares, hope):
    lines = Thresholds(blank=0.7, target=0.03, unknown=0.3)
    try:
        config = in_force(Config(), {path_of(each): value for each, value in told.items()})
    except ConfigError:
        return  # What is out of range takes no effect.
    assert config.sorter.targets == Config().sorter.targets
    assert config.sorter.model == Config().sorter.model
    moved = lines.at_least(config.sorter.blank_least)
    frames = [Scores({"blank": each, "leopard": hope, "deer": 0.0}) for each in shares]
    if decide(frames, lines, config.sorter.targets).verdict is Verdict.KEEP:
        assert decide(frames, moved, config.sorter.targets).verdict is Verdict.KEEP


def test_a_setting_that_nobody_knows_is_refused_as_such(unit):
    unit.hear(1, Set(200, 5))
    assert unit.answers()[0].outcomes == (Outcome(4, Result.UNKNOWN, 200, 0),)


def test_settings_that_do_not_go_together_are_refused_together(store, run, clock):
    config = parse("[burst]\nframes = 3\nframes_max = 4\n")
    unit = Unit(store, run, clock, config)
    unit.hear(1, Set(Setting.BURST_FRAMES, 5))
    assert unit.answers()[0].outcomes[0].result is Result.OUT_OF_RANGE


def broken(counter):
    good = downlink(counter, Set(Setting.BATCH_S, 60), Reboot())
    yield "forged", seal_downlink(counter, b"\x06", CardKey(7, bytes(16)))
    yield "forged", seal_downlink(counter, b"\x06", CardKey(8, KEY.key))
    yield "forged", good[:-1]
    for place in range(3, len(good)):
        yield "forged", good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
    for length in range(12):
        yield "malformed", good[:length]
    yield "malformed", b"\x11" + good[1:]
    yield "malformed", b"RB" + good
    yield "malformed", good + bytes(300)


def test_what_is_forged_torn_or_replayed_does_nothing_and_is_counted(unit):
    unit.hear(70_000 % 65_000, SendStatus())
    before = state(unit)
    counts = {"forged": 0, "malformed": 0, "replayed": 2}
    for why, payload in broken(6_000):
        unit.commands.obey(payload, unit.clock)
        counts[why] += 1
    unit.hear(5_000, SendStatus())
    unit.hear(4_999, Reboot())
    assert state(unit) == before
    assert unit.store.radio.refused() == counts


def test_an_authentic_downlink_that_makes_no_sense_spends_its_counter(unit):
    unit.commands.obey(seal_downlink(1, b"\x04\x01", KEY), unit.clock)
    assert unit.store.radio.refused() == {"unreadable": 1}
    assert unit.answers() == []
    assert unit.store.downlinks.last() == 1


def test_a_command_of_a_newer_receiver_is_answered_as_unknown(unit):
    unit.commands.obey(seal_downlink(1, b"\x02\xee", KEY), unit.clock)
    results = [each.result for each in unit.answers()[0].outcomes]
    assert results == [Result.APPLIED, Result.UNKNOWN]


def test_an_old_downlink_stays_old_when_the_database_breaks(state, run, clock):
    first = Power()
    Unit(first.open(state), run, clock).hear(41, SendStatus())
    first.end()
    (state / "trapnode.db").write_bytes(b"broken" * 999)
    power = Power()
    unit = Unit(power.open(state), run, clock)
    unit.hear(41, Reboot())
    unit.hear(7, Reboot())
    assert unit.store.radio.refused() == {"replayed": 2}
    unit.hear(42, SendStatus())
    assert unit.store.downlinks.last() == 42
    power.end()


# Settings on trial


def roll(unit, days):
    for _ in range(days):
        unit.clock.step(DAY)
        unit.commands.look(unit.clock.now())


def test_a_setting_without_contact_rolls_back_after_three_days_and_says_so(unit):
    unit.hear(9, Set(Setting.CREDITS_DAY, 1))
    roll(unit, 2)
    assert unit.store.settings.values() == {"uplink.credits_day": 1}
    roll(unit, 1)
    assert unit.store.settings.values() == {}
    assert ram.read_settings(unit.run) == {}
    again = unit.answers()[1]
    assert again == Answer(9, (Outcome(4, Result.REFUSED, Setting.CREDITS_DAY, 50),))
    roll(unit, 9)
    assert len(unit.answers()) == 2


def test_contact_ends_the_trial(store, run, clock, unit):
    unit.hear(9, Set(Setting.BATCH_S, 60))
    send_all(uplinker_of(store, run, boot(store)), ScriptedModem(), clock)
    roll(unit, 9)
    assert store.settings.values() == {"uplink.batch_s": 60}


def test_a_second_trial_rolls_back_to_what_was_good(store, run, clock, unit):
    unit.hear(1, Set(Setting.BATCH_S, 60))
    send_all(uplinker_of(store, run, boot(store)), ScriptedModem(), clock)
    unit.hear(2, Set(Setting.BATCH_S, 604_800))
    unit.hear(3, Set(Setting.BATCH_S, 604_000))
    roll(unit, 3)
    assert store.settings.values() == {"uplink.batch_s": 60}


def test_a_clock_that_jumps_ahead_is_one_day_and_one_that_goes_back_none(unit):
    unit.hear(1, Set(Setting.BATCH_S, 60))
    unit.clock.set_wall(NOON + timedelta(days=900))
    for _ in range(5):
        unit.commands.look(unit.clock.now())
    unit.clock.set_wall(NOON - timedelta(days=900))
    for _ in range(5):
        unit.commands.look(unit.clock.now())
    roll(unit, 1)
    assert unit.store.settings.values() == {"uplink.batch_s": 60}
    roll(unit, 1)
    assert unit.store.settings.values() == {}


# The power goes


def test_a_cut_anywhere_in_a_downlink_leaves_it_done_and_told_once_or_not_at_all(card):
    payload = downlink(5, Set(Setting.BATCH_S, 60), SendStatus(), SetTime(LATER), Reboot())

    def work(state, power):
        run = state / "run"
        run.mkdir()
        unit = Unit(power.open(state), run, SteppedClock())
        unit.commands.begin(unit.clock)
        power.told[:] = [unit.set_to]
        unit.commands.obey(payload, unit.clock)

    def check(state, cut):
        (state / "run").mkdir(exist_ok=True)
        power = Power()
        unit = Unit(power.open(state), state / "run", SteppedClock())
        unit.commands.begin(unit.clock)
        taken = unit.store.downlinks.last() == 5
        assert taken or not any(cut.told), "nothing is done before the counter is on the card"
        assert len(unit.answers()) == taken
        assert unit.store.settings.values() == ({"uplink.batch_s": 60} if taken else {})
        assert unit.store.outbox.status_wanted() is taken
        unit.commands.obey(payload, unit.clock)
        unit.commands.begin(unit.clock)
        assert len(unit.answers()) == 1, "told once, whoever sends it again"
        assert unit.store.radio.refused() == ({"replayed": 1} if taken else {})
        power.end()

    assert every_cut(card, None, work, check) > 20


def test_a_cut_anywhere_in_a_trial_leaves_the_old_or_the_new_setting(card):
    def work(state, power):
        run = state / "run"
        run.mkdir()
        unit = Unit(power.open(state), run, SteppedClock())
        unit.hear(1, Set(Setting.BATCH_S, 60))
        roll(unit, 3)

    def check(state, cut):
        power = Power()
        (state / "run").mkdir(exist_ok=True)
        unit = Unit(power.open(state), state / "run", SteppedClock(NOON + timedelta(days=9)))
        assert unit.store.settings.values() in ({}, {"uplink.batch_s": 60})
        before = len(unit.answers())
        roll(unit, 4)
        assert unit.store.settings.values() == {}
        assert len(unit.answers()) == (2 if before else 0)
        power.end()

    assert every_cut(card, None, work, check) > 20
