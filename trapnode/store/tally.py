"""The tally of everything on the card, as status snapshot and status report tell it."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from trapnode.message import Faults
from trapnode.model import ClockTrust
from trapnode.policy.budget import Budget
from trapnode.policy.pir import FALSE_OF
from trapnode.store.store import Store

__all__ = ["Tally", "changes", "radio", "tally"]

VAIN_ATTEMPTS = 3  # Of one message; a sky that hides the satellites passes sooner.
STUCK = f"state = 'attempted' AND attempts >= {VAIN_ATTEMPTS}"
FORGOTTEN = "coalesce(sum(sequences), 0) FROM forgotten"
EVICTED = "state IN ('evicting', 'evicted')"

COUNTS = f"""
    SELECT (SELECT count(*) FROM sequence) + (SELECT {FORGOTTEN}),
           (SELECT count(*) FROM observation WHERE verdict = 'discard')
             + (SELECT {FORGOTTEN} WHERE label = 'blank'),
           (SELECT count(*) FROM observation WHERE target = 1),
           (SELECT count(*) FROM sequence WHERE state != 'sorted'),
           (SELECT count(*) FROM observation WHERE label = 'unclassified')
             + (SELECT {FORGOTTEN} WHERE label = 'unclassified'),
           (SELECT count(*) FROM report WHERE message IS NULL)
             + (SELECT count(*) FROM message WHERE state IN ('queued', 'attempted')),
           (SELECT count(*) FROM message WHERE state = 'parked'),
           (SELECT count(*) FROM message WHERE {STUCK}),
           (SELECT count(*) FROM frame WHERE state = 'lost'),
           (SELECT count(DISTINCT sequence) FROM frame WHERE {EVICTED}),
           (SELECT count(DISTINCT f.sequence) FROM frame f JOIN observation o
             ON o.id = f.sequence WHERE o.audit = 1 AND {EVICTED}),
           (SELECT count(*) FROM sequence WHERE boot = (SELECT max(id) FROM boot))"""

LATEST = (
    "SELECT coalesce(sum(label = 'blank'), 0), count(*) FROM"
    f" (SELECT label FROM observation ORDER BY id DESC LIMIT {FALSE_OF})"
)
VERDICTS = "SELECT label, probability FROM observation ORDER BY id DESC LIMIT 3"


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts since the card was put in; `last_*` are ISO 8601 texts or None."""

    sequences: int
    discarded: int  # Sequences with the verdict discard.
    targets: int
    unsorted: int
    unclassified: int
    waiting: int  # Reports and messages that are not through.
    parked: int
    stuck: int  # Messages that were tried in vain, again and again.
    lost_frames: int
    evicted: int  # Sequences whose pixels made room on a full card,
    evicted_audit: int  # and those of them that were kept for audit.
    this_boot: int  # Sequences since the machine started.
    last_trigger: str | None
    last_accepted: str | None
    last_verdicts: tuple[str, ...]  # "leopard 97 %", the newest first.
    blank_of_latest: tuple[int, int]  # So many of the last hundred judged sequences were blank.
    stuck_reason: str  # Of the latest of the stuck messages; empty if there is none.

    def as_snapshot(self) -> dict[str, object]:
        """Give the tally as part of the status snapshot."""
        return asdict(self)

    def as_status(self) -> dict[str, int]:
        """Give what of it the status report tells."""
        told = ("sequences", "discarded", "targets", "unsorted", "unclassified", "waiting")
        return {name: getattr(self, name) for name in (*told, "evicted", "evicted_audit")}

    def faults(self) -> list[tuple[Faults, str]]:
        """Say what of it a technician must hear."""
        faults = []
        if self.stuck:
            last = f", last: {self.stuck_reason}" if self.stuck_reason else ""
            text = f"radio: {_many(self.stuck, 'message')} tried in vain{last}"
            faults.append((Faults.UPLINKER, text))
        if self.parked:
            faults.append((Faults.UPLINKER, f"radio: {_many(self.parked, 'message')} parked"))
        if self.lost_frames:
            faults.append((Faults.CARD, f"card: {_many(self.lost_frames, 'frame')} lost"))
        return faults


def tally(store: Store) -> Tally:
    """Count what the card holds; raise StoreError."""
    counts = store.database.row(COUNTS)
    trigger = store.database.row("SELECT triggered_at FROM sequence ORDER BY id DESC LIMIT 1")
    accepted = store.database.row("SELECT max(accepted_at) FROM message")
    stuck = store.database.row(
        f"SELECT reason FROM message WHERE {STUCK} ORDER BY counter DESC LIMIT 1"
    )
    assert counts is not None
    assert accepted is not None
    latest = store.database.row(LATEST)
    assert latest is not None
    names = [field.name for field in fields(Tally)]
    return Tally(
        **{name: int(str(value)) for name, value in zip(names, counts, strict=False)},
        last_trigger=str(trigger[0]) if trigger else None,
        last_accepted=None if accepted[0] is None else str(accepted[0]),
        last_verdicts=tuple(_verdict(*row) for row in store.database.rows(VERDICTS)),
        blank_of_latest=(int(str(latest[0])), int(str(latest[1]))),
        stuck_reason=str(stuck[0]) if stuck else "",
    )


def radio(
    store: Store, budget: Budget | None, now: datetime, trust: ClockTrust
) -> dict[str, object]:
    """Give what the radio cost, and what it refused to obey, for the snapshot; raise StoreError."""
    if budget is None:
        return {}
    spent = store.radio.spent(store.radio.day(now, trust))
    return {
        "credits": {
            "day": spent.day,
            "day_most": budget.day,
            "month": spent.month,
            "month_most": budget.month,
        },
        "modem_on_s": {"day": round(spent.day_s), "month": round(spent.month_s)},
        "downlinks_refused": store.radio.refused(),
        "settings": store.settings.values(),
    }


def changes(store: Store) -> int:
    """Give a number that is another one once anybody but us has committed; raise StoreError."""
    row = store.database.row("PRAGMA data_version")
    assert row is not None
    return int(str(row[0]))


def _verdict(label: object, probability: object) -> str:
    return f"{label} {probability:.0%}" if isinstance(probability, float) else str(label)


def _many(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
