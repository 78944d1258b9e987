"""What commands changed of the configuration, and on what conditions.

A setting is on trial until the gateway takes a message under it. After MOST_MISSED days without
contact it rolls back by itself to what was in force before. Values are as on the air: integers,
scaled by `trapnode.message.downlink.KEYS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from trapnode.config import Config, overlaid
from trapnode.message.downlink import KEYS
from trapnode.store.database import Database, moment, text

__all__ = ["MOST_MISSED", "RolledBack", "Settings", "in_force", "path_of", "scaled"]

MOST_MISSED = 3
CONTACT = timedelta(days=1)  # The daily status report is due once in this time.


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A setting that is as before, and the command that had changed it."""

    name: str
    downlink: int


class Settings:
    """The settings in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def values(self) -> dict[str, int]:
        """Give what differs from the configuration; raise StoreError."""
        rows = self._database.rows("SELECT name, value FROM setting ORDER BY name")
        return {str(name): int(str(value)) for name, value in rows}

    def set(self, name: str, value: int, now: datetime, downlink: int) -> None:
        """Set, on trial; inside a transaction. What was on trial before is not rolled back to."""
        self._database.run(
            "INSERT INTO setting VALUES (?, ?, NULL, 0, ?, ?) ON CONFLICT DO UPDATE SET"
            " before = CASE WHEN missed IS NULL THEN value ELSE before END,"
            " value = excluded.value, missed = 0, due_at = excluded.due_at,"
            " downlink = excluded.downlink",
            name,
            value,
            text(now + CONTACT),
            downlink,
        )

    def contact(self) -> None:
        """End all trials: the gateway took a message under them; inside a transaction."""
        self._database.run(
            "UPDATE setting SET missed = NULL, before = NULL WHERE missed IS NOT NULL"
        )

    def overdue(self, now: datetime) -> bool:
        """Say whether a trial has had a day without contact, or a clock that went back."""
        return bool(self._overdue(now))

    def miss(self, now: datetime) -> list[RolledBack]:
        """Count the days without contact, and roll back; inside a transaction."""
        rolled = []
        for name, due_at, missed, downlink in self._overdue(now):
            more = int(moment(due_at) <= now)
            if int(str(missed)) + more < MOST_MISSED:
                self._database.run(
                    "UPDATE setting SET missed = missed + ?, due_at = ? WHERE name = ?",
                    more,
                    text(now + CONTACT),
                    name,
                )
            else:
                self._roll_back(str(name))
                rolled.append(RolledBack(str(name), int(str(downlink))))
        return rolled

    def _roll_back(self, name: str) -> None:
        self._database.run("DELETE FROM setting WHERE name = ? AND before IS NULL", name)
        self._database.run(
            "UPDATE setting SET value = before, before = NULL, missed = NULL WHERE name = ?", name
        )

    def _overdue(self, now: datetime) -> list[tuple[object, ...]]:
        return self._database.rows(
            "SELECT name, due_at, missed, downlink FROM setting"
            " WHERE missed IS NOT NULL AND NOT (due_at > ? AND due_at <= ?)",
            text(now),
            text(now + CONTACT),
        )


def in_force(config: Config, values: Mapping[str, int]) -> Config:
    """Lay settings over a configuration; raise ConfigError naming the key, value and limit."""
    scales = {path_of(setting): key.scale for setting, key in KEYS.items()}
    real = {
        name: value if scales.get(name, 1) == 1 else value / scales[name]
        for name, value in values.items()
    }
    return overlaid(config, real)


def path_of(setting: int) -> str:
    """Name a setting that KEYS knows as the configuration does: `section.key`."""
    return f"{KEYS[setting].section}.{KEYS[setting].name}"


def scaled(config: Config, setting: int) -> int:
    """Give what a configuration says of a setting that KEYS knows, as on the air."""
    key = KEYS[setting]
    value: float = getattr(getattr(config, key.section), key.name)
    return round(value * key.scale)
