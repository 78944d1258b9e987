"""The console: lines over a serial cable, answered whatever state the others are in.

Nothing here changes the unit's state, and nothing it prints is a secret or a place.
"""

import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from trapnode.errors import StoreError
from trapnode.loop import Alive, Clock, Stopping
from trapnode.model import Message, Observation, Report
from trapnode.policy.status_text import age_of, render
from trapnode.protocols.shell import ERR_COMMAND, ERR_STATUS, ERR_STORE, OK, Shell, err
from trapnode.store.ram import read_snapshot
from trapnode.store.store import Store

__all__ = ["Console", "Line"]

log = logging.getLogger(__name__)

ROUND_S = 5.0  # A cable that appears is noticed this soon; the watchdog hears from us too.
SHOWN = 10
HELP = [
    "status       how the unit is, one screen",
    "status json  the same for a program",
    f"events       the last {SHOWN} observations",
    "queue        what waits for the radio",
    "help         this",
]


class Line(Protocol):
    """A cable that may come and go."""

    def fileno(self) -> int:
        """Give the descriptor that turns readable."""
        ...

    def read(self) -> bytes:
        """Give what has arrived, or nothing; never wait."""
        ...

    def write(self, data: bytes) -> None:
        """Send what the other end takes now."""
        ...


class Console:
    """The loop over a cable; `opened` opens the store, for one question at a time.

    So a store that was begun anew in between costs no answer.
    """

    def __init__(self, opened: Callable[[], Store], run: Path, unit: str) -> None:
        self._opened = opened
        self._run = run
        self._unit = unit
        self._verbs: dict[str, Callable[[float], list[str]]] = {
            "status": self._status,
            "status json": self._status_json,
            "events": self._events,
            "queue": self._queue,
            "help": lambda _: [*HELP, OK],
        }

    def run(self, line: Line, clock: Clock, stopping: Stopping, alive: Alive) -> None:
        """Answer until told to stop."""
        shell = Shell()
        while not stopping():
            alive("")
            if line not in clock.wait([line, stopping], ROUND_S):
                continue
            asked = shell.receive(line.read())
            line.write(shell.to_send())
            for text in asked:
                line.write(shell.reply(self.answer(text, clock.monotonic())))

    def answer(self, text: str, monotonic_s: float) -> list[str]:
        """Answer one line; the last line of the answer is `OK` or `ERR ...`."""
        verb = " ".join(text.lower().split())
        answer = self._verbs.get(verb)
        if answer is None:
            return [err(ERR_COMMAND, f"{text[:40]!r} is not understood, try: help")]
        log.info("a technician asks: %s", verb)
        try:
            return answer(monotonic_s)
        except StoreError as error:
            return [err(ERR_STORE, f"store: {error}")]

    def _status(self, monotonic_s: float) -> list[str]:
        snapshot = read_snapshot(self._run)
        if snapshot is None:
            return self._no_status()
        return [*render(snapshot, age_of(snapshot, monotonic_s)), OK]

    def _status_json(self, monotonic_s: float) -> list[str]:
        snapshot = read_snapshot(self._run)
        if snapshot is None:
            return self._no_status()
        age_s = round(age_of(snapshot, monotonic_s), 1)
        return [json.dumps(snapshot | {"age_s": age_s}), OK]

    def _no_status(self) -> list[str]:
        text = "no status: the keeper has not run since power came"
        return [f"{self._unit}  NO STATUS", err(ERR_STATUS, text)]

    def _events(self, _monotonic_s: float) -> list[str]:
        with contextlib.closing(self._opened()) as store:
            found = store.sequences.observations(last=SHOWN)
        return [*(_observation(each) for each in reversed(found)), OK]

    def _queue(self, _monotonic_s: float) -> list[str]:
        with contextlib.closing(self._opened()) as store:
            reports, undone = store.outbox.waiting(), store.outbox.undone()
            counted = store.outbox.counts()
        counts = ", ".join(f"{number} {name}" for name, number in counted.items())
        return [
            counts,
            *(_message(each) for each, _ in undone[:SHOWN]),
            *(_report(each) for each in reports[:SHOWN]),
            OK,
        ]


def _observation(each: Observation) -> str:
    sure = "  -" if each.probability is None else f"{each.probability:3.0%}"
    count = f" count {each.count}" if each.count else ""
    return (
        f"{each.id:>6} {each.observed_at:%Y-%m-%d %H:%M:%S}Z {each.label:<16} {sure:>4}"
        f" {each.frames:>3} frames {each.verdict.value}{' audit' if each.audit else ''}{count}"
    )


def _message(each: Message) -> str:
    return (
        f"message {each.counter} {each.kind.value} {each.state.value},"
        f" {each.attempts} attempts, next {each.not_before:%Y-%m-%d %H:%M:%S}Z"
    )


def _report(each: Report) -> str:
    return f"waiting {each.kind.value} of {each.made_at:%Y-%m-%d %H:%M:%S}Z"
