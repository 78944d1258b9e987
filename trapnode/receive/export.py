"""Observations as CSV and GeoJSON, for spreadsheets and maps.

The places come from the desk's file of deployments, the same that `trapnode dump` reads: no unit
ever knew them. An observation belongs where its unit stood at its time; one of a unit whose clock
nobody trusts, where the unit stood when the message came. What has no place is in both, without.
"""

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from trapnode.dump.deployments import Deployment, units_in
from trapnode.dump.places import MARGIN
from trapnode.dump.public import read_for
from trapnode.errors import StoreError
from trapnode.model import taxon_of
from trapnode.receive.database import Database
from trapnode.store.database import moment, text
from trapnode.store.disk import PART, RealDisk

__all__ = ["Observed", "Places", "observed", "places", "write_csv", "write_geojson"]

COLUMNS = (
    *("unit", "card", "observation", "observedAt", "label", "scientificName", "probability"),
    *("frames", "count", "target", "clockTrusted", "receivedAt", "deploymentID"),
    *("latitude", "longitude", "coordinateUncertainty"),
)
Places = Mapping[str, Sequence[Deployment]]


@dataclass(frozen=True, slots=True)
class Observed:
    """One observation, and where its unit stood."""

    values: Mapping[str, Any]  # Of each column but the place's.
    place: Deployment | None

    @property
    def properties(self) -> dict[str, Any]:
        """All columns; None where nothing is known."""
        place = self.place
        return {
            **self.values,
            "deploymentID": place.deploymentID if place else None,
            "latitude": place.latitude if place else None,
            "longitude": place.longitude if place else None,
            "coordinateUncertainty": place.coordinateUncertainty if place else None,
        }


def places(path: Path | None, utc_offset_min: int, degrees: float | None) -> Places:
    """Read where each unit stood, as those may see it who get the export; raise ConfigError."""
    if path is None:
        return {}
    return {unit: read_for(path, unit, utc_offset_min, degrees)[1] for unit in units_in(path)}


def observed(database: Database, stood: Places, since: datetime | None) -> Iterator[Observed]:
    """Give the observations that were made from then on, oldest first; raise StoreError."""
    rows = database.each(
        "SELECT observation.unit, generation, observation.id, observed_at, label, probability,"
        " frames, count, target, clock_trusted, received_at"
        " FROM observation JOIN arrival ON arrival.id = observation.arrival"
        " WHERE observed_at >= ? ORDER BY observed_at, observation.unit, observation.id",
        text(since) if since else "",
    )
    for row in rows:
        values = dict(zip(COLUMNS, (*row[:5], None, *row[5:]), strict=False))
        values["scientificName"] = taxon_of(str(values["label"])).scientific_name
        values["target"], values["clockTrusted"] = bool(row[8]), bool(row[9])
        at = moment(values["observedAt"] if row[9] else values["receivedAt"])
        yield Observed(values, _place(stood.get(str(row[0]), ()), at))


def write_csv(found: Iterator[Observed], path: Path) -> int:
    """Write CSV; give the number of rows. Raise StoreError."""
    number = 0
    with _whole(path) as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        for each in found:
            rows.writerow({name: _plain(value) for name, value in each.properties.items()})
            number += 1
    return number


def write_geojson(found: Iterator[Observed], path: Path) -> int:
    """Write a FeatureCollection (RFC 7946); give the number of features. Raise StoreError."""
    number = 0
    with _whole(path) as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for number, each in enumerate(found, 1):
            file.write("\n" if number == 1 else ",\n")
            json.dump(_feature(each), file, ensure_ascii=False)
        file.write("\n]}\n")
    return number


def _plain(value: object) -> object:
    """Write a value as Camtrap DP's tables do."""
    return str(value).lower() if isinstance(value, bool) else value


def _feature(each: Observed) -> dict[str, Any]:
    place = each.place
    point = place and {"type": "Point", "coordinates": [place.longitude, place.latitude]}
    properties = each.properties
    del properties["latitude"], properties["longitude"]
    return {"type": "Feature", "geometry": point, "properties": properties}


def _place(stood: Sequence[Deployment], at: datetime) -> Deployment | None:
    """Give where a unit stood, a day before and after its times included, the nearest first."""
    near = [(_beside(each, at), each) for each in stood]
    beside, place = min(near, key=lambda pair: pair[0], default=(None, None))
    return place if beside is not None and beside <= MARGIN.total_seconds() else None


def _beside(deployment: Deployment, at: datetime) -> float:
    """Give by how many seconds a moment lies outside of a deployment."""
    early = (deployment.deploymentStart - at).total_seconds()
    end = deployment.deploymentEnd
    return max(0.0, early, (at - end).total_seconds() if end else 0.0)


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """Let a text be written so that under its name it is whole; raise StoreError."""
    part, disk = path.with_name(path.name + PART), RealDisk()
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        disk.rename(part, path)
        disk.sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path}: cannot be written: {error}") from error
