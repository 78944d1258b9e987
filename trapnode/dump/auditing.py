"""`trapnode audit`: what the filter missed, by a person's answers for a dump's audit sample."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trapnode.dump.rows import AUDIT
from trapnode.errors import StoreError, UsageError
from trapnode.model import BLANK, ObservationType, taxon_of
from trapnode.policy.audit import Estimate, estimate
from trapnode.store import names

__all__ = ["Audit", "audit"]

FULL = "full"
ASSUMED = (
    "95 % confidence, exact for a finite number of blanks. It holds if the blanks that nobody\n"
    "answered for, and those whose pictures made room on a full card, are like the others: the\n"
    "unit lets them go in an order that does not look at time or content, so answer for all that\n"
    "are there, or for a random part. What was kept as an animal counts as one."
)


@dataclass(frozen=True, slots=True)
class Audit:
    """The sample, the answers, and what follows; counts are sequences."""

    of: str  # The label that was asked for; empty: any animal.
    blanks: int  # All that the filter took for blank.
    drawn: int  # Of them, for audit.
    whole: int  # Of these, with their pictures still there.
    answered: int
    found: int  # Of these, with an animal.
    kept: int  # Animals that the filter kept.
    strangers: int  # Answers for what is not of the sample.

    @property
    def missed(self) -> Estimate:
        """How many animals are among all blanks."""
        return estimate(self.found, self.answered, self.blanks)

    def __str__(self) -> str:
        """Say it for a person."""
        what = self.of or "animal"
        lines = [
            f"{self.drawn} of {self.blanks} blanks were drawn for audit, {self.whole} of them are"
            f" whole still, {self.answered} were answered for; in {self.found} of these: {what}."
        ]
        if self.strangers:
            lines.append(f"warning: {self.strangers} answers are for pictures not of the sample")
        missed = self.missed
        lines += [
            f"{what} among all blanks: {missed.likely:.0f} ({missed.least:.0f} to"
            f" {missed.most:.0f})",
            f"missed by the filter: {_percent(missed.of(self.kept))}, where {self.kept} were kept",
            ASSUMED,
        ]
        return "\n".join(lines)


def audit(dump: Path, labels: Path, of: str = "") -> Audit:
    """Estimate what was missed; raise UsageError (dump, labels) or StoreError."""
    counted, drawn = _counts(dump)
    sample = _sample(dump)
    if not sample:
        raise UsageError(f"{dump}: has no audit sample: no blank was drawn in it")
    answers, strangers = _answers(labels, set(sample))
    if not answers:
        raise UsageError(f"{labels}: no answer for a picture of {dump}'s audit sample")
    kept = sum(n for label, n in counted.items() if _is(label, of))
    return Audit(
        of,
        blanks=counted.get(BLANK, 0),
        drawn=drawn,
        whole=sum(state == FULL for state in sample.values()),
        answered=len(answers),
        found=sum(any(_is(label, of) for label in each) for each in answers.values()),
        kept=kept,
        strangers=strangers,
    )


def _counts(dump: Path) -> tuple[dict[str, int], int]:
    """Give the sequences of each label, and those drawn for audit."""
    path = dump / "datapackage.json"
    try:
        counted = json.loads(path.read_text("utf-8"))["counted"]
        return dict(counted["sequences"]), int(counted["audit"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{path}: is not of a dump, or of one by an older version") from None


def _sample(dump: Path) -> dict[str, str]:
    """Give the sequences of the audit sample by what their names share, and what is left."""
    files = {row["mediaID"]: row["filePath"] for row in _rows(dump / "media.csv")}
    sample: dict[str, str] = {}
    for row in _rows(dump / "observations.csv"):
        if row["mediaID"] and AUDIT in row["observationTags"].split(" | "):
            stem = row["mediaID"].rpartition(".")[0]
            preview = ".preview.jpg" in files.get(row["mediaID"], ".preview.jpg")
            sample[stem] = sample.get(stem, "") or ("" if preview else FULL)
    return sample


def _answers(labels: Path, sample: set[str]) -> tuple[dict[str, set[str]], int]:
    """Give what a person saw in each sequence, and how many answers are for others."""
    answers: dict[str, set[str]] = {}
    strangers = 0
    for row in _rows(labels, ("path", "label")):
        name = _named(PurePosixPath(row["path"].strip()).name)
        label = row["label"].strip().lower()
        if name is None or name.stem not in sample:
            strangers += 1
        elif label:
            answers.setdefault(name.stem, set()).add(label)
    return answers, strangers


def _named(file: str) -> names.FileName | None:
    """Read the name of a picture as the card has it, sealed or open, or as a sealed dump has it."""
    return names.parse(file) or names.parse(file.removesuffix(names.SEALED))


def _rows(path: Path, needed: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if missing := [name for name in needed if name not in (rows.fieldnames or ())]:
                raise UsageError(f"{path}: has no column {', '.join(missing)}")
            for row in rows:
                yield {name: value or "" for name, value in row.items() if name}
    except FileNotFoundError:
        raise UsageError(f"{path}: is not there") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8: save it as CSV UTF-8") from None
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error


def _is(label: str, of: str) -> bool:
    """Say whether a label is what was asked for."""
    if of:
        return label == of
    return taxon_of(label).observation_type is ObservationType.ANIMAL


def _percent(share: Estimate) -> str:
    likely, least, most = (f"{each:.1%}" for each in (share.likely, share.least, share.most))
    return f"{likely} ({least} to {most})"
