"""The words that are understood, what each does, and which need the lock open."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from trapnode.console import clockset, deploying, health, locking, selftest
from trapnode.console.steps import Failed, Steps
from trapnode.console.unit import Unit
from trapnode.protocols.shell import ERR_COMMAND, ERR_LOCKED, OK

__all__ = ["VERBS", "Verb", "begin"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verb:
    """One command; `more` takes what is typed after it, or "" where nothing answers it alone."""

    answer: Callable[[Unit], Steps] | None = None
    more: Callable[[Unit, str], Steps] | None = None
    open_only: bool = False  # It reveals or changes: not while the unit is locked.


def _help(unit: Unit) -> Steps:
    yield from unit.texts.lines("help")
    return OK


VERBS = {
    "status": Verb(health.status),
    "status json": Verb(health.status_json),
    "selftest": Verb(selftest.selftest),
    "aim": Verb(selftest.aim),
    "events": Verb(health.events, open_only=True),
    "queue": Verb(health.queue),
    "modem": Verb(health.modem),
    "log": Verb(health.log, open_only=True),
    "clock": Verb(health.clock),
    "clock set": Verb(more=clockset.set_clock, open_only=True),
    "deploy": Verb(deploying.deploy, open_only=True),
    "collect": Verb(deploying.collect, open_only=True),
    "battery new": Verb(deploying.renew_cells, open_only=True),
    "dump": Verb(health.stick),
    "unlock": Verb(locking.challenge, locking.unlock),
    "lock": Verb(locking.lock),
    "help": Verb(_help),
    "?": Verb(_help),
}
LONGEST_FIRST = sorted(VERBS, key=len, reverse=True)


def begin(unit: Unit, line: str) -> Steps:
    """Give the answer to a line, not begun yet; raise Failed for what is not understood."""
    words = " ".join(line.split())
    for name in LONGEST_FIRST:
        verb, rest = VERBS[name], words[len(name) :]
        if not words.lower().startswith(name) or rest[:1].strip():
            continue
        answer, more = verb.answer, verb.more
        if verb.open_only and not unit.lock.is_open(unit.clock.monotonic()):
            raise Failed(ERR_LOCKED, "err.locked")
        log.info("a technician asks: %s", name)  # Never the rest: it may be an answer.
        if more is not None and (rest or answer is None):
            return more(unit, rest.strip())
        if not rest and answer is not None:
            return answer(unit)
    raise Failed(ERR_COMMAND, "err.verb", line=line[:40])
