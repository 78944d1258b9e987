"""Cards for many units out of one table: a configuration for each, and the desk's file of units.

The table is CSV, one line a unit. Its columns are `unit` (station code) and `modem` (IMEI or
DevEUI), and where needed `generation`, `carrier` and `device` of the desk's file, or any option in
full (`modem.region`). What must be a unit's own is made here and is no column; a place never is.
"""

import csv
import io
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from trapnode.config import Config, Section, checked, options, overlaid, parse, toml, values
from trapnode.errors import UsageError
from trapnode.message.sealing import KEY_SIZE
from trapnode.policy import authorisation, session
from trapnode.receive.units import MODEM, CardSection, DeskFile, UnitSection, desk_of

__all__ = ["CONFIG", "UNITS", "Row", "files", "rows"]

CONFIG, UNITS = "config.toml", "units.toml"
DESK = ("carrier", "device")  # Columns that only the desk's file has.
COLUMNS = ("unit", "modem", "generation", *DESK)
OURS = (
    *("unit.name", "modem.kind", "modem.dev_eui", "uplink.key", "uplink.generation"),
    *("stick.key", "console.key", "sealing.recipients"),
)
KEYS = ("uplink.key", "stick.key", "console.key", "modem.app_key")
PLACE = re.compile(
    r"lat|lng|lon|coord|gps|wgs|utm|east|north|place|location|position|grid|geo|^[xyz]$"
    r"|широт|долгот|коорд|纬|经|坐标"
)
NAME = re.compile(r"[A-Za-z0-9]{1,16}")
HIGHEST = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: `where` is for errors; empty cells are not in the mappings."""

    where: str
    unit: str
    modem: str
    generation: int | None
    desk: Mapping[str, str]
    options: Mapping[str, Any]


def rows(text: str, name: str) -> list[Row]:
    """Read the table, commas or semicolons; raise UsageError with line, value and limit."""
    first = text.lstrip("\n").split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in first else ",", strict=True)
    try:
        lines = [(reader.line_num, [each.strip() for each in line]) for line in reader if any(line)]
    except csv.Error as error:
        raise UsageError(f"{name}: line {reader.line_num}: not CSV: {error}") from error
    if len(lines) < 2:
        raise UsageError(f"{name}: must have a line of columns, and one for each unit")
    columns = [each.lower() for each in lines[0][1]]
    _check_columns(columns, name)
    found = [_row(f"{name}: line {number}", columns, line) for number, line in lines[1:]]
    _once(found, "unit", lambda row: row.unit.upper())  # Some cards know no case.
    _once(found, "modem", lambda row: row.modem)
    return found


def files(
    table: Sequence[Row],
    common: Config,
    old: DeskFile,
    *,
    secret: bytes | None,
    today: date,
    token: Callable[[int], str],
) -> dict[str, str]:
    """Give every file to write, by its path: `AL07/config.toml` of each unit, and `units.toml`.

    A unit of `old` keeps its cards; its new one comes last and has the next generation. `secret`
    is the park's, for stick.key and console.key; `token` gives so many random bytes in hex. Raise
    UsageError or ConfigError.
    """
    for option, value in values(common):
        if option.name in KEYS and value:
            raise UsageError(f"{option.name} is in the common configuration: each has its own")
    made: dict[str, str] = {}
    units = {each.name: each for each in old.unit}
    for row in table:
        before = units.get(row.unit)
        card = CardSection(generation=_generation(row, before), key=token(KEY_SIZE), since=today)
        made[f"{row.unit}/{CONFIG}"] = _config(row, card, common, secret)
        units[row.unit] = _unit(row, before, card)
    made[UNITS] = _units_toml(msgspec.structs.replace(old, unit=tuple(units.values())))
    desk_of(checked(made[UNITS], DeskFile, UNITS), Path(UNITS))
    return made


def _check_columns(columns: Sequence[str], name: str) -> None:
    known = {*COLUMNS, *(each.name for each in options() if each.name not in OURS)}
    for each in columns:
        if each not in known and PLACE.search(each):
            raise UsageError(
                f"{name}: column {each!r}: a place never goes to a unit; keep it in the desk's"
                " deployments.toml and take the column out"
            )
    for each in columns:
        if each in OURS:
            raise UsageError(f"{name}: column {each!r}: is made here, not read")
        if each not in known:
            raise UsageError(
                f"{name}: column {each!r}: must be one of {', '.join(COLUMNS)}, or an option in"
                " full, as modem.region"
            )
        if columns.count(each) > 1:
            raise UsageError(f"{name}: column {each!r}: is there twice")
    for each in ("unit", "modem"):
        if each not in columns:
            raise UsageError(f"{name}: column {each!r} is missing")


def _row(where: str, columns: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) != len(columns):
        raise UsageError(f"{where}: has {len(cells)} cells, the first line {len(columns)}")
    given = {column: cell for column, cell in zip(columns, cells, strict=True) if cell}
    unit, modem = given.get("unit", ""), given.get("modem", "").upper()
    if NAME.fullmatch(unit) is None:
        raise UsageError(f"{where}: unit {unit!r}: must be 1 to 16 letters and digits")
    if MODEM.fullmatch(modem) is None:
        raise UsageError(
            f"{where}: modem {modem!r}: must be an IMEI (15 digits) or a DevEUI (16 hex digits)"
        )
    number = given.get("generation", "")
    if number and not (re.fullmatch(r"[0-9]{1,10}", number) and 1 <= int(number) <= HIGHEST):
        raise UsageError(f"{where}: generation {number!r}: must be 1 to {HIGHEST}, or empty")
    return Row(
        where,
        unit,
        modem,
        int(number) if number else None,
        {each: given[each] for each in DESK if each in given},
        {each: _value(each, cell) for each, cell in given.items() if each not in COLUMNS},
    )


def _value(option: str, cell: str) -> Any:
    """Read a cell as its option's type; what makes no sense is refused with the whole."""
    if next(each.default for each in options() if each.name == option).startswith('"'):
        return cell
    try:
        return tomllib.loads(f"cell = {cell}")["cell"]
    except ValueError:
        return cell


def _once(table: Iterable[Row], what: str, of: Callable[[Row], str]) -> None:
    seen: dict[str, Row] = {}
    for row in table:
        if (first := seen.setdefault(of(row), row)) is not row:
            line = first.where.rsplit(" ", 1)[1]
            raise UsageError(f"{row.where}: {what} {getattr(row, what)}: is in line {line} already")


def _generation(row: Row, before: UnitSection | None) -> int:
    latest = max((each.generation for each in before.card), default=0) if before else 0
    chosen = latest + 1 if row.generation is None else row.generation
    if not latest < chosen <= HIGHEST:
        raise UsageError(
            f"{row.where}: generation {chosen}: must be more than {latest}, which {row.unit} has,"
            f" and at most {HIGHEST}"
        )
    return chosen


def _config(row: Row, card: CardSection, common: Config, secret: bytes | None) -> str:
    """Give the text of a unit's configuration: what differs from the defaults, checked."""
    own = {**row.options, "unit.name": row.unit}
    own |= {"uplink.key": card.key, "uplink.generation": card.generation}
    if len(row.modem) == 15:
        own["modem.kind"] = "sbd"
    else:
        own |= {"modem.kind": "lorawan", "modem.dev_eui": row.modem}
    if secret is not None:
        own["stick.key"] = authorisation.unit_key(secret, row.unit).hex()
        own["console.key"] = session.unit_key(secret, row.unit).hex()
    config = overlaid(common, own, f"{row.where}: unit {row.unit}")
    lines, last = [f"# trapnode provision: {row.unit}, card {card.generation}"], ""
    for option, value in values(config):
        section, _, key = option.name.partition(".")
        if toml(value) != option.default:
            lines += [f"\n[{section}]"] if section != last else []
            lines.append(f"{key} = {toml(value)}")
            last = section
    text = "\n".join([*lines, ""])
    assert parse(text, row.where) == config
    return text


def _unit(row: Row, before: UnitSection | None, card: CardSection) -> UnitSection:
    if before is None:
        before = UnitSection(name=row.unit, modem=row.modem)
    elif before.modem.upper() != row.modem:  # Another modem: another device.
        before = msgspec.structs.replace(before, modem=row.modem, device="")
    table = msgspec.to_builtins(before, builtin_types=(date,)) | dict(row.desk)
    try:
        unit = msgspec.convert(table, UnitSection)
    except msgspec.ValidationError as error:
        raise UsageError(f"{row.where}: {error}") from error
    return msgspec.structs.replace(unit, card=(*unit.card, card))


def _units_toml(file: DeskFile) -> str:
    """Write the desk's file; comments of an old one are not in it."""
    lines = ["# trapnode provision wrote it. It holds keys: nobody else's to read."]
    for each in msgspec.structs.fields(file):
        if each.name != "unit":
            lines += _section(f"[{each.name}]", getattr(file, each.name))
    for unit in file.unit:
        lines += _section("[[unit]]", unit)
        for card in unit.card:
            lines += _section("[[unit.card]]", card)
    return "\n".join([*lines, ""])


def _section(head: str, section: Section) -> Iterator[str]:
    fields = [each for each in msgspec.structs.fields(section) if each.name != "card"]
    given = [(each.name, getattr(section, each.name)) for each in fields]
    lines = [
        f"{name} = {toml(value)}"
        for (name, value), each in zip(given, fields, strict=True)
        if value != each.default
    ]
    yield from ["", head, *lines] if lines else []
