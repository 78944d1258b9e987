"""What a dump did, in figures and in lines for the person who ran it."""

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["DumpSummary"]

NAMED = 20  # So many files are named; the rest is counted.


@dataclass(slots=True)
class DumpSummary:
    """The figures of one dump; `missing` is empty when the package is complete."""

    dest: Path
    sequences: int = 0
    media: int = 0
    previews_only: int = 0
    lost: list[str] = field(default_factory=list)  # Frames without any file: named, no media row.
    unreadable: list[str] = field(default_factory=list)  # Files the card does not give.
    without_row: list[str] = field(default_factory=list)  # On the card, not in the dump.
    forged: list[str] = field(default_factory=list)  # Sealed, but not by this unit, or torn.
    sealed: int = 0
    kept: int = 0  # Files that an earlier run had brought.
    bytes: int = 0
    audit: int = 0  # Sequences that were drawn for audit.
    labels: dict[str, int] = field(default_factory=dict)
    remarks: dict[str, int] = field(default_factory=dict)  # Doubtful places and times.
    missing: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Say whether the package has all that Camtrap DP wants."""
        return not self.missing

    def __str__(self) -> str:
        """Say it for a person."""
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        found = ", ".join(f"{n} {label}" for label, n in sorted(self.labels.items()))
        lines = [
            f"{self.dest}: {self.sequences} sequences ({found or 'none'})",
            f"{self.media} pictures, {self.previews_only} of them as preview only,"
            f" {self.bytes / 1e6:.1f} MB; {self.kept} files were there already",
        ]
        lines += _named("frames are lost: no file on the card", self.lost)
        lines += _named("files cannot be read from the card", self.unreadable)
        lines += _named(
            "pictures have no row yet and are not here; start the unit once with this card, it"
            " takes them in, and dump again",
            self.without_row,
        )
        lines += _named("sealed files are torn, or not sealed by this unit", self.forged)
        if self.sealed:
            lines.append(f"{self.sealed} files are sealed: {self.dest / 'SEALED.txt'} says by whom")
        lines += [f"warning: {n} sequences {remark}" for remark, n in self.remarks.items()]
        if self.missing:
            lines.append(f"INCOMPLETE: {self.dest / 'INCOMPLETE.txt'} says what to do")
            lines += [f"  {each}" for each in self.missing]
        return lines


def _named(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [f"warning: {len(names)} {what}: {', '.join(names[:NAMED])}{more}"]
