"""`trapnode dump`: the whole archive as a Camtrap DP 1.0.2 package that a person can look at.

Reads the card, never deletes from it. Every file is read once, hashed on its way, and whole once
it has its name. An interrupted dump is begun again with the same DEST: what is whole there stays.
Without the desk's file the package is written all the same, and says what it lacks.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from trapnode.dump.choice import Choice
from trapnode.dump.claims import Claim, claim_of, claims_of, is_public
from trapnode.dump.columns import DEPLOYMENTS, Table
from trapnode.dump.copying import Copier, Progress
from trapnode.dump.deployments import Deployment, Project
from trapnode.dump.dest import claim
from trapnode.dump.events import Events, Part
from trapnode.dump.individuals import Best, sharpest
from trapnode.dump.marks import mark
from trapnode.dump.package import NO_DESK, Package, deployment_rows
from trapnode.dump.page import Page, write_page
from trapnode.dump.pictures import Pictures, promised
from trapnode.dump.places import Placing
from trapnode.dump.public import read_for
from trapnode.dump.rows import event_row, rows_of
from trapnode.dump.sealed import SEALED, SEALED_SUMS, SEALED_XMP, Words, sealed_text
from trapnode.dump.summary import DumpSummary
from trapnode.dump.tables import GROWING, Tables
from trapnode.meter import meter
from trapnode.model import Taxon
from trapnode.store import fieldnotes, reading
from trapnode.store.reading import Record
from trapnode.store.selection import forgotten, select
from trapnode.store.store import Store

__all__ = ["write_dump"]

Claims = dict[int, Claim]  # By frame number.
INCOMPLETE = "INCOMPLETE.txt"
EVERYTHING = Choice()


@dataclass(frozen=True, slots=True)
class _Order:
    """Whose dump it is, when it was made, and of what."""

    unit: str
    utc_offset_min: int
    now: datetime
    choice: Choice


def write_dump(
    store: Store,
    dest: Path,
    deployments: Path | None,  # The desk's file; None where there is none yet.
    unit: str,
    utc_offset_min: int,
    now: datetime,
    progress: Progress | None = None,  # Takes bytes as they go by; None: a bar on a terminal.
    choice: Choice = EVERYTHING,
) -> DumpSummary:
    """Write the package; raise ConfigError (desk's file), UsageError (DEST) or StoreError."""
    notes = fieldnotes.readable(store.state)
    project, stood = read_for(deployments, unit, utc_offset_min, choice.public, notes)
    claim(dest, store.state, unit, reading.archive_name(store.database), choice.words)
    select(store.database, choice.only, choice.since)
    with (
        meter(reading.size(store.database), "B") as bar,
        Copier(dest, progress or bar) as copier,
    ):
        dump = _Dump(store, copier, _Order(unit, utc_offset_min, now, choice), stood)
        dump.write_records()
        dump.write_package(project)
        dump.summary.without_row = sorted(reading.without_row(store.database, store.archive.root))
        copier.finish()
    return dump.summary


class _Dump:
    """One dump on its way."""

    def __init__(
        self,
        store: Store,
        copier: Copier,
        order: _Order,
        deployments: tuple[Deployment, ...],
    ) -> None:
        self.summary = DumpSummary(copier.dest)
        self._store = store
        self._copier = copier
        self._order = order
        self._deployments = deployments
        later = partial(reading.next_trusted, store.database)
        self._placing = Placing(deployments, order.unit, later)
        self._events = Events()
        public = order.choice.public is not None
        self._pictures = Pictures(store.archive, copier, self.summary, public)
        self._taxa: set[Taxon] = set()
        self._methods: set[str] = set()
        self._models: set[str] = set()

    def write_records(self) -> None:
        """Bring every frame, and write the tables that grow with them."""
        with ExitStack() as stack:
            every = (*GROWING, SEALED_XMP) if self._store.archive.sealing.seals else GROWING
            put = {name: stack.enter_context(self._copier.writing(name)) for name in every}
            tables = Tables.of(put, self._deployments, self._order.utc_offset_min)
            for record in reading.walk(self._store.database):
                self._tell(record, tables)
            self._tell_events(self._events.end(), tables.observations)
            tables.scores.end(", ".join(sorted(self._models)) or "none", self._order.now)
            tables.page.end()

    def write_package(self, project: Project | None) -> None:
        """Write what is known only once every record went by."""
        extent = reading.extent(self._store.database)
        unit, offset = self._order.unit, self._order.utc_offset_min
        rows = deployment_rows(self._deployments, self._placing, extent, unit, offset)
        missing, counted = self._missing(project), self._counted()
        package = Package(
            unit, offset, self._order.now, project, rows, self._methods, self._taxa,
            counted, missing,
        )  # fmt: skip
        with self._copier.writing("deployments.csv") as put:
            table = Table(DEPLOYMENTS, put)
            for row in rows:
                table.add(row)
        self._copier.write("datapackage.json", package.json())
        if missing:
            self._copier.write(INCOMPLETE, package.incomplete())
        else:
            self._copier.remove(INCOMPLETE)
        if self.summary.sealed:
            self._copier.write(SEALED, sealed_text(self._store.archive.sealing.seals))
        self._copier.keep(SEALED_SUMS)  # Of what was unsealed here: `purge` needs them still.
        self._copier.settle()
        self.summary.missing, self.summary.remarks = missing, self._placing.remarks
        write_page(self._store, self._copier, Page(unit, offset, self.summary, counted))
        self.summary.kept, self.summary.bytes = self._copier.kept, self._copier.bytes

    def _counted(self) -> dict[str, object]:
        """Count sequences by label, and those drawn for audit, for whoever estimates from them."""
        sequences, audit = dict(self.summary.labels), self.summary.audit
        if not self._order.choice.words.keys() & {"only", "since"}:
            for label, drawn, count in forgotten(self._store.database):
                sequences[label] = sequences.get(label, 0) + count
                audit += count if drawn else 0
        return {"sequences": sequences, "audit": audit}

    def _missing(self, project: Project | None) -> list[str]:
        if project is None:
            return NO_DESK
        if stay := self._placing.stays.get(self._placing.unplaced):
            return [
                f"deployments.csv: the place of {stay.sequences} sequences made from"
                f" {stay.first:%Y-%m-%d %H:%M} to {stay.last:%Y-%m-%d %H:%M} UTC, outside every"
                f" deployment of {self._order.unit} ({self._placing.unplaced})"
            ]
        return []

    def _tell(self, record: Record, tables: Tables) -> None:
        """Bring the pictures of a record, and write its rows."""
        place = self._placing.place(record.sequence)
        event = self._events.add(record, place)
        hidden = self._order.choice.public is not None and not is_public(record)
        claims = claims_of(record)
        best, files = (None, {}) if hidden else self._bring(record, claims, tables.words)
        shown = promised(record) if hidden else files
        chosen = best.frame.number if best else None
        rows = rows_of(record, shown, place, event, self._order.utc_offset_min, chosen)
        for media in rows.media:
            tables.media.add(media)
        self._tell_events(self._events.over(), tables.observations)
        for observation in rows.observations:
            tables.observations.add(observation)
        if best is not None:
            tables.list_best(record, best, claims, files, (place.deployment, event))
        tables.score(record, files)
        tables.page.add(record, claims, files)
        self._count(record, claims, files)

    def _bring(
        self, record: Record, claims: Claims, words: Words
    ) -> tuple[Best | None, dict[int, str]]:
        """Bring the pictures of a record; say by which to know the animal, if there is one."""
        best = sharpest(record, self._store.archive.root, self._copier.dest)
        marks = {
            number: mark(record, each, best is not None and number == best.frame.number)
            for number, each in claims.items()
        }
        files = self._pictures.bring(record, marks)
        words.add(files, marks)
        return best, files

    def _tell_events(self, parts: Iterable[Part], observations: Table) -> None:
        for part in parts:
            observations.add(event_row(part, self._order.utc_offset_min))

    def _count(self, record: Record, claims: Claims, files: dict[int, str]) -> None:
        summary, observation = self.summary, record.observation
        label = observation.label if observation else "unclassified"
        summary.sequences += 1
        summary.labels[label] = summary.labels.get(label, 0) + 1
        summary.audit += observation is not None and observation.audit
        summary.media += len(files)
        summary.previews_only += sum(".preview.jpg" in path for path in files.values())
        self._methods.add(record.sequence.trigger.capture_method.value)
        self._taxa |= {each.taxon for each in claims.values()}
        if observation is not None and observation.classified_by:
            self._taxa.add(claim_of(record).taxon)
            self._models.add(observation.classified_by)
