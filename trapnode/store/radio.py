"""What the radio did and cost, day by day, and what a rate limit kept from being told.

Days and months are UTC's, by a clock that is trusted; else they are those of `UnsureDay`, which is
kept in rows of the table `counter`.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from trapnode.message import Suppressed
from trapnode.model import Boot, ClockTrust
from trapnode.policy.budget import Spent, UnsureDay
from trapnode.store.database import Database, moment, text

__all__ = ["Radio", "Session"]

MOST_DAYS = 400
SURE = "2000"  # Days before are those of UnsureDay.
UNSURE = "unsure "  # Before a field of `UnsureDay`.
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Session:
    """One attempt: what it brought to the network (0: no message), and cost."""

    size: int
    credits: int
    seconds: float  # That the modem was on.
    failed: bool = False


class Radio:
    """The days of the radio in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, session: Session, now: datetime) -> None:
        """Count an attempt; inside a transaction."""
        self._database.run(
            "INSERT INTO radio_day VALUES (?, 1, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " sessions = sessions + 1, failed = failed + excluded.failed,"
            " messages = messages + excluded.messages, bytes = bytes + excluded.bytes,"
            " credits = credits + excluded.credits, seconds = seconds + excluded.seconds",
            f"{now:%Y-%m-%d}",
            int(session.failed),
            int(session.size > 0),
            session.size,
            session.credits,
            session.seconds,
        )
        self._database.run(
            "DELETE FROM radio_day WHERE (day < ?1) = (?2 < ?1) AND day NOT IN (SELECT day FROM"
            " radio_day WHERE (day < ?1) = (?2 < ?1) ORDER BY day DESC LIMIT ?3)",
            SURE,
            f"{now:%Y-%m-%d}",
            MOST_DAYS,
        )

    def day(self, now: datetime, trust: ClockTrust) -> datetime:
        """Give a moment of the day that counts now; raise StoreError."""
        unsure = self._unsure() if trust is ClockTrust.NONE else None
        return now if unsure is None else unsure.moment

    def turn(self, boot: Boot, now: datetime, now_s: float, trust: ClockTrust) -> datetime:
        """Begin the next day that nobody is sure of, if this one is over; give a moment of it.

        Or of the clock's day, where it is trusted. Raise StoreError.
        """
        unsure, sure = self._unsure(), trust is not ClockTrust.NONE
        if unsure is None and sure:
            return now
        before = unsure or UnsureDay(boot=boot.id, since_s=int(now_s))
        today = before.at(boot.id, now_s, now.toordinal() if sure else 0)
        if today != unsure:
            with self._database.transaction():
                for name, value in asdict(today).items():
                    self._database.run(
                        "INSERT OR REPLACE INTO counter VALUES (?, ?)", UNSURE + name, value
                    )
        return now if sure else today.moment

    def _unsure(self) -> UnsureDay | None:
        rows = self._database.rows(f"SELECT name, next FROM counter WHERE name GLOB '{UNSURE}*'")
        found = {str(name).removeprefix(UNSURE): int(str(value)) for name, value in rows}
        return UnsureDay(**found) if found else None

    def spent(self, now: datetime) -> Spent:
        """Give what this day and this month have cost; raise StoreError."""
        row = self._database.row(
            "SELECT coalesce(sum(credits * (day = ?1)), 0), coalesce(sum(credits), 0),"
            " coalesce(sum(seconds * (day = ?1)), 0), coalesce(sum(seconds), 0)"
            " FROM radio_day WHERE day BETWEEN ?2 AND ?3",
            f"{now:%Y-%m-%d}",
            f"{now:%Y-%m}-01",
            f"{now:%Y-%m}-31",
        )
        assert row is not None
        day, month, day_s, month_s = map(str, row)
        return Spent(int(day), int(month), float(day_s), float(month_s))

    def told_in_the_hour(self, label: str, now: datetime) -> int:
        """Count the observations of a label that were put into the outbox in the last hour."""
        row = self._database.row(
            "SELECT count(*) FROM report r JOIN observation o ON o.id = r.observation"
            " WHERE r.id > (SELECT coalesce(max(id), 0) FROM report) - 1000"
            " AND o.label = ? AND r.made_at > ? AND r.made_at <= ?",
            label,
            text(now - HOUR),
            text(now),
        )
        assert row is not None
        return int(str(row[0]))

    def suppress(self, label: str, now: datetime) -> None:
        """Count an observation that is not told; inside a transaction."""
        self._database.run(
            "INSERT INTO suppressed VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
            label,
            text(now),
        )

    def suppressed(self) -> Suppressed | None:
        """Give what was not told, and since when; None: nothing."""
        rows = self._database.rows("SELECT since, label, count FROM suppressed")
        if not rows:
            return None
        since = moment(min(str(row[0]) for row in rows))
        return Suppressed(since, {str(row[1]): int(str(row[2])) for row in rows})

    def told_suppressed(self) -> None:
        """Begin counting anew; inside the transaction that tells the count."""
        self._database.run("DELETE FROM suppressed")

    def refused(self) -> dict[str, int]:
        """Give how many downlinks were refused, by why."""
        rows = self._database.rows("SELECT name, next FROM counter WHERE name LIKE 'refused %'")
        return {str(name).partition(" ")[2]: int(str(count)) for name, count in rows}

    def refuse(self, why: str) -> None:
        """Count a downlink that was refused; inside a transaction."""
        self._database.run(
            "INSERT INTO counter VALUES (?, 1) ON CONFLICT DO UPDATE SET next = next + 1",
            f"refused {why}",
        )
