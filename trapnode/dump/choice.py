"""What a dump is to hold, and how much of it everybody may see."""

from dataclasses import dataclass
from datetime import UTC, datetime, timezone

from trapnode.errors import UsageError
from trapnode.model import TAXA

__all__ = ["Choice", "labels_of", "since_of"]


@dataclass(frozen=True, slots=True)
class Choice:
    """All of an archive, unless told otherwise."""

    only: tuple[str, ...] = ()  # Labels of sequences; none: all.
    since: datetime | None = None
    public: float | None = None  # Sides of the grid's cells in degrees; None: nothing is hidden.

    @property
    def words(self) -> dict[str, object]:
        """Say it for the dump's mark: only what differs from everything."""
        since = None if self.since is None else self.since.astimezone(UTC).isoformat()
        said = {"only": list(self.only), "since": since, "public": self.public}
        return {name: value for name, value in said.items() if value}


def labels_of(text: str, on_card: set[str]) -> tuple[str, ...]:
    """Read `leopard,person`; raise UsageError for what is no label."""
    labels = tuple(dict.fromkeys(filter(None, (each.strip() for each in text.split(",")))))
    known = {*TAXA, *on_card}
    if unknown := [each for each in labels if each not in known]:
        names = ", ".join(sorted(known))
        raise UsageError(f"--only {', '.join(unknown)}: no such label; there are: {names}")
    return labels


def since_of(text: str, zone: timezone) -> datetime:
    """Read a day or a moment, in the unit's time where it has no offset; raise UsageError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since {text}: must be a day like 2026-11-22") from None
    return at if at.tzinfo else at.replace(tzinfo=zone)
