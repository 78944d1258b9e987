"""What a technician answers at the unit when it is put up, gets fresh cells, and is taken down.

Everything but the place, which stays on paper until it reaches the desk. Enter takes what stands
in brackets: the answers of the last time, so that the second unit of a day is a row of Enters.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from trapnode.console.health import POLL_S, silent
from trapnode.console.steps import Ask, Failed, Steps, Wait
from trapnode.console.unit import Unit
from trapnode.model import ClockTrust
from trapnode.protocols.shell import CANCEL, ERR_STOPPED, ERR_VALUE, OK, err
from trapnode.store import fieldnotes, ram, remarks, visit
from trapnode.store.cells import ask_cells, cells_answered
from trapnode.store.disk import RealDisk
from trapnode.store.fieldnotes import CELLS, COLLECT, DEPLOY, FieldNote
from trapnode.texts.screen import WIDTH, padded

__all__ = ["FEATURES", "collect", "deploy", "renew_cells"]

FEATURES = (  # Camtrap DP 1.0.2 `featureType`.
    "trailGame", "trailHiking", "roadDirt", "roadPaved", "roadUnderpass", "roadOverpass",
    "roadBridge", "culvert", "burrow", "nestSite", "carcass", "waterSource", "fruitingTree",
)  # fmt: skip
POINTS = {"N": 0, "NE": 45, "E": 90, "SE": 135, "S": 180, "SW": 225, "W": 270, "NW": 315}
NOTHING = "."
TEXT_MOST = 80
IN_A_ROW = 4  # Features on a line.
KEEPER_S = 30.0  # It looks every 10 s.

Value = str | float | int | bool | None
Questions = Generator[str | Wait | Ask, str, Value]


class _Unwanted(ValueError):
    """An answer that makes no sense: the key of what is wanted, and its values."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key, self.values = key, values


@dataclass(frozen=True, slots=True)
class _Question:
    """One question: the field of the note, how to read the answer, and how to say it back."""

    field: str
    read: Callable[[str], Value]
    say: Callable[[Value], str] = str
    nothing: Value = None
    needed: bool = False


def deploy(unit: Unit) -> Steps:
    """Ask how the unit stands, and note it."""
    before = next((n for n in reversed(fieldnotes.read(unit.state)) if n.kind == DEPLOY), None)
    yield from _date(unit)
    yield unit.texts("ask.how")
    answers = {}
    for number, each in enumerate(QUESTIONS, 1):
        place = {"n": number, "of": len(QUESTIONS)}
        answers[each.field] = yield from _asked(
            unit, each, getattr(before, each.field, None), place
        )
    note = _note(unit, DEPLOY, answers)
    yield unit.texts("deploy.done", by=note.by)
    tested = remarks.tested(unit.run, unit.clock.monotonic())
    yield unit.texts("deploy.next" if tested and not tested[0] else "deploy.untested")
    return OK


def collect(unit: Unit) -> Steps:
    """Ask who takes the unit down, and note it."""
    note = _note(unit, COLLECT, (yield from _who(unit)))
    yield unit.texts("collect.done", by=note.by)
    return OK


def renew_cells(unit: Unit) -> Steps:
    """Ask who put in fresh cells, note it, and have the keeper begin a new account."""
    note = _note(unit, CELLS, (yield from _who(unit)))
    now_s = unit.clock.monotonic()
    number = visit.ticket(now_s)
    ask_cells(unit.run, number)
    while cells_answered(unit.run) != number:
        if unit.clock.monotonic() - now_s > KEEPER_S:
            raise silent(unit, "keeper", KEEPER_S)
        yield Wait(POLL_S)
    yield unit.texts("cells.done", by=note.by)
    return OK


def _who(unit: Unit) -> Generator[str | Wait | Ask, str, dict[str, Value]]:
    before = fieldnotes.last(unit.state)
    yield from _date(unit)
    by = before.by if before else None
    return {"by": (yield from _asked(unit, QUESTIONS[0], by, {"n": 1, "of": 1}))}


def _date(unit: Unit) -> Generator[str, str, None]:
    doubt = "" if _trust(unit) is not ClockTrust.NONE else unit.texts("ask.date.doubt")
    yield unit.texts("ask.date", at=f"{unit.clock.now():%Y-%m-%d %H:%M}", doubt=doubt)


def _trust(unit: Unit) -> ClockTrust:
    """Give how far the keeper trusts the clock; without a snapshot not at all."""
    told = (ram.read_snapshot(unit.run) or {}).get("clock_trust")
    return next((each for each in ClockTrust if each == told), ClockTrust.NONE)


def _note(unit: Unit, kind: str, answers: dict[str, Value]) -> FieldNote:
    told: dict[str, object] = {"kind": kind, "at": unit.clock.now(), "trust": _trust(unit)}
    note = FieldNote(**(told | answers))  # type: ignore[arg-type]
    fieldnotes.add(RealDisk(), unit.state, note)
    if kind != CELLS:
        remarks.note_deployed(unit.run, note.kind, note.at, note.by)
    return note


def _asked(unit: Unit, question: _Question, default: Value, place: dict[str, int]) -> Questions:
    """Ask until the answer makes sense; raise Failed for a cancel."""
    text = unit.texts(f"ask.{question.field}", **place)
    shown = "" if default in (None, "") else question.say(default)
    error = ""
    while True:
        yield unit.texts("ask.default", question=text, default=shown) if shown else text
        yield from _choices(unit, question)
        said = yield Ask(error)
        if said == CANCEL or said.lower() == "cancel":
            raise Failed(ERR_STOPPED, "err.cancelled")
        if said == "" and shown:
            return default
        if said in ("", NOTHING) and not question.needed:
            return question.nothing
        try:
            return question.read(said)
        except _Unwanted as wrong:
            wanted = unit.texts(wrong.key, **wrong.values)
            error = err(ERR_VALUE, unit.texts("err.value", value=said[:20], wanted=wanted))


def _choices(unit: Unit, question: _Question) -> Generator[str, str, None]:
    if question.field != "feature":
        return
    shown = [
        unit.texts("ask.feature.choice", number=number, feature=unit.texts.word("feature", name))
        for number, name in enumerate(FEATURES, 1)
    ]
    for start in range(0, len(shown), IN_A_ROW):
        row = shown[start : start + IN_A_ROW]
        yield "".join(padded(each, WIDTH // IN_A_ROW - 1) + " " for each in row).rstrip()


def _text(said: str) -> str:
    if not 1 <= len(said) <= TEXT_MOST:
        raise _Unwanted("want.text", most=TEXT_MOST)
    return said


def _number(least: float, most: float) -> Callable[[str], float]:
    def read(said: str) -> float:
        try:
            found = float(said.replace(",", ".").removesuffix("m"))
        except ValueError:
            found = float("nan")
        if not least <= found <= most:  # Nor is a NaN.
            raise _Unwanted("want.number", least=least, most=most)
        return round(found, 2)

    return read


def _tilt(said: str) -> int:
    return round(_number(-90, 90)(said))


def _heading(said: str) -> int:
    if (point := POINTS.get(said.upper())) is not None:
        return point
    if not (said.isascii() and said.isdecimal() and int(said[:9]) <= 359):
        raise _Unwanted("want.heading")
    return int(said)


def _yes(said: str) -> bool:
    found = {"y": True, "yes": True, "n": False, "no": False}.get(said.lower())
    if found is None:
        raise _Unwanted("want.yes")
    return found


def _feature(said: str) -> str:
    if said.isascii() and said.isdecimal() and 1 <= int(said[:9]) <= len(FEATURES):
        return FEATURES[int(said) - 1]
    raise _Unwanted("want.choice", most=len(FEATURES))


QUESTIONS = (
    _Question("by", _text, needed=True),
    _Question("height_m", _number(0.05, 10)),
    _Question("heading", _heading),
    _Question("tilt", _tilt),
    _Question("bait", _yes, lambda bait: "y" if bait else "n"),
    _Question("feature", _feature, nothing=""),
    _Question("comments", _text, nothing=""),
)
