"""The words around the tables: deployments.csv, datapackage.json and INCOMPLETE.txt.

Without the desk's file nothing is made up: what only the desk knows stays empty, and the package
says so of itself.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from trapnode import __version__
from trapnode.dump.columns import BASE, Cell, flag, local
from trapnode.dump.deployments import TEMPLATE, Deployment, Project
from trapnode.dump.places import Placing, Stay
from trapnode.dump.taxa import taxonomic
from trapnode.model import Taxon

__all__ = ["NO_DESK", "Package", "deployment_rows"]

Row = dict[str, Cell]

NO_DESK = [
    "deployments.csv: latitude, longitude and the true deploymentStart and deploymentEnd",
    "datapackage.json: contributors, licenses, spatial, project.title, project.samplingDesign",
]
UNPLACED = "pictures outside every deployment of the desk's file: their place is not known"


@dataclass(frozen=True, slots=True)
class Package:
    """What datapackage.json says of the tables."""

    unit: str
    utc_offset_min: int
    made_at: datetime
    project: Project | None
    deployments: list[Row]
    capture_methods: Iterable[str]
    taxa: Iterable[Taxon]
    counted: Mapping[str, object]  # Sequences; those whose rows the card has forgotten, too.
    missing: list[str] = field(default_factory=list)

    def json(self) -> str:
        """Give the text of datapackage.json."""
        made = self.made_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        described: dict[str, object] = {
            "profile": BASE + "camtrap-dp-profile.json",
            "name": f"{self.unit.lower()}-{self.made_at:%Y%m%dt%H%M%Sz}",
            "created": made,
            "title": f"Camera trap {self.unit}, dumped {made}",
            "version": "1.0",
            "sources": [{"title": "trapnode", "version": __version__}],
            **self._project(),
            **self._coverage(),
            "taxonomic": taxonomic(self.taxa),
            "resources": [_resource(name) for name in ("deployments", "media", "observations")],
        }
        described["counted"] = self.counted
        if self.missing:
            described["incomplete"] = self.missing
        return json.dumps(described, indent=2, ensure_ascii=False) + "\n"

    def incomplete(self) -> str:
        """Give the text of INCOMPLETE.txt."""
        days = [str(row["deploymentStart"])[:19] for row in self.deployments] or ["2026-01-01"]
        ends = [str(row["deploymentEnd"])[:19] for row in self.deployments] or ["2026-01-01"]
        template = TEMPLATE.format(unit=self.unit, start=min(days), end=max(ends))
        return (
            f"This package of unit {self.unit} is not complete. All its pictures and records are\n"
            "here; missing is what only the desk knows:\n\n"
            + "".join(f"* {each}\n" for each in self.missing)
            + "\nWrite a file like the one below, say deployments.toml, and dump again to the same"
            "\nplace; what is there already is not copied again:\n\n"
            "    trapnode dump DEST --config config.toml --deployments deployments.toml\n\n"
            "config.toml is the unit's own: it has the unit's name and its time zone.\n\n"
            f"{template}"
        )

    def _project(self) -> dict[str, object]:
        always: dict[str, object] = {
            "captureMethod": sorted(self.capture_methods) or ["activityDetection"],
            "observationLevel": ["media", "event"],
        }
        if self.project is None:
            return {"project": always}
        given = {name: value for name, value in _given(self.project).items() if value != ""}
        outside = ("contributors", "licenses", "coordinatePrecision", "bibliographicCitation")
        package = {name: given.pop(name) for name in outside if name in given}
        return {**package, "project": {**given, **always}}

    def _coverage(self) -> dict[str, object]:
        covered: dict[str, object] = {}
        placed = [row for row in self.deployments if "latitude" in row]
        if places := {(row["longitude"], row["latitude"]) for row in placed}:
            covered["spatial"] = {"type": "MultiPoint", "coordinates": sorted(places)}
        if rows := placed or self.deployments:  # What has no place often has no true time either.
            covered["temporal"] = {
                "start": min(str(row["deploymentStart"])[:10] for row in rows),
                "end": max(str(row["deploymentEnd"])[:10] for row in rows),
            }
        return covered


def deployment_rows(
    deployments: tuple[Deployment, ...],
    placing: Placing,
    extent: tuple[datetime, datetime] | None,
    unit: str,
    utc_offset_min: int,
) -> list[Row]:
    """Give the deployments that this archive is about, those without a picture too: effort counts.

    A deployment of another year, of which this card knows nothing, is left out.
    """
    known = {each.deploymentID: each for each in deployments}
    rows = []
    for each in deployments:
        stay = placing.stays.get(each.deploymentID)
        if stay is not None or _overlaps(each, extent):
            rows.append(_placed(each, stay, extent, utc_offset_min))
    for name, stay in placing.stays.items():
        if name not in known:
            rows.append(_placeless(name, stay, unit, utc_offset_min))
    return rows


def _placed(
    deployment: Deployment,
    stay: Stay | None,
    extent: tuple[datetime, datetime] | None,
    utc_offset_min: int,
) -> Row:
    start = deployment.deploymentStart
    lasts = [start, *([stay.last] if stay else []), *([extent[1]] if extent else [])]
    end = deployment.deploymentEnd or max(lasts)
    given: Row = {n: v for n, v in _given(deployment).items() if n != "unit"}
    if deployment.baitUse is not None:
        given["baitUse"] = flag(deployment.baitUse)
    return given | {
        "deploymentStart": local(start, utc_offset_min),
        "deploymentEnd": local(end, utc_offset_min),
        "cameraID": deployment.unit,
        "timestampIssues": flag(stay is not None and stay.clock_issues),
    }


def _placeless(name: str, stay: Stay, unit: str, utc_offset_min: int) -> Row:
    return {
        "deploymentID": name,
        "deploymentStart": local(stay.first, utc_offset_min),
        "deploymentEnd": local(stay.last, utc_offset_min),
        "cameraID": unit,
        "timestampIssues": flag(stay.clock_issues),
        "deploymentComments": UNPLACED if name != unit else "",
    }


def _overlaps(deployment: Deployment, extent: tuple[datetime, datetime] | None) -> bool:
    if extent is None:
        return False
    end = deployment.deploymentEnd or extent[1] + timedelta(seconds=1)
    return deployment.deploymentStart <= extent[1] and end >= extent[0]


def _given(section: Project | Deployment) -> dict[str, Cell]:
    """Give what a section of the desk's file says, without what it leaves out."""
    return {n: v for n, v in msgspec.to_builtins(section).items() if v is not None}


def _resource(name: str) -> dict[str, str]:
    return {
        "name": name,
        "path": f"{name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "schema": f"{BASE}{name}-table-schema.json",
    }
