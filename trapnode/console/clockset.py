"""Setting the clock: the technician's word goes to the one process that may."""

from datetime import UTC, datetime

from trapnode.console.steps import Failed, Steps
from trapnode.console.unit import Unit
from trapnode.protocols.shell import ERR_VALUE, OK
from trapnode.store import visit

__all__ = ["set_clock"]

EARLIEST, LATEST = datetime(2026, 11, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)


def set_clock(unit: Unit, said: str) -> Steps:
    """Ask for a time; local to the unit, or UTC with a Z at its end."""
    at = _moment(unit, said)
    visit.ask_clock(unit.run, at, "technician", unit.clock.monotonic())
    yield unit.texts("clock.asked", at=f"{at:%Y-%m-%d %H:%M:%S}")
    return OK


def _moment(unit: Unit, said: str) -> datetime:
    try:
        at = datetime.fromisoformat(said.upper())
    except ValueError:
        at = datetime.max
    at = at if at.tzinfo else at.replace(tzinfo=unit.zone)
    if ":" not in said or not EARLIEST <= at <= LATEST:
        wanted = unit.texts("want.time")
        raise Failed(ERR_VALUE, "err.value", value=said[:30], wanted=wanted)
    return at.astimezone(UTC)
