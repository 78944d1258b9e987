"""The status of a unit as a technician reads it: one screen of 80 by 24, faults first."""

from collections.abc import Mapping
from datetime import datetime

__all__ = ["STALE_S", "age_of", "render"]

STALE_S = 30.0  # Three rounds of the keeper.
WIDTH = 80
FAULTS_SHOWN = 8
GIGABYTE = 1e9
MEGABYTE = 1e6


def render(snapshot: Mapping[str, object], age_s: float) -> list[str]:
    """Lay out the keeper's snapshot, `age_s` old; a key that is missing reads `?`."""
    faults = _faults(snapshot, age_s)
    head = f"{_text(snapshot, 'unit')}  {_verdict(len(faults))}"
    lines = [head, *_shown(faults), *_table(snapshot, age_s)]
    return [_printable(line)[:WIDTH] for line in lines]


def age_of(snapshot: Mapping[str, object], monotonic_s: float) -> float:
    """Say how old a snapshot is, s; one that does not tell is as old as the boot."""
    made_s = snapshot.get("monotonic_s")
    return monotonic_s - made_s if isinstance(made_s, int | float) else monotonic_s


def _verdict(faults: int) -> str:
    return "OK" if faults == 0 else f"{faults} FAULT{'S' if faults > 1 else ''}"


def _faults(snapshot: Mapping[str, object], age_s: float) -> list[str]:
    found = snapshot.get("faults")
    faults = [str(each) for each in found] if isinstance(found, list) else []
    if age_s > STALE_S:
        faults.insert(0, f"stale {age_s:.0f} s: the keeper is silent, this is what it last saw")
    return faults


def _shown(faults: list[str]) -> list[str]:
    lines = [f"! {fault}" for fault in faults[:FAULTS_SHOWN]]
    if (hidden := len(faults) - FAULTS_SHOWN) > 0:
        lines.append(f"! and {hidden} more: status json has them all")
    return lines


def _table(snapshot: Mapping[str, object], age_s: float) -> list[str]:
    def said(key: str) -> str:
        return _text(snapshot, key)

    rows = {
        "time": f"{_moment(snapshot, 'at')}, clock {said('clock_trust')}, {age_s:.0f} s ago",
        "boot": f"{said('boot')} by {said('wake_reason')}, trapnode {said('version')}",
        "battery": f"{_scaled(snapshot, 'battery_mv', 1000, ' V', 'no gauge', 2)}"
        f", processor {_scaled(snapshot, 'temperature_c', 1, ' C', 'without thermometer')}",
        "card": f"{_scaled(snapshot, 'card_free_bytes', GIGABYTE, ' GB')} free"
        f" of {_scaled(snapshot, 'card_total_bytes', GIGABYTE, ' GB')},"
        f" {said('card_state')}, {said('evicted')} evicted ({said('evicted_audit')} audit)",
        "wear": f"{_scaled(snapshot, 'card_written_bytes', MEGABYTE, ' MB')} written since boot,"
        f" {_scaled(snapshot, 'card_written_per_day_bytes', MEGABYTE, ' MB')} a day,"
        f" {_scaled(snapshot, 'syncs_per_event', 1, ' syncs', digits=0)} an event",
        "pictures": f"{said('sequences')} sequences, {said('targets')} with a target,"
        f" {said('discarded')} discarded, {said('lost_frames')} frames lost",
        "sorter": f"{said('unsorted')} unsorted, {said('unclassified')} unclassified,"
        f" by {said('set')}",
        "radio": f"{said('waiting')} waiting, {said('parked')} parked",
        "trigger": f"last {_moment(snapshot, 'last_trigger')}",
        "accepted": f"last {_moment(snapshot, 'last_accepted')}",
        "alive": _processes(snapshot),
        **({"stick": said("stick")} if "stick" in snapshot else {}),
    }
    return [f"{name:<9} {row}" for name, row in rows.items()]


def _processes(snapshot: Mapping[str, object]) -> str:
    found = snapshot.get("processes")
    if not isinstance(found, dict):
        return "?"
    ages = {name: each.get("age_s") for name, each in found.items() if isinstance(each, dict)}
    return ", ".join(
        f"{name} {age:.0f} s" if isinstance(age, int | float) else f"{name} ?"
        for name, age in ages.items()
    )


def _text(snapshot: Mapping[str, object], key: str) -> str:
    value = snapshot.get(key)
    return "?" if value is None else str(value)


def _scaled(
    snapshot: Mapping[str, object],
    key: str,
    divisor: float,
    unit: str,
    absent: str = "?",
    digits: int = 1,
) -> str:
    value = snapshot.get(key)
    if not isinstance(value, int | float):
        return absent
    return f"{value / divisor:.{digits}f}{unit}"


def _moment(snapshot: Mapping[str, object], key: str) -> str:
    if key not in snapshot:
        return "?"
    value = snapshot[key]
    if value is None:
        return "never"
    try:
        return f"{datetime.fromisoformat(str(value)):%Y-%m-%d %H:%M:%S}Z"
    except ValueError:
        return str(value)


def _printable(line: str) -> str:
    """Make printable ASCII: what a modem said must not steer the technician's terminal."""
    return "".join(each if " " <= each <= "~" else "?" for each in line)
