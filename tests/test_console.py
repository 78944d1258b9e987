"""The console: its answers, its loop, and its cable on a real pseudo-terminal."""

import json
import os
import pty
import select
import tty
from datetime import timedelta

import pytest

from trapnode.console import Console
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
from trapnode.store import ram
from trapnode.store.sequences import begin_boot
from trapnode.store.store import open_store

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
def console(store, tmp_path):
    """A console over that store's folder."""
    return Console(lambda: open_store(store.state), tmp_path, "AL07")


def test_status_is_the_keepers_snapshot(console, tmp_path):
    ram.write_snapshot(tmp_path, SNAPSHOT)
    answer = console.answer("status", 104.0)
    assert answer[0] == "AL07  OK"
    assert answer[-1] == "OK"


def test_a_silent_keeper_shows_as_stale(console, tmp_path):
    ram.write_snapshot(tmp_path, SNAPSHOT)
    assert console.answer("STATUS", 147.0)[:2] == [
        "AL07  1 FAULT",
        "! stale 47 s: the keeper is silent, this is what it last saw",
    ]


def test_a_snapshot_that_does_not_tell_its_time_is_as_old_as_the_boot(console, tmp_path):
    ram.write_snapshot(tmp_path, {"unit": "AL07", "monotonic_s": None})
    assert "stale 500 s" in console.answer("status", 500.0)[1]


def test_status_json_is_one_line_for_a_program(console, tmp_path):
    ram.write_snapshot(tmp_path, SNAPSHOT)
    line, ok = console.answer(" Status  JSON ", 104.25)
    assert json.loads(line) == SNAPSHOT | {"age_s": 4.2}
    assert ok == "OK"


@pytest.mark.parametrize("verb", ["status", "status json"])
@pytest.mark.parametrize("content", [None, "", "{torn", "[]"])
def test_without_a_snapshot_the_unit_still_says_who_it_is(console, tmp_path, verb, content):
    if content is not None:
        (tmp_path / "status.json").write_text(content)
    assert console.answer(verb, 5.0) == [
        "AL07  NO STATUS",
        "ERR 4 no status: the keeper has not run since power came",
    ]


def test_events_are_the_last_observations_newest_first(console):
    assert console.answer("events", 0) == [
        "     2 2026-11-22 05:30:00Z blank             99%   1 frames discard",
        "     1 2026-11-22 04:30:00Z leopard           97%   1 frames keep",
        "OK",
    ]


def test_queue_shows_what_waits_and_what_is_frozen(console, store):
    counts, waiting, ok = console.answer("queue", 0)
    assert counts.startswith("1 waiting, 0 queued")
    assert waiting == "waiting observations of 2026-11-22 04:30:00Z"
    assert ok == "OK"
    reports = store.outbox.waiting()
    now = reports[0].made_at + timedelta(minutes=1)
    message = store.outbox.freeze(store.outbox.reserve_counter(), b"bytes", reports, now)
    store.outbox.attempt(message, 1, now + timedelta(minutes=5))
    counts, frozen, _ = console.answer("queue", 0)
    assert counts.startswith("0 waiting, 0 queued, 1 attempted")
    assert frozen == ("message 1 observations attempted, 1 attempts, next 2026-11-22 04:36:00Z")


def test_every_line_of_every_answer_fits_the_screen(console, tmp_path):
    ram.write_snapshot(tmp_path, SNAPSHOT)
    for verb in ("status", "events", "queue", "help"):
        answer = console.answer(verb, 104.0)
        assert len(answer) <= 24
        assert all(len(line) <= 80 for line in answer)


def test_help_names_every_verb(console, tmp_path):
    ram.write_snapshot(tmp_path, SNAPSHOT)
    verbs = [line.split("  ")[0] for line in console.answer("help", 0)[:-1]]
    assert verbs == ["status", "status json", "events", "queue", "help"]
    for verb in verbs:
        assert console.answer(verb, 104.0)[-1] == "OK"


def test_what_is_not_understood_is_said(console):
    assert console.answer("reboot now", 0) == ["ERR 1 'reboot now' is not understood, try: help"]


def test_a_store_that_does_not_open_leaves_the_status(tmp_path):
    def broken():
        raise StoreError("trapnode.db: the store does not open: disk I/O error")

    console = Console(broken, tmp_path, "AL07")
    ram.write_snapshot(tmp_path, SNAPSHOT)
    assert console.answer("status", 104.0)[0] == "AL07  OK"
    for verb in ("events", "queue"):
        assert console.answer(verb, 0) == [
            "ERR 3 store: trapnode.db: the store does not open: disk I/O error"
        ]


def test_the_store_is_open_for_one_question_only(store, tmp_path):
    opened = []

    def open_one():
        opened.append(open_store(store.state))
        return opened[-1]

    console = Console(open_one, tmp_path, "AL07")
    for verb in ("events", "queue", "status", "events"):
        console.answer(verb, 0)
    assert len(opened) == 3
    for each in opened:
        with pytest.raises(StoreError, match="closed"):
            each.outbox.counts()


def test_a_store_begun_anew_between_two_questions_is_answered_from(console, store):
    assert len(console.answer("events", 0)) == 3
    store.close()
    store.database.path.write_bytes(b"garbage" * 999)
    open_store(store.state).close()  # The station's start: quarantine, and a fresh file.
    assert console.answer("events", 0) == ["OK"]
    assert console.answer("queue", 0)[-1] == "OK"


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


def test_the_loop_answers_over_a_cable_until_told_to_stop(console, tmp_path, stop, cable):
    theirs, path = cable
    ram.write_snapshot(tmp_path, SNAPSHOT)
    rounds = []

    def alive(fault):
        rounds.append(fault)
        if len(rounds) == 2:
            os.write(theirs, b"tus\rAT\r")
        if len(rounds) == 3:
            stop.give()

    with SerialLine(path) as line:
        line.fileno()  # Opening throws away what came before.
        os.write(theirs, b"sta")
        console.run(line, SystemClock(), stop, alive)
        got = heard(theirs, b"OK\r\n")
    assert got.startswith(b"status\r\nAT\r\nAL07  1 FAULT\r\n! stale ")
    assert got.count(b"\r\nOK\r\n") == 1
    assert rounds == ["", "", ""]


def test_a_line_is_read_and_written(cable):
    theirs, path = cable
    with SerialLine(path) as line:
        assert line.fileno() >= 0
        os.write(theirs, b"status\r")
        assert SystemClock().wait([line], DEADLINE_S) == [line]
        assert line.read() == b"status\r"
        assert line.read() == b""
        line.write(b"AL07  OK\r\n")
        assert heard(theirs, b"\r\n") == b"AL07  OK\r\n"


def test_an_end_that_takes_nothing_holds_nobody_up(cable):
    _, path = cable
    with SerialLine(path) as line:
        line.fileno()
        for _ in range(100):
            line.write(b"x" * 4096)


def test_a_port_that_is_not_there_yet_is_opened_when_it_comes(tmp_path, cable, caplog):
    theirs, path = cable
    link, clock = tmp_path / "ttyGS0", SteppedClock()
    caplog.set_level("INFO")
    with SerialLine(str(link), clock.monotonic) as line:
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
    with SerialLine(str(link), clock.monotonic) as line:
        line.fileno()
        os.close(first_theirs)
        assert SystemClock().wait([line], DEADLINE_S) == [line]
        assert line.read() == b""
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
    with SerialLine(os.ttyname(ours)) as line:
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
