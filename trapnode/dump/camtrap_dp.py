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
from pathlib import Path, PurePosixPath

from trapnode.dump.claims import claim_of, claims_of, files_of
from trapnode.dump.columns import DEPLOYMENTS, MEDIA, OBSERVATIONS, header, line
from trapnode.dump.copying import Copier, Progress, Put, Unreadable
from trapnode.dump.deployments import Deployment, Project, read
from trapnode.dump.dest import claim
from trapnode.dump.events import Events, Part
from trapnode.dump.package import Package, deployment_rows
from trapnode.dump.page import Page, write_pages
from trapnode.dump.places import Placing
from trapnode.dump.rows import event_row, rows_of
from trapnode.dump.summary import DumpSummary
from trapnode.errors import StoreError
from trapnode.megadetector import Megadetector
from trapnode.meter import meter
from trapnode.model import Frame, Taxon, Verdict
from trapnode.store import reading
from trapnode.store.reading import Record
from trapnode.store.store import Store

__all__ = ["write_dump"]

INCOMPLETE = "INCOMPLETE.txt"
NO_DESK = [
    "deployments.csv: latitude, longitude and the true deploymentStart and deploymentEnd",
    "datapackage.json: contributors, licenses, spatial, project.title, project.samplingDesign",
]


@dataclass(frozen=True, slots=True)
class _Order:
    """Whose dump it is, and when it was made."""

    unit: str
    utc_offset_min: int
    now: datetime


def write_dump(
    store: Store,
    dest: Path,
    deployments: Path | None,  # The desk's file; None where there is none yet.
    unit: str,
    utc_offset_min: int,
    now: datetime,
    progress: Progress | None = None,  # Takes bytes as they go by; None: a bar on a terminal.
) -> DumpSummary:
    """Write the package; raise ConfigError (desk's file), UsageError (DEST) or StoreError."""
    project: Project | None = None
    stood: tuple[Deployment, ...] = ()
    if deployments is not None:
        project, stood = read(deployments, unit, utc_offset_min)
    claim(dest, store.state, unit, reading.archive_name(store.database))
    with (
        meter(reading.size(store.database), "B") as bar,
        Copier(dest, progress or bar) as copier,
    ):
        dump = _Dump(store, copier, _Order(unit, utc_offset_min, now), stood)
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
        self._taxa: set[Taxon] = set()
        self._methods: set[str] = set()
        self._models: set[str] = set()

    def write_records(self) -> None:
        """Bring every frame, and write the tables that grow with them."""
        with ExitStack() as stack:
            media = stack.enter_context(self._copier.writing("media.csv"))
            observations = stack.enter_context(self._copier.writing("observations.csv"))
            scores = stack.enter_context(self._copier.writing("megadetector.json"))
            media(header(MEDIA))
            observations(header(OBSERVATIONS))
            megadetector = Megadetector(scores)
            for record in reading.walk(self._store.database):
                files = self._bring_all(record)
                self._tell(record, files, media, observations)
                _score(record, files, megadetector)
            self._tell_events(self._events.end(), observations)
            megadetector.end(", ".join(sorted(self._models)) or "none", self._order.now)

    def write_package(self, project: Project | None) -> None:
        """Write what is known only once every record went by."""
        extent = reading.extent(self._store.database)
        unit, offset = self._order.unit, self._order.utc_offset_min
        rows = deployment_rows(self._deployments, self._placing, extent, unit, offset)
        table = header(DEPLOYMENTS) + "".join(line(DEPLOYMENTS, row) for row in rows)
        missing = self._missing(project)
        package = Package(
            unit, offset, self._order.now, project, rows, self._methods, self._taxa, missing
        )
        self._copier.write("deployments.csv", table)
        self._copier.write("datapackage.json", package.json())
        if missing:
            self._copier.write(INCOMPLETE, package.incomplete())
        else:
            self._remove(INCOMPLETE)
        self._copier.settle()
        write_pages(self._store, self._copier, Page(unit, offset, not missing, self.summary.labels))
        self.summary.missing, self.summary.remarks = missing, self._placing.remarks
        self.summary.kept, self.summary.bytes = self._copier.kept, self._copier.bytes

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

    def _tell(self, record: Record, files: dict[int, str], media: Put, observations: Put) -> None:
        place = self._placing.place(record.sequence)
        event = self._events.add(record, place)
        rows = rows_of(record, files, place, event, self._order.utc_offset_min)
        media("".join(line(MEDIA, row) for row in rows.media))
        self._tell_events(self._events.over(), observations)
        observations("".join(line(OBSERVATIONS, row) for row in rows.observations))
        self._count(record, files)

    def _tell_events(self, parts: Iterable[Part], observations: Put) -> None:
        for part in parts:
            observations(line(OBSERVATIONS, event_row(part, self._order.utc_offset_min)))

    def _count(self, record: Record, files: dict[int, str]) -> None:
        summary, observation = self.summary, record.observation
        label = observation.label if observation else "unclassified"
        summary.sequences += 1
        summary.labels[label] = summary.labels.get(label, 0) + 1
        summary.media += len(files)
        summary.previews_only += sum(path.endswith(".preview.jpg") for path in files.values())
        self._methods.add(record.sequence.trigger.capture_method.value)
        self._taxa |= {each.taxon for each in claims_of(record).values()}
        if observation is not None and observation.classified_by:
            self._taxa.add(claim_of(record).taxon)
            self._models.add(observation.classified_by)

    def _bring_all(self, record: Record) -> dict[int, str]:
        """Bring the file that shows each frame; give the paths in DEST by frame number."""
        files = {}
        for frame in record.sequence.frames:
            if path := self._bring_one(frame):
                files[frame.number] = path
            else:
                self.summary.lost.append(frame.path)
        return files

    def _bring_one(self, frame: Frame) -> str | None:
        for path in files_of(frame):
            if self._bring(path, "media"):
                if path == frame.path:
                    self._bring(frame.preview_path, "previews")
                return f"media/{path}"
        return None

    def _bring(self, path: str, folder: str) -> bool:
        if ".." in PurePosixPath(path).parts or PurePosixPath(path).is_absolute():
            raise StoreError(f"{self._store.state}: a row points outside the archive: {path}")
        try:
            self._copier.copy(self._store.archive.root / path, f"{folder}/{path}")
        except Unreadable as error:
            if not error.gone:
                self.summary.unreadable.append(str(error))
            return False
        return True

    def _remove(self, name: str) -> None:
        try:
            (self._copier.dest / name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"{self._copier.dest / name}: cannot be removed: {error}") from error


def _score(record: Record, files: dict[int, str], megadetector: Megadetector) -> None:
    observation = record.observation
    blank = observation is not None and observation.verdict is Verdict.DISCARD
    for number, path in files.items():
        scores = record.scores[number]
        if scores is None:
            megadetector.fail(path, observation.reason if observation else "not sorted yet")
        else:
            megadetector.add(path, scores, blank)
