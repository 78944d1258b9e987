"""The console: its answers, its loop, and its cable on a real pseudo-terminal."""

import json
import os
import pty
import select
import tty
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.technician import Cable, answered, unit_at
from trapnode.console import VERBS, Console
from trapnode.devices.clock import SystemClock
from trapnode.devices.console import SerialLine
from trapnode.errors import StoreError
from trapnode.loop import Stop
from trapnode.model import (
    ClockTrust,
    MessageKind,
    Observation,
    Scores,
    Shot,
    Trigger,
    Verdict,
    WakeReason,
)
from trapnode.sim.clock import SteppedClock
from trapnode.store import ram, remarks
from trapnode.store.entries import begin_boot
from trapnode.store.fieldnotes import DEPLOY
from trapnode.store.store import open_store
from trapnode.store.visit import UplinkVisit

DEADLINE_S = 5.0
SNAPSHOT = {"unit": "AL07", "monotonic_s": 100.0, "faults": []}


@pytest.fixture
def store(tmp_path):
    """A store with two sorted sequences: a leopard that was told, and a blank."""
    clock = SteppedClock()
    store = open_store(tmp_path / "state")
    boot = begin_boot(store.database, "boot", clock.now(), WakeReason.PIR, ClockTrust.RTC)
    for label, probability, verdict in (
        ("leopard", 0.97, Verdict.KEEP),
        ("blank", 0.991, Verdict.DISCARD),
    ):
        at = clock.now()
        burst = store.archive.begin("AL07", 600, "imx219", Trigger(at, clock.monotonic()), boot)
        burst.add(Shot(b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xd9", at))
        burst.sync()
        burst.close()
        conclude(store, burst.sequence, at, label, probability, verdict)
        clock.step(3600)
    yield store
    store.close()


def conclude(store, sequence, at, label, probability, verdict):
    """Write the verdict on a sequence, and tell it."""
    observation = Observation(
        id=sequence,
        observed_at=at,
        label=label,
        probability=probability,
        frames=1,
        event=sequence,
        clock_trusted=True,
        target=label == "leopard",
        verdict=verdict,
        classified_by="tiny-1",
        classified_at=at,
    )
    with store.database.transaction():
        store.sequences.conclude(observation, [Scores({label: probability})])
        if observation.target:
            store.outbox.tell(MessageKind.OBSERVATIONS, b"leopard", 0, at, observation.id)


@pytest.fixture
def unit(store, tmp_path):
    """A unit over that store's folder, 104 s after its boot."""
    return unit_at(tmp_path, opened=lambda: open_store(store.state))


def test_status_is_the_keepers_snapshot(unit, tmp_path):
    ram.write_snapshot(tmp_path, SNAPSHOT)
    answer = answered(unit, "status")
    assert answer[0] == "AL07  GOOD TO GO"
    assert answer[-1] == "OK"


def test_a_silent_keeper_shows_as_stale(unit, tmp_path):
    ram.write_snapshot(tmp_path, SNAPSHOT)
    unit.clock.step(43)
    assert answered(unit, "STATUS")[:2] == [
        "AL07  NOT GOOD TO GO, because",
        "! stale 47 s: the keeper is silent, this is what it last saw",
    ]


def test_a_snapshot_that_does_not_tell_its_time_is_as_old_as_the_boot(unit, tmp_path):
    ram.write_snapshot(tmp_path, {"unit": "AL07", "monotonic_s": None})
    assert "stale 104 s" in answered(unit, "status")[1]


def test_status_json_is_one_line_for_a_program(unit, tmp_path):
    ram.write_snapshot(tmp_path, SNAPSHOT)
    unit.clock.step(0.25)
    line, ok = answered(unit, " Status  JSON ")
    assert json.loads(line) == SNAPSHOT | {"age_s": 4.2}
    assert ok == "OK"


@pytest.mark.parametrize("verb", ["status", "status json"])
@pytest.mark.parametrize("content", [None, "", "{torn", "[]"])
def test_without_a_snapshot_the_unit_still_says_who_it_is(unit, tmp_path, verb, content):
    if content is not None:
        (tmp_path / "status.json").write_text(content)
    assert answered(unit, verb)[-1] == ("ERR 4 no status: the keeper has not run since power came")
    assert answered(unit, "status")[0] == "AL07  NO STATUS"


def test_status_tells_of_the_radio_the_selftest_and_the_deployment(unit, tmp_path):
    ram.write_snapshot(tmp_path, SNAPSHOT)
    remarks.note_radio(tmp_path, "delivered, signal 3 of 5", 44.0)
    remarks.note_tested(tmp_path, ["pir"], 100.0)
    remarks.note_deployed(tmp_path, DEPLOY, unit.clock.now(), "IK")
    screen = "\n".join(answered(unit, "status"))
    assert "! SELFTEST FAILED: pir" in screen
    assert "modem     delivered, signal 3 of 5, 60 s ago" in screen
    assert "selftest  FAILED, 4 s ago" in screen
    assert "deployed  2026-11-22 04:31:44 UTC by IK" in screen


def test_events_are_the_last_observations_newest_first(unit):
    assert answered(unit, "events") == [
        "     2 2026-11-22 05:30:00Z blank             99%   1 frames discard",
        "     1 2026-11-22 04:30:00Z leopard           97%   1 frames keep",
        "OK",
    ]


def test_queue_shows_what_waits_and_what_is_frozen(unit, store):
    counts, waiting, ok = answered(unit, "queue")
    assert counts == "1 waiting"
    assert waiting == "waiting observations of 2026-11-22 04:30:00Z"
    assert ok == "OK"
    reports = store.outbox.waiting()
    now = reports[0].made_at + timedelta(minutes=1)
    message = store.outbox.freeze(reports, now, lambda kind, counter, body: b"bytes")
    store.outbox.attempt(message, 1, now + timedelta(minutes=5))
    counts, frozen, _ = answered(unit, "queue")
    assert counts == "1 attempted"
    assert frozen == ("message 1 observations attempted, 1 attempts, next 2026-11-22 04:36:00Z")


def test_every_line_of_every_answer_fits_the_screen(unit, tmp_path):
    ram.write_snapshot(tmp_path, SNAPSHOT)
    for verb in sorted(set(VERBS) - {"status json", "clock set", "unlock"}):
        answer = answered(unit, verb)
        assert len(answer) <= 24
        assert all(len(line) <= 80 for line in answer)
        assert answer[-1].split()[0] in ("OK", "ERR")


def test_help_names_every_verb(unit):
    text = " ".join(answered(unit, "help"))
    assert all(verb in text for verb in VERBS)


def test_what_is_not_understood_is_said(unit):
    assert answered(unit, "reboot now") == ["ERR 1 'reboot now' is not understood, try: help"]
    assert answered(unit, "statusjson")[-1].startswith("ERR 1")
    assert answered(unit, "clock set")[-1] == (
        "ERR 5 no time is given: clock set 2026-11-22 14:30 (local time)"
    )


def test_a_store_that_does_not_open_leaves_the_status(tmp_path):
    def broken():
        raise StoreError("trapnode.db: the store does not open: disk I/O error")

    unit = unit_at(tmp_path, opened=broken)
    ram.write_snapshot(tmp_path, SNAPSHOT)
    assert answered(unit, "status")[0] == "AL07  GOOD TO GO"
    for verb in ("events", "queue"):
        assert answered(unit, verb) == [
            "ERR 3 store: trapnode.db: the store does not open: disk I/O error"
        ]


def test_the_store_is_open_for_one_question_only(store, tmp_path):
    opened = []

    def open_one():
        opened.append(open_store(store.state))
        return opened[-1]

    unit = unit_at(tmp_path, opened=open_one)
    for verb in ("events", "queue", "status", "events"):
        answered(unit, verb)
    assert len(opened) == 3
    for each in opened:
        with pytest.raises(StoreError, match="closed"):
            each.outbox.counts()


def test_a_store_begun_anew_between_two_questions_is_answered_from(unit, store):
    assert len(answered(unit, "events")) == 3
    store.close()
    store.database.path.write_bytes(b"garbage" * 999)
    open_store(store.state).close()  # The station's start: quarantine, and a fresh file.
    assert answered(unit, "events") == ["OK"]
    assert answered(unit, "queue")[-1] == "OK"


def test_the_clock_is_told_and_asked_for(unit, tmp_path):
    ram.write_snapshot(tmp_path, SNAPSHOT | {"clock_trust": "none"})
    assert answered(unit, "clock")[0] == (
        "2026-11-22 04:31:44 UTC, 14:31 at the unit (UTC+1000), none"
    )
    uplinker, told = UplinkVisit(tmp_path), []
    cable = Cable(unit, lambda: uplinker.answer(None, told.append, unit.clock.monotonic()))
    assert cable.ask("clock set 2026-11-23 10:05") == ["set, UTC: 2026-11-23 00:05:00", "OK"]
    unit.clock.step(3)
    assert cable.ask("clock set 2026-11-23T10:05:09z")[-1] == "OK"
    assert [each.isoformat() for each in told] == [
        "2026-11-23T00:05:00+00:00",
        "2026-11-23T10:05:09+00:00",
    ]


@pytest.mark.parametrize("said", ["tomorrow", "2026-11-23", "1970-01-01 00:00", "2039-01-01 00:00"])
def test_a_time_that_cannot_be_is_not_asked_for(unit, tmp_path, said):
    assert answered(unit, f"clock set {said}")[-1].startswith("ERR 5")
    assert not (tmp_path / "clock.json").exists()


def test_log_shows_the_journal_and_nothing_that_steers_a_terminal(tmp_path):
    unit = unit_at(tmp_path, journal=lambda: [f"line {n} \x1b[2J" for n in range(99)])
    answer = answered(unit, "log")
    assert answer[-2:] == ["line 98 ?[2J", "OK"]
    assert len(answer) <= 24


def test_a_flood_of_lines_is_told_once_and_then_dropped(unit):
    cable = Cable(unit)
    got = b"".join(cable.type(b"help\r") for _ in range(60))
    assert got.count(b"ERR 8") == 1
    assert got.count(b"\r\nOK\r\n") == 40
    unit.clock.step(11)
    assert cable.type(b"help\r").endswith(b"OK\r\n")


def test_who_types_nothing_for_long_starts_anew(unit, tmp_path):
    cable = Cable(unit)
    cable.type(b"deploy\rIK\rhal")
    assert remarks.technician_here(tmp_path, unit.clock.monotonic())
    unit.clock.step(601)
    assert not remarks.technician_here(tmp_path, unit.clock.monotonic())
    assert cable.type(b"help\r").endswith(b"OK\r\n")
    assert b"status" in cable.type(b"help\r")


def test_noise_on_an_open_wire_is_no_technician(unit, tmp_path):
    Cable(unit).type(b"\xff\r~~~~\rAT\rnonsense\r")
    assert not remarks.technician_here(tmp_path, unit.clock.monotonic())


def test_a_pulled_cable_ends_what_was_going_on(unit, tmp_path):
    cable = Cable(unit)
    cable.type(b"deploy\r")
    cable.console.hang_up()
    assert not remarks.technician_here(tmp_path, unit.clock.monotonic())
    assert b"help" in cable.type(b"help\r")


NOISE = st.lists(
    st.one_of(st.binary(max_size=60), st.sampled_from([f"{v}\r".encode() for v in VERBS])),
    max_size=12,
)


@given(NOISE)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_whatever_is_typed_every_reply_ends_and_is_printable(tmp_path, pieces):
    ram.write_snapshot(tmp_path, SNAPSHOT)
    unit = unit_at(tmp_path)
    cable = Cable(unit)
    for piece in pieces:
        got = cable.type(piece)
        assert all(0x20 <= byte <= 0x7E or byte in b"\r\n\x08" for byte in got)
        unit.clock.step(1)
    unit.clock.step(700)
    assert cable.type(b"\rstatus\r").endswith(b"OK\r\n")


@given(st.binary(max_size=200), st.integers(0, 200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_what_is_typed_reads_the_same_however_it_is_cut(tmp_path, noise, cut):
    whole, pieces = Cable(unit_at(tmp_path)), Cable(unit_at(tmp_path))
    assert whole.type(noise) == pieces.type(noise[:cut]) + pieces.type(noise[cut:])


@pytest.fixture
def stop():
    """The order to stop."""
    stop = Stop()
    yield stop
    stop.close()


@pytest.fixture
def cable():
    """A pseudo-terminal: the technician's end, and the path of ours."""
    theirs, ours = pty.openpty()
    tty.setraw(ours)
    yield theirs, os.ttyname(ours)
    os.close(ours)
    os.close(theirs)


def heard(theirs, end):
    """Read at the technician's end until the bytes end so."""
    got = b""
    while not got.endswith(end):
        assert select.select([theirs], [], [], DEADLINE_S)[0], got
        got += os.read(theirs, 4096)
    return got


def test_the_loop_answers_over_a_cable_until_told_to_stop(unit, tmp_path, stop, cable):
    theirs, path = cable
    ram.write_snapshot(tmp_path, SNAPSHOT)
    rounds = []

    def alive(fault):
        rounds.append(fault)
        if len(rounds) == 2:
            os.write(theirs, b"tus\rAT\r")
        if len(rounds) == 3:
            stop.give()

    with closing(SerialLine(path)) as line:
        line.fileno()  # Opening throws away what came before.
        os.write(theirs, b"sta")
        Console(replace(unit, clock=SystemClock())).run(line, stop, alive)
        got = heard(theirs, b"OK\r\n")
    assert got.startswith(b"status\r\nAT\r\nAL07  NOT GOOD TO GO, because\r\n! stale ")
    assert got.count(b"\r\nOK\r\n") == 1
    assert rounds == ["", "", ""]


def test_a_line_is_read_and_written(cable):
    theirs, path = cable
    with closing(SerialLine(path)) as line:
        assert line.fileno() >= 0
        os.write(theirs, b"status\r")
        assert SystemClock().wait([line], DEADLINE_S) == [line]
        assert line.read() == b"status\r"
        assert line.read() == b""
        line.write(b"AL07  OK\r\n")
        assert heard(theirs, b"\r\n") == b"AL07  OK\r\n"


def test_an_end_that_takes_nothing_holds_nobody_up(cable):
    _, path = cable
    with closing(SerialLine(path)) as line:
        line.fileno()
        for _ in range(100):
            line.write(b"x" * 4096)


def test_an_answer_longer_than_the_port_takes_at_once_comes_whole(cable):
    theirs, path = cable
    sent = "".join(
        f"{number} \u0445\u0432\u0430\u0442\u0438\u0442\r\n" for number in range(800)
    ).encode()
    with closing(SerialLine(path)) as line:
        line.fileno()
        line.write(sent[:9000])
        line.write(sent[9000:])
        seen = b""
        while line.unsent or len(seen) < len(sent):
            seen += os.read(theirs, 1000)
            line.write(b"")
    assert seen == sent


def test_what_nobody_reads_is_dropped_after_a_while(cable):
    _, path = cable
    clock = SteppedClock()
    with closing(SerialLine(path, clock.monotonic)) as line:
        line.fileno()
        for _ in range(100):
            line.write(b"x" * 4096)  # Far more than a port has room for.
        clock.step(4)
        line.write(b"")
        assert line.unsent
        for _ in range(9):  # The port may have moved some meanwhile.
            clock.step(6)
            line.write(b"")
        assert not line.unsent


def test_a_port_that_is_not_there_yet_is_opened_when_it_comes(tmp_path, cable, caplog):
    theirs, path = cable
    link, clock = tmp_path / "ttyGS0", SteppedClock()
    caplog.set_level("INFO")
    with closing(SerialLine(str(link), clock.monotonic)) as line:
        for _ in range(3):
            assert SystemClock().wait([line], 0) == []
            assert line.read() == b""
            line.write(b"nobody hears")
            clock.step(5)
        assert caplog.text.count("no console") == 1
        link.symlink_to(path)
        line.fileno()
        os.write(theirs, b"help\r")
        assert SystemClock().wait([line], DEADLINE_S) == [line]
        assert line.read() == b"help\r"


def test_a_hang_up_closes_and_the_next_cable_is_opened(tmp_path, cable):
    link, clock = tmp_path / "ttyGS0", SteppedClock()
    first_theirs, first_ours = pty.openpty()
    link.symlink_to(os.ttyname(first_ours))
    os.close(first_ours)
    with closing(SerialLine(str(link), clock.monotonic)) as line:
        line.fileno()
        os.close(first_theirs)
        assert SystemClock().wait([line], DEADLINE_S) == [line]
        assert line.read() == b""
        assert line.hang_ups == 1
        assert SystemClock().wait([line], 0) == []  # Or the loop would spin.
        theirs, path = cable
        link.unlink()
        link.symlink_to(path)
        assert SystemClock().wait([line], 0) == []  # Too soon.
        clock.step(5)
        line.fileno()
        os.write(theirs, b"help\r")
        assert select.select([line], [], [], DEADLINE_S)[0] == [line]


def test_a_hang_up_while_writing_is_no_error():
    theirs, ours = pty.openpty()
    with closing(SerialLine(os.ttyname(ours))) as line:
        os.close(ours)
        line.fileno()
        os.close(theirs)
        line.write(b"anybody?")
        line.write(b"anybody?")
        assert line.read() == b""


def test_closing_twice_is_fine():
    line = SerialLine("/nowhere/ttyGS0")
    line.close()
    line.close()
