"""What each unit last said: for the person at the desk, in words or as JSON."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from trapnode.errors import ProtocolError
from trapnode.message import CardFailure, Outcome, Result, Status, read_body
from trapnode.message.answer import read_answer
from trapnode.message.downlink import Setting, code_of, read_commands
from trapnode.model import MessageKind
from trapnode.receive.database import Database
from trapnode.receive.inbox import Fate
from trapnode.receive.previews import previews
from trapnode.receive.units import Desk, Unit
from trapnode.store.database import moment
from trapnode.words import Stage

__all__ = ["Overview", "as_json", "asked_of", "in_words", "overviews", "strangers"]


@dataclass(frozen=True, slots=True)
class Overview:
    """One unit."""

    unit: str
    heard_at: datetime | None  # Its last authentic message.
    silent: bool
    generation: int | None  # Of the card that was heard last.
    status: Status | None
    card_failure: CardFailure | None  # If that was the last word on the card.
    messages: int
    observations: int
    targets: int
    missing: int  # Counters of this card below its highest that never came.
    not_opened: int
    previews: int
    previews_begun: int
    waiting: int  # Commands.
    alarms: tuple[str, ...]


def overviews(database: Database, desk: Desk, now: datetime) -> Iterator[Overview]:
    """Give every unit of the desk; raise StoreError."""
    for unit in desk.units:
        yield _overview(database, unit, now, timedelta(days=desk.silent_days))


def strangers(database: Database) -> int:
    """Count the arrivals of modems that are no unit's."""
    return database.number("SELECT count(*) FROM arrival WHERE fate = ?", Fate.UNKNOWN)


def in_words(found: Overview) -> Iterator[str]:
    """Tell one unit in a few lines, what matters first."""
    heard = f"heard {found.heard_at:%Y-%m-%d %H:%M} UTC" if found.heard_at else "never heard"
    yield f"{found.unit}: {'SILENT, ' if found.silent else ''}{heard}"
    yield from (f"  ! {each}" for each in found.alarms)
    if found.card_failure is not None:
        yield f"  ! card failed {found.card_failure.at:%Y-%m-%d %H:%M}: {found.card_failure.cause}"
    if found.status is not None:
        yield f"  {_of_status(found.status)}"
    yield (
        f"  card {found.generation}: {found.messages} messages, {found.missing} numbers missing;"
        f" {found.observations} observations, {found.targets} of targets"
    )
    more = {
        "not opened": found.not_opened,
        "previews": found.previews,
        "previews begun": found.previews_begun,
        "commands wait": found.waiting,
    }
    if any(more.values()):
        yield "  " + ", ".join(f"{number} {name}" for name, number in more.items() if number)


def as_json(found: Overview) -> dict[str, Any]:
    """Give one unit as JSON has it."""
    told = asdict(found)
    if found.status is not None:
        told["status"]["faults"] = [flag.name for flag in found.status.faults]
    return told


def asked_of(database: Database, unit: Unit) -> Iterator[str]:
    """Tell what was asked of a unit, oldest first, and what came of it; raise StoreError."""
    rows = database.rows(
        "SELECT command.body, asked_at, downlink.id, downlink.counter, state, reason,"
        " message.body"
        " FROM command LEFT JOIN downlink ON downlink.id = command.downlink"
        " LEFT JOIN message ON message.arrival = downlink.answer"
        " WHERE command.unit = ? ORDER BY command.id",
        unit.name,
    )
    for body, asked_at, downlink, counter, state, reason, answer in rows:
        assert isinstance(body, bytes)
        (command,) = read_commands(body)
        told = f"{moment(asked_at):%Y-%m-%d %H:%M} {command}: "
        if downlink is None:
            yield told + "waits"
        elif isinstance(answer, bytes):
            outcomes = read_answer(answer).outcomes
            mine = [each for each in outcomes if each.command == code_of(command)]
            yield told + (", ".join(map(_outcome, mine)) or "answered")
        else:
            yield told + f"downlink {counter} {state}" + (f": {reason}" if reason else "")


def _overview(database: Database, unit: Unit, now: datetime, silent: timedelta) -> Overview:
    def count(sql: str, *values: object) -> int:
        return database.number(f"SELECT count(*) FROM {sql}", unit.name, *values)

    heard_at, generation = _heard_at(database, unit), _generation(database, unit)
    status_at, status = _last(database, unit, MessageKind.STATUS)
    failed_at, failed = _last(database, unit, MessageKind.CARD_FAILED)
    found = list(previews(database, unit.name))
    alarms = database.rows(
        "SELECT told, count(*), max(at) FROM alarm WHERE unit = ? GROUP BY told ORDER BY 3",
        unit.name,
    )
    return Overview(
        unit=unit.name,
        heard_at=heard_at,
        silent=heard_at is None or now - heard_at > silent,
        generation=generation,
        status=status,
        card_failure=failed if failed_at > status_at else None,
        messages=count("message WHERE unit = ? AND generation = ?", generation),
        observations=count("observation WHERE unit = ?"),
        targets=count("observation WHERE unit = ? AND target"),
        missing=_missing(database, unit, generation),
        not_opened=count("arrival WHERE unit = ? AND fate = ?", Fate.WAITING),
        previews=sum(not each.missing for each in found),
        previews_begun=sum(bool(each.missing) for each in found),
        waiting=count("command WHERE unit = ? AND downlink IS NULL"),
        alarms=tuple(f"{told} ({number} times, last {at})" for told, number, at in alarms),
    )


def _heard_at(database: Database, unit: Unit) -> datetime | None:
    heard = database.row(
        "SELECT received_at FROM arrival WHERE unit = ? AND fate IN (?, ?)"
        " ORDER BY id DESC LIMIT 1",
        *(unit.name, Fate.OPENED, Fate.TWIN),
    )
    return moment(heard[0]) if heard else None


def _generation(database: Database, unit: Unit) -> int | None:
    """Give the card that was heard last."""
    card = database.row(
        "SELECT generation FROM message WHERE unit = ? ORDER BY arrival DESC LIMIT 1", unit.name
    )
    return int(str(card[0])) if card else None


def _missing(database: Database, unit: Unit, generation: int | None) -> int:
    """Count numbers that never came: lost, still under way, or of messages packed anew."""
    return database.number(
        "SELECT max(counter) - count(counter) FROM message WHERE unit = ? AND generation = ?",
        *(unit.name, generation),
    )


def _last(database: Database, unit: Unit, kind: MessageKind) -> tuple[int, Any]:
    """Read the last message of a kind: its arrival (0 for none) and what it told."""
    row = database.row(
        "SELECT arrival, body FROM message WHERE unit = ? AND kind = ?"
        " ORDER BY arrival DESC LIMIT 1",
        *(unit.name, kind),
    )
    if row is None or not isinstance(row[1], bytes):
        return 0, None
    try:
        told = read_body(kind, row[1])
    except ProtocolError:  # Of an older trapnode's database.
        return 0, None
    return int(str(row[0])), told.status or told.card_failure


def _of_status(status: Status) -> str:
    battery = "?" if status.battery_mv is None else f"{status.battery_mv / 1000:.2f} V"
    faults = ", ".join(str(flag.name).lower() for flag in status.faults) or "none"
    stage = "" if status.stage is Stage.FULL else f" (stage {status.stage})"
    return (
        f"status of {status.at:%Y-%m-%d %H:%M}: battery {battery}{stage}, processor"
        f" {'?' if status.temperature_c is None else status.temperature_c} °C, card {status.card},"
        f" {status.card_free_mib / 1024:.1f} GiB free, faults: {faults};"
        f" {status.sequences} sequences, {status.waiting} wait for the modem;"
        f" {status.boots} boots, power lost {status.power_lost}, watchdog {status.watchdog_resets}"
    )


def _outcome(outcome: Outcome) -> str:
    if outcome.setting is None:
        return Result(outcome.result).name.lower()
    name = Setting(outcome.setting).name.lower() if outcome.setting in set(Setting) else "?"
    return f"{Result(outcome.result).name.lower()}, {name} is now {outcome.value}"
