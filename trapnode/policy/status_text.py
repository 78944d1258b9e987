"""The status of a unit as a technician reads it: one screen of 80 by 24, the verdict first.

`status` is the keeper's snapshot, and what the console adds: `radio` [text, age in s], `signal`
[bars of 5, age in s], `selftest` {failed: [names], age_s}, `note` {kind, at, by} of the last deploy
or collect, `locked` true while labels are not to be shown. Any of it may be missing or of any
shape: then it reads `?`.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from trapnode.texts import Texts
from trapnode.texts.screen import cut, moment_text, padded, scaled

__all__ = ["DAYS_LEAST", "STALE_S", "age_of", "open_part", "reasons", "render"]

STALE_S = 30.0  # Three rounds of the keeper.
DAYS_LEAST = 14  # Of battery, with fewer nobody should walk away.
FAULTS_SHOWN = 6
NAME_COLUMNS = 9
GIGABYTE, MEGABYTE = 1e9, 1e6
REVEALING = ("targets", "last_verdicts")  # Keys that tell what was there.

Status = Mapping[str, object]


def render(status: Status, age_s: float, texts: Texts) -> list[str]:
    """Lay out a status, `age_s` old: 22 lines at most, none over 80 columns."""
    why = reasons(status, age_s, texts)
    unit = _text(status, "unit")
    lines = [texts("status.not" if why else "status.good", unit=unit)]
    lines += [texts("status.why", fault=each) for each in why[:FAULTS_SHOWN]]
    if (hidden := len(why) - FAULTS_SHOWN) > 0:
        lines.append(texts("status.more", number=hidden))
    rows = _rows(status, age_s, texts)
    names = {name: texts(f"row.{name}") for name in rows}
    lines += [f"{padded(names[name], NAME_COLUMNS)} {row}" for name, row in rows.items()]
    return [cut(line, texts.utf8) for line in lines]


def reasons(status: Status, age_s: float, texts: Texts) -> list[str]:
    """Say why nobody should walk away from this unit; nothing: it is good to go."""
    found = status.get("faults")
    why = [texts.said(str(each)) for each in found] if isinstance(found, list) else []
    if age_s > STALE_S:
        why.insert(0, texts("status.stale", age=texts.age(age_s)))
    days = _days(status)
    if days is not None and days < DAYS_LEAST:
        key = "status.idles" if status.get("gated") is False else "status.days"
        why.append(texts(key, days=f"{days:.0f}", least=DAYS_LEAST))
    if failed := _failed(status):
        why.append(texts("test.some", failed=failed))
    return why


def age_of(status: Status, monotonic_s: float) -> float:
    """Say how old a snapshot is, s; one that does not tell is as old as the boot."""
    made_s = status.get("monotonic_s")
    return monotonic_s - made_s if isinstance(made_s, int | float) else monotonic_s


def open_part(status: Status) -> dict[str, object]:
    """Give what of a status anybody at the cable may read: health, and no label."""
    shown = {key: value for key, value in status.items() if key not in REVEALING}
    return shown | {"locked": True}


def _rows(status: Status, age_s: float, texts: Texts) -> dict[str, str]:
    def said(key: str) -> str:
        return _text(status, key)

    day = scaled(status.get("card_written_per_day_bytes"), MEGABYTE, " MB")

    return {
        "battery": _battery(status, texts),
        "card": texts(
            "card",
            free=scaled(status.get("card_free_bytes"), GIGABYTE, " GB"),
            total=scaled(status.get("card_total_bytes"), GIGABYTE, " GB"),
            state=texts.word("card", said("card_state")),
            evicted=said("evicted"),
            day="" if day == "?" else texts("card.day", day=day),
        ),
        "clock": texts(
            "clock",
            at=moment_text(status.get("at")),
            trust=texts.word("trust", said("clock_trust")),
            age=texts.age(age_s),
        ),
        "trigger": _trigger(status, age_s, texts),
        "verdicts": texts(
            "verdicts.locked" if status.get("locked") else "verdicts",
            newest=_verdicts(status, texts),
            unsorted=said("unsorted"),
            set=said("set"),
        ),
        "pictures": texts(
            "pictures.locked" if status.get("locked") else "pictures",
            **{key: said(key) for key in ("sequences", "targets", "discarded")},
            lost=said("lost_frames"),
        ),
        "queue": texts(
            "queue",
            waiting=said("waiting"),
            parked=said("parked"),
            accepted=_since(status, "last_accepted", age_s, texts),
            credits=_credits(status, texts),
        ),
        "modem": _modem(status, texts),
        "warmth": _warmth(status, texts),
        "deployed": _note(status, texts),
        "selftest": _selftest(status, texts),
        "alive": _processes(status, texts),
        "version": texts(
            "version",
            version=said("version"),
            boot=said("boot"),
            reason=texts.word("reason", said("wake_reason")),
            lost=_lost(status, texts),
        ),
        **({"stick": texts.said(said("stick"))} if "stick" in status else {}),
    }


def _days(status: Status) -> float | None:
    """Give for how long the battery lasts; None where no gauge is: it may be the mains."""
    days, battery_mv = status.get("days_left"), status.get("battery_mv")
    known = isinstance(days, int | float) and isinstance(battery_mv, int | float)
    return float(str(days)) if known else None


def _battery(status: Status, texts: Texts) -> str:
    volts = scaled(status.get("battery_mv"), 1000, " V", 2)
    days, stage = _days(status), status.get("power_stage")
    return texts(
        "battery",
        volts=texts("battery.none") if volts == "?" else volts,
        days=texts("battery.days", days=f"{days:.0f}") if days is not None else "",
        stage=f", {texts.word('stage', stage)}"
        if isinstance(stage, str) and stage != "full"
        else "",
    )


def _warmth(status: Status, texts: Texts) -> str:
    celsius = scaled(status.get("temperature_c"), 1, " C")
    return texts("warmth.none") if celsius == "?" else texts("warmth", celsius=celsius)


def _trigger(status: Status, age_s: float, texts: Texts) -> str:
    at = moment_text(status.get("last_trigger"))
    if at == "?":
        return texts("never") if "last_trigger" in status else "?"
    return texts("trigger", age=_since(status, "last_trigger", age_s, texts), at=at)


def _since(status: Status, key: str, age_s: float, texts: Texts) -> str:
    """Say how long ago something was, by the wall clock of the snapshot."""
    if status.get(key) is None:
        return texts("never") if key in status else "?"
    try:
        then, now = (datetime.fromisoformat(str(status.get(each))) for each in (key, "at"))
        return texts.age((now - then).total_seconds() + age_s)
    except (ValueError, TypeError):  # No time, or one without an offset.
        return moment_text(status.get(key))


def _verdicts(status: Status, texts: Texts) -> str:
    found = status.get("last_verdicts")
    if not isinstance(found, list):
        return "?"
    return ", ".join(map(str, found[:3])) or texts("verdict.none")


def _credits(status: Status, texts: Texts) -> str:
    """Say what of the budget of the day and the month is spent."""
    match status.get("credits"):
        case {"day": day, "day_most": day_most, "month": month, "month_most": most}:
            spent = {"day": day, "day_most": day_most, "month": month, "month_most": most}
            return texts("queue.credits", **spent)
    return ""


def _refused(status: Status, texts: Texts) -> str:
    match status.get("downlinks_refused"):
        case {**found} if number := sum(n for n in found.values() if isinstance(n, int)):
            return texts("modem.refused", number=number)
    return ""


def _modem(status: Status, texts: Texts) -> str:
    found, refused = [], _refused(status, texts)
    match status.get("radio"):
        case [str(said), int() | float() as age_s]:
            age = texts.age(float(age_s))
            found.append(texts("modem.said", said=texts.said(said), age=age) + refused)
    match status.get("signal"):
        case [int() as bars, int() | float() as age_s]:
            found.append(texts("modem.signal", bars=bars, age=texts.age(float(age_s))))
    return "; ".join(found) or texts("modem.none") + refused


def _note(status: Status, texts: Texts) -> str:
    match status.get("note"):
        case {"kind": str(kind), "at": at, "by": by}:
            key = "deployed" if kind == "deploy" else "collected"
            return texts(key, at=moment_text(at), by=by)
    return texts("deployed.not")


def _failed(status: Status) -> str:
    match status.get("selftest"):
        case {"failed": list(failed)}:
            return ", ".join(map(str, failed))
    return ""


def _selftest(status: Status, texts: Texts) -> str:
    match status.get("selftest"):
        case {"failed": list(failed), "age_s": int() | float() as age_s}:
            verdict = texts("selftest.failed" if failed else "selftest.passed")
            return texts("selftest.was", verdict=verdict, age=texts.age(float(age_s)))
    return texts("selftest.none")


def _processes(status: Status, texts: Texts) -> str:
    found = status.get("processes")
    if not isinstance(found, dict):
        return "?"
    ages = {name: each.get("age_s") for name, each in found.items() if isinstance(each, dict)}
    told = ", ".join(f"{name} {scaled(age, 1, '', 0)}" for name, age in ages.items())
    return texts("alive", processes=told)


def _lost(status: Status, texts: Texts) -> str:
    """Say how often power or the watchdog ended a boot, once one of them has."""
    match status.get("power_lost"), status.get("watchdog_resets"):
        case int() as power, int() as watchdog if power or watchdog:
            return texts("version.lost", power=power, watchdog=watchdog)
    return ""


def _text(status: Status, key: str) -> str:
    value = status.get(key)
    if value is None:
        return "?"
    return value if isinstance(value, str) else json.dumps(value)
