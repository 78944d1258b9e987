"""The columns of Camtrap DP 1.0.2, all of them, in the order of its table schemas."""

import csv
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from functools import cache

__all__ = ["BASE", "DEPLOYMENTS", "MEDIA", "OBSERVATIONS", "Cell", "Table", "flag", "local"]

VERSION = "1.0.2"
BASE = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{VERSION}/"

DEPLOYMENTS = (
    "deploymentID", "locationID", "locationName", "latitude", "longitude",
    "coordinateUncertainty", "deploymentStart", "deploymentEnd", "setupBy", "cameraID",
    "cameraModel", "cameraDelay", "cameraHeight", "cameraDepth", "cameraTilt", "cameraHeading",
    "detectionDistance", "timestampIssues", "baitUse", "featureType", "habitat",
    "deploymentGroups", "deploymentTags", "deploymentComments",
)  # fmt: skip
MEDIA = (
    "mediaID", "deploymentID", "captureMethod", "timestamp", "filePath", "filePublic", "fileName",
    "fileMediatype", "exifData", "favorite", "mediaComments",
)  # fmt: skip
OBSERVATIONS = (
    "observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd",
    "observationLevel", "observationType", "cameraSetupType", "scientificName", "count",
    "lifeStage", "sex", "behavior", "individualID", "individualPositionRadius",
    "individualPositionAngle", "individualSpeed", "bboxX", "bboxY", "bboxWidth", "bboxHeight",
    "classificationMethod", "classifiedBy", "classificationTimestamp",
    "classificationProbability", "observationTags", "observationComments",
)  # fmt: skip

Cell = str | int | float | None


class Table:
    """One table on its way, row after row; `put` takes the text."""

    def __init__(self, columns: tuple[str, ...], put: Callable[[str], object]) -> None:
        self._columns = columns
        self._writer = csv.writer(_Sink(put), lineterminator="\n")
        self._writer.writerow(columns)

    def add(self, row: Mapping[str, Cell]) -> None:
        """Write a row; what it lacks stays empty, what is no column is an error."""
        self._writer.writerow(map(row.get, self._columns))
        if len(row) > sum(map(row.__contains__, self._columns)):
            raise KeyError(f"no such columns: {sorted(row.keys() - set(self._columns))}")


def flag(value: bool) -> str:
    """Write a yes or no as Camtrap DP does."""
    return "true" if value else "false"


def local(at: datetime, utc_offset_min: int) -> str:
    """Write a moment as every table does: the deployment's time, its offset, no fractions."""
    text = at.astimezone(_zone(utc_offset_min)).isoformat(timespec="seconds")
    return text[:-3] + text[-2:]  # +10:00 is +1000 here.


@cache
def _zone(utc_offset_min: int) -> timezone:
    return timezone(timedelta(minutes=utc_offset_min))


class _Sink:
    """What csv.writer takes for a file."""

    def __init__(self, put: Callable[[str], object]) -> None:
        self.write = put
