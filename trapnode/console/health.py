"""The answers that only read: status, events, queue, modem, clock, log, stick."""

import contextlib
import json
import re

from trapnode.console.steps import Failed, Steps, Wait
from trapnode.console.unit import Unit
from trapnode.errors import DeviceError
from trapnode.model import Message, Observation, Report
from trapnode.policy.status_text import age_of, open_part, render
from trapnode.protocols.shell import ERR_DEVICE, ERR_STATUS, OK
from trapnode.store import ram, remarks, visit
from trapnode.texts import Texts
from trapnode.texts.screen import cut, wrapped

__all__ = [
    "clock",
    "events",
    "log",
    "modem",
    "modem_said",
    "queue",
    "status",
    "status_json",
    "stick",
    "uplinker_said",
]

SHOWN = 10
LOG_SHOWN = 20
MODEM_S = 60.0  # A modem that is in a session answers after it; this long is waited for.
POLL_S = 0.25
SIGNAL = re.compile(r"signal (\d) of 5")


def known(unit: Unit) -> tuple[dict[str, object], float] | None:
    """Give all that is known of the unit without asking anybody, and its age, s; None: nothing."""
    now_s = unit.clock.monotonic()
    snapshot = ram.read_snapshot(unit.run)
    if snapshot is None:
        return None
    found: dict[str, object] = dict(snapshot)
    if (heard := remarks.radio(unit.run, now_s)) is not None:
        found["radio"] = [heard[0], round(heard[1], 1)]
    if (heard_at := remarks.signal(unit.run, now_s)) is not None:
        found["signal"] = [heard_at[0], round(heard_at[1], 1)]
    if (tested := remarks.tested(unit.run, now_s)) is not None:
        found["selftest"] = {"failed": tested[0], "age_s": round(tested[1], 1)}
    if note := remarks.deployed(unit.run):
        found["note"] = note
    if not unit.lock.is_open(now_s):
        found = open_part(found)
    return found, age_of(snapshot, now_s)


def status(unit: Unit) -> Steps:
    """Show one screen, the verdict first."""
    if (found := known(unit)) is None:
        yield unit.texts("status.none", unit=unit.name)
        raise Failed(ERR_STATUS, "err.status")
    yield from render(*found, unit.texts)
    return OK


def status_json(unit: Unit) -> Steps:
    """Give the same for a program, in one line."""
    if (found := known(unit)) is None:
        raise Failed(ERR_STATUS, "err.status")
    yield json.dumps(found[0] | {"age_s": round(found[1], 1)})
    return OK


def events(unit: Unit) -> Steps:
    """Show the last observations, newest first."""
    with contextlib.closing(unit.opened()) as store:
        found = store.sequences.observations(last=SHOWN)
    yield from (_observation(unit.texts, each) for each in reversed(found))
    return OK


def queue(unit: Unit) -> Steps:
    """Show what waits for the radio."""
    with contextlib.closing(unit.opened()) as store:
        reports, undone = store.outbox.waiting(), store.outbox.undone()
        counted = store.outbox.counts()
    shown = [
        f"{number} {unit.texts.word('state', name)}" for name, number in counted.items() if number
    ]
    yield ", ".join(shown) or unit.texts("queue.none")
    if unit.lock.is_open(unit.clock.monotonic()):  # A preview is made of targets only.
        yield from (_message(unit.texts, each) for each, _ in undone[:SHOWN])
        yield from (_report(unit.texts, each) for each in reports[:SHOWN])
    return OK


def modem(unit: Unit) -> Steps:
    """Ask the modem, through the uplinker."""
    if unit.modem == "none":
        yield unit.texts("test.modem.off")
        return OK
    yield from wrapped(unit.texts.said((yield from modem_said(unit))), "  ")
    return OK


def modem_said(unit: Unit) -> Steps:
    """Ask the modem; return its words. Raise Failed, with its fault or if nobody answers."""
    number = visit.ticket(unit.clock.monotonic())
    visit.ask_modem(unit.run, number)
    said = yield from uplinker_said(unit, number)
    if found := SIGNAL.search(said):
        remarks.note_signal(unit.run, int(found[1]), unit.clock.monotonic())
    return said


def uplinker_said(unit: Unit, number: int) -> Steps:
    """Wait for the uplinker's answer; return it. Raise DeviceError, and Failed for silence."""
    end_s = unit.clock.monotonic() + MODEM_S
    while unit.clock.monotonic() < end_s:
        yield Wait(POLL_S)
        told = visit.said(unit.run)
        if told is not None and told.number == number:
            if told.fault:
                raise DeviceError(told.text)
            return told.text
    raise silent(unit, "uplinker", MODEM_S)


def silent(unit: Unit, process: str, waited_s: float) -> Failed:
    """Make the error for a process that does not answer, with the age of its last sign of life."""
    beats = {each.process: each.monotonic_s for each in ram.read_beats(unit.run)}
    now_s = unit.clock.monotonic()
    age = unit.texts.age(now_s - beats[process]) if process in beats else "?"
    return Failed(ERR_DEVICE, "err.silent", process=process, seconds=f"{waited_s:.0f}", age=age)


def clock(unit: Unit) -> Steps:
    """Show the time, and how far it can be trusted."""
    now = unit.clock.now()
    local = now.astimezone(unit.zone)
    snapshot = ram.read_snapshot(unit.run) or {}
    yield unit.texts(
        "clock.now",
        at=f"{now:%Y-%m-%d %H:%M:%S}",
        local=f"{local:%H:%M}",
        offset=f"{local:%z}",
        trust=unit.texts.word("trust", str(snapshot.get("clock_trust", "?"))),
    )
    return OK


def log(unit: Unit) -> Steps:
    """Show what the unit said last."""
    lines = [cut(each, unit.texts.utf8) for each in unit.journal()[-LOG_SHOWN:]]
    yield from lines or [unit.texts("log.none")]
    return OK


def stick(unit: Unit) -> Steps:
    """Show how far the dump to a stick is; plugging one in begins it."""
    found = ram.read_stick(unit.run)
    yield unit.texts.said(found[1]) if found else unit.texts("stick.none")
    return OK


def _observation(texts: Texts, each: Observation) -> str:
    return texts(
        "events.row",
        id=each.id,
        at=f"{each.observed_at:%Y-%m-%d %H:%M:%S}",
        label=each.label,
        sure="-" if each.probability is None else f"{each.probability:3.0%}",
        frames=each.frames,
        verdict=texts.word("verdict", each.verdict.value),
        audit=texts("events.audit") if each.audit else "",
        count=texts("events.count", count=each.count) if each.count else "",
    )


def _message(texts: Texts, each: Message) -> str:
    return texts(
        "queue.message",
        counter=each.counter,
        kind=texts.word("kind", each.kind.value),
        state=texts.word("state", each.state.value),
        attempts=each.attempts,
        at=f"{each.not_before:%Y-%m-%d %H:%M:%S}",
    )


def _report(texts: Texts, each: Report) -> str:
    return texts(
        "queue.report",
        kind=texts.word("kind", each.kind.value),
        at=f"{each.made_at:%Y-%m-%d %H:%M:%S}",
    )
