"""What the battery gave so far, on the card: one small file beside the database, written whole.

A file and not rows: the stage must be known while the database is still closed, and what is lost
with it is a forecast, never a picture. A broken or missing file begins a new account.
"""

import json
import logging
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path

from trapnode.policy.energy import Day, Spent
from trapnode.store.disk import Disk, write_whole
from trapnode.store.refusal import store_error
from trapnode.words import Stage

__all__ = ["Account", "read_account", "write_account"]

log = logging.getLogger(__name__)

FILE = "power.json"
DAYS_KEPT = 14


@dataclass(frozen=True, slots=True)
class Account:
    """The account of one set of cells; `spent` and `counted_s` are those of boot number `boot`."""

    used_mwh: float = 0.0
    stage: Stage = Stage.FULL
    boot: int = 0
    counted_s: float = 0.0  # Monotonic: up to here this boot is counted.
    spent: Spent = field(default_factory=Spent)  # Of this boot, up to there.
    at: str = ""  # The wall clock then; empty where nobody trusts it.
    alarm_at: str = ""  # When the board shall wake us.
    ended: bool = False  # That boot ended by our own will;
    cuts: int = 0  # so many did not, for power was lost: a brown-out, a battery taken out;
    resets: int = 0  # so many did not, for the watchdog reset the machine.
    days: tuple[Day, ...] = ()  # The last whole days, and today as the last.

    def renewed(self) -> "Account":
        """Give the account of fresh cells: nothing used; what a day costs here is still known."""
        return replace(self, used_mwh=0.0, stage=Stage.FULL, cuts=0, resets=0)

    def charge(self, mwh: float, date: str, wakes: int, linger_s: float) -> "Account":
        """Add energy to the battery's use and to a day; an empty date is no day that counts."""
        if not date:
            return replace(self, used_mwh=self.used_mwh + mwh)
        days = list(self.days)
        if days and days[-1].date == date:
            last = days.pop()
            days.append(Day(date, last.mwh + mwh, last.wakes + wakes, linger_s))
        else:
            days.append(Day(date, mwh, wakes, linger_s))
        return replace(self, used_mwh=self.used_mwh + mwh, days=tuple(days[-DAYS_KEPT:]))


def read_account(state: Path) -> Account:
    """Read the account; a new one where there is none, or only a broken one."""
    path = state / FILE
    try:
        found = json.loads(path.read_text("utf-8"))
        found["days"] = tuple(Day(**each) for each in found["days"])
        found["stage"], found["spent"] = Stage(found["stage"]), Spent(**found["spent"])
        account = Account(**found)
        return account if _is_sound(account) else Account()
    except FileNotFoundError:
        return Account()
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s: beginning a new account: %s", path, error)
        return Account()


def write_account(disk: Disk, state: Path, account: Account) -> None:
    """Write the account; a power cut leaves the old one or the new one; raise StoreError."""
    try:
        write_whole(disk, state / FILE, json.dumps(asdict(account)).encode())
    except OSError as error:
        raise store_error(f"{state / FILE}: cannot be written", error) from error


def _is_sound(account: Account) -> bool:
    """Say whether every number is one, and every time is a time."""
    for told in filter(None, (account.at, account.alarm_at)):
        if datetime.fromisoformat(told).utcoffset() is None:
            return False
    numbers = (account.used_mwh, account.counted_s, *(day.mwh for day in account.days))
    return all(isinstance(each, int | float) and 0 <= each < 1e12 for each in numbers)
