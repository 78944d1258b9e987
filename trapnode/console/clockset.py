"""Setting the clock: the technician's word goes to the one process that may."""

from datetime import UTC, datetime

from trapnode.console.health import uplinker_said
from trapnode.console.steps import Failed, Steps
from trapnode.console.unit import Unit
from trapnode.protocols.shell import ERR_VALUE, OK
from trapnode.store import visit
from trapnode.texts.screen import wrapped

__all__ = ["set_clock"]

EARLIEST, LATEST = datetime(2026, 11, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)


def set_clock(unit: Unit, said: str) -> Steps:
    """Set the clock to a time, local to the unit, or UTC with a Z at its end.

    The RTC is set with it; where that fails the technician hears it: the time goes with the power.
    """
    at, now_s = _moment(unit, said), unit.clock.monotonic()
    number = visit.ticket(now_s)
    visit.ask_clock(unit.run, number, at, now_s)
    done = yield from uplinker_said(unit, number)
    yield from wrapped(unit.texts("clock.done", at=done), "  ")
    return OK


def _moment(unit: Unit, said: str) -> datetime:
    if not said:
        raise Failed(ERR_VALUE, "err.time")
    try:
        at = datetime.fromisoformat(said.upper())
    except ValueError:
        at = datetime.max
    at = at if at.tzinfo else at.replace(tzinfo=unit.zone)
    if ":" not in said or not EARLIEST <= at <= LATEST:
        wanted = unit.texts("want.time")
        raise Failed(ERR_VALUE, "err.value", value=said[:30], wanted=wanted)
    return at.astimezone(UTC)
