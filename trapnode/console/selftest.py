"""The self-test: every part looked at, pass or fail, and what to do about each that failed.

The card is written and read back here; PIR and camera are the station's, who is asked; the modem
is the uplinker's. The keeper's snapshot says the rest. Nothing is told by radio, and nobody who
walks before the unit makes a picture on its card.
"""

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass

from trapnode.console.health import POLL_S, known, modem_said, silent
from trapnode.console.steps import Ask, Failed, Steps, Wait
from trapnode.console.unit import Unit
from trapnode.errors import TrapnodeError
from trapnode.policy.aim import BRIGHTNESS_LEAST, FOCUS_LEAST, Look, fault_of
from trapnode.policy.status_text import DAYS_LEAST, STALE_S
from trapnode.protocols.shell import ERR_SELFTEST, ERR_STATUS, OK
from trapnode.store import remarks, visit
from trapnode.store.probe import probe
from trapnode.testpicture import look_at
from trapnode.texts import Texts
from trapnode.texts.screen import moment_text, scaled, wrapped

__all__ = ["NAMES", "aim", "selftest"]

WALK_S = 30.0
EDGES_ENOUGH = 3  # Walked past to and fro; then nobody needs to walk on.
AIM_S, AIM_EVERY_S = 90.0, 2.0
STATION_S = 15.0  # A picture takes a second; a burst that goes on, ten.
NONCE_BYTES = 16
INDENT = " " * 15  # Under what was found.
TODO = " " * 9  # Under what to do.

Found = tuple[str, str]
"""What is wrong (a key for what to do; empty: nothing), and what was found, in words."""

Check = Generator[str | Wait | Ask, str, Found]


@dataclass(frozen=True, slots=True)
class Status:
    """The snapshot as the checks read it."""

    told: dict[str, object]
    age_s: float
    texts: Texts

    def text(self, key: str) -> str:
        """Give a value as text."""
        value = self.told.get(key)
        return "?" if value is None else str(value)

    def faults(self, *parts: str) -> list[str]:
        """Give the faults that begin with one of these words, in the technician's language."""
        found = self.told.get("faults")
        each = [str(fault) for fault in found] if isinstance(found, list) else []
        return [self.texts.said(fault) for fault in each if fault.startswith(parts)]


def selftest(unit: Unit) -> Steps:
    """Test everything; the reply is an error that names what failed."""
    yield unit.texts("test.begins", unit=unit.name)
    failed = []
    for name, check in CHECKS.items():
        try:
            todo, found = yield from check(unit)
        except Failed as error:
            todo, found = f"test.{name}.todo", error.text(unit.texts)
        except TrapnodeError as error:
            todo, found = f"test.{name}.todo", str(error)
        key = "test.failed" if todo else "test.passed"
        yield from wrapped(unit.texts(key, name=name, found=unit.texts.said(found)), INDENT)
        if todo:
            failed.append(name)
            yield from wrapped(unit.texts("test.todo", todo=unit.texts(todo)), TODO)
    remarks.note_tested(unit.run, failed, unit.clock.monotonic())
    if failed:
        raise Failed(ERR_SELFTEST, "err.selftest", failed=", ".join(failed))
    yield unit.texts("test.all", number=len(CHECKS))
    return OK


def _status(unit: Unit) -> Status:
    if (found := known(unit)) is None:
        raise Failed(ERR_STATUS, "err.status")
    return Status(*found, unit.texts)


def _nothing() -> Generator[str | Wait | Ask, str, None]:
    """Wait for nothing: a check that only reads is a generator, too."""
    yield from ()


def _processes(unit: Unit) -> Check:
    yield from _nothing()
    status, todo = _status(unit), "test.processes.todo"
    if status.age_s > STALE_S:
        return todo, unit.texts("status.stale", age=unit.texts.age(status.age_s))
    faults = status.faults("station", "uplinker", "keeper", "console", "configuration")
    return (todo, "; ".join(faults)) if faults else ("", unit.texts("test.processes"))


def _clock(unit: Unit) -> Check:
    yield from _nothing()
    status = _status(unit)
    trust, at = status.text("clock_trust"), moment_text(unit.clock.now().isoformat())
    bad = trust in ("none", "?")
    return "test.clock.todo" if bad else "", unit.texts(
        "test.clock", at=at, trust=unit.texts.word("trust", trust)
    )


def _battery(unit: Unit) -> Check:
    yield from _nothing()
    status = _status(unit)
    volts, todo = scaled(status.told.get("battery_mv"), 1000, " V", 2), "test.battery.todo"
    days = status.told.get("days_left")
    if faults := status.faults("battery"):
        return todo, "; ".join(faults)
    if volts == "?":
        return todo if unit.gauge else "", unit.texts("battery.none")
    if not isinstance(days, int | float):
        return "", volts
    found = volts + unit.texts("battery.days", days=f"{days:.0f}")
    if status.told.get("gated") is False:
        todo = "test.idles.todo"  # Fresh cells would last no longer.
    return todo if days < DAYS_LEAST else "", found


def _card(unit: Unit) -> Check:
    yield from _nothing()
    status, todo = _status(unit), "test.card.todo"
    if fault := probe(unit.state, os.urandom(NONCE_BYTES)) or "; ".join(status.faults("card")):
        return todo, fault
    free = scaled(status.told.get("card_free_bytes"), 1e9, " GB")
    return "", unit.texts("test.card", free=free)


def _model(unit: Unit) -> Check:
    yield from _nothing()
    status, todo = _status(unit), "test.model.todo"
    if faults := status.faults("sorter"):
        return todo, "; ".join(faults)
    if status.told.get("set") is None:
        return todo, unit.texts("test.model.none")
    return "", unit.texts("test.model", set=status.text("set"))


def _camera(unit: Unit) -> Check:
    look = yield from _picture(unit, more=False, walk_s=0.0)
    fault = fault_of(look)
    key = f"test.camera.{fault}" if fault else "test.camera"
    least = BRIGHTNESS_LEAST if fault == "dark" else FOCUS_LEAST
    numbers = {"brightness": look.brightness, "clipped": look.clipped, "focus": look.focus}
    return f"{key}.todo" if fault else "", unit.texts(key, least=least, **numbers)


def _picture(unit: Unit, more: bool, walk_s: float) -> Generator[str | Wait | Ask, str, Look]:
    """Ask the station for a picture, and look at it; raise DeviceError, Failed."""
    now_s = unit.clock.monotonic()
    number = visit.ticket(now_s)
    visit.ask_station(unit.run, number, now_s + walk_s, shoot=True, more=more)
    while unit.clock.monotonic() < now_s + STATION_S:
        yield Wait(POLL_S, ends_well=more)
        seen = visit.seen(unit.run)
        if seen is not None and seen.pictured == number:
            return look_at(visit.picture(unit.run))
    raise silent(unit, "station", STATION_S)


def _walk(unit: Unit) -> Check:
    yield unit.texts("test.walk", seconds=f"{WALK_S:.0f}")
    now_s = unit.clock.monotonic()
    number, edges = visit.ticket(now_s), 0
    visit.ask_station(unit.run, number, now_s + WALK_S, shoot=False)
    while unit.clock.monotonic() < now_s + WALK_S and edges < EDGES_ENOUGH:
        yield Wait(POLL_S)
        seen = visit.seen(unit.run)
        if seen is None or seen.number != number:
            if unit.clock.monotonic() > now_s + STATION_S:
                raise silent(unit, "station", STATION_S)
            continue
        if seen.edges > edges:
            edges = seen.edges
            yield unit.texts("test.walk.count", edges=edges)
    _end_walk(unit)
    if not edges:
        return "test.pir.todo", unit.texts("test.pir.none", seconds=f"{WALK_S:.0f}")
    return "", unit.texts("test.pir", edges=edges)


def _end_walk(unit: Unit) -> None:
    now_s = unit.clock.monotonic()
    visit.ask_station(unit.run, visit.ticket(now_s), now_s, shoot=False)


def _modem(unit: Unit) -> Check:
    if unit.modem == "none":
        return "", unit.texts("test.modem.off")
    return "", (yield from modem_said(unit))


CHECKS: dict[str, Callable[[Unit], Check]] = {
    "processes": _processes,
    "clock": _clock,
    "battery": _battery,
    "card": _card,
    "model": _model,
    "camera": _camera,
    "pir": _walk,
    "modem": _modem,
}
NAMES = tuple(CHECKS)


def aim(unit: Unit) -> Steps:
    """Show what the camera sees, in characters, until somebody types Enter."""
    yield unit.texts("aim.begins", seconds=f"{AIM_S:.0f}")
    now_s, more = unit.clock.monotonic(), False
    try:
        while (left_s := now_s + AIM_S - unit.clock.monotonic()) > 0:
            look = yield from _picture(unit, more=more, walk_s=left_s)
            more = True
            yield from look.rows
            seen = visit.seen(unit.run)
            yield unit.texts(
                "aim.state",
                brightness=look.brightness,
                focus=look.focus,
                edges=seen.edges if seen else 0,
                active=unit.texts("aim.active") if seen and seen.active else "",
            )
            yield Wait(AIM_EVERY_S, ends_well=True)
    finally:
        _end_walk(unit)
    return OK
