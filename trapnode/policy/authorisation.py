"""Whose stick may carry a unit's pictures away: the file TRAPNODE.auth on it.

    trapnode stick 1
    AL07 2027-01-31 MAC          to the end of that day, by the unit's time
    AL08 - MAC                   for ever

    unit's key = HMAC-SHA256(park's secret, "trapnode stick key 1", NUL, "AL07")
    MAC        = HMAC-SHA256(unit's key, "trapnode stick 1", NUL, "AL07 2027-01-31"), in hex

The secret stays on the desk and authorises every unit; a unit has its own key only, and a stick no
key at all. So neither a stolen unit nor a lost stick tells how to authorise for another unit.
"""

import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from trapnode.errors import TrapnodeError

__all__ = ["FILE", "KEY_BYTES", "NotAuthorised", "authorisation", "check", "read", "unit_key"]

FILE = "TRAPNODE.auth"
FIRST = "trapnode stick 1"
KEY_PURPOSE = b"trapnode stick key 1\x00"
PURPOSE = b"trapnode stick 1\x00"
KEY_BYTES = 32
FOR_EVER = "-"
MOST_BYTES = 1 << 17  # More than a thousand units.
LINE = re.compile(r"([A-Za-z0-9]{1,16}) (-|\d{4}-\d{2}-\d{2}) ([0-9a-f]{64})", re.ASCII)


class NotAuthorised(TrapnodeError):
    """This stick may not have the pictures of this unit; nothing was copied."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a file says for one unit."""

    until: str
    mac: bytes


def unit_key(secret: bytes, unit: str) -> bytes:
    """Derive the key of one unit from the park's secret."""
    return hmac.digest(secret, KEY_PURPOSE + unit.encode("ascii"), "sha256")


def authorisation(secret: bytes, units: Iterable[str], until: date | None) -> bytes:
    """Give the file that authorises for some units; `until` is the last day, None: for ever."""
    day = FOR_EVER if until is None else until.isoformat()
    lines = [f"{each} {day} {_mac(unit_key(secret, each), each, day).hex()}" for each in units]
    return "\n".join([FIRST, *lines, ""]).encode("ascii")


def read(content: bytes) -> Mapping[str, Grant]:
    """Read a file, by unit; raise NotAuthorised for what is none. Nothing is proved by that."""
    if len(content) > MOST_BYTES:
        raise NotAuthorised(f"{FILE} has more than {MOST_BYTES} bytes")
    lines = content.decode("ascii", "replace").replace("\r\n", "\n").rstrip("\n").split("\n")
    if lines[0] != FIRST:
        raise NotAuthorised(f"{FILE} does not begin with '{FIRST}'")
    grants = {}
    for number, line in enumerate(lines[1:], 2):
        match = LINE.fullmatch(line)
        if match is None:
            raise NotAuthorised(f"line {number} of {FILE} makes no sense: make it again")
        unit, until, mac = match.groups()
        grants[unit] = Grant(until, bytes.fromhex(mac))
    return grants


def check(content: bytes, unit: str, key: bytes, today: date | None) -> None:
    """Raise NotAuthorised unless the file lets this unit's pictures go.

    `key` is the unit's, empty where it has none; `today` by the unit's time, None: nobody knows.
    """
    grant = read(content).get(unit)
    if not key:
        raise NotAuthorised("this unit has no stick.key, and its pictures lie open")
    if grant is None:
        raise NotAuthorised(f"{FILE} does not name {unit}")
    if not hmac.compare_digest(grant.mac, _mac(key, unit, grant.until)):
        raise NotAuthorised(f"{FILE} is forged, or made with another secret")
    if grant.until == FOR_EVER:
        return
    if today is None:
        raise NotAuthorised(f"{FILE} ends {grant.until}, this unit's clock is not set")
    if today.isoformat() > grant.until:
        raise NotAuthorised(f"{FILE} ended {grant.until}, today is {today}")


def _mac(key: bytes, unit: str, until: str) -> bytes:
    return hmac.digest(key, PURPOSE + f"{unit} {until}".encode("ascii"), "sha256")
