"""The columns of Camtrap DP 1.0.2, all of them, in the order of its table schemas."""

import csv
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from io import StringIO

__all__ = ["BASE", "DEPLOYMENTS", "MEDIA", "OBSERVATIONS", "Cell", "header", "line", "local"]

VERSION = "1.0.2"
BASE = f"https://raw.githubusercontent.com/tdwg/camtrap-dp/{VERSION}/"
TIME = "%Y-%m-%dT%H:%M:%S%z"

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

Cell = str | int | float | bool | None


def header(columns: tuple[str, ...]) -> str:
    """Give the first line of a table."""
    return ",".join(columns) + "\n"


def line(columns: tuple[str, ...], row: Mapping[str, Cell]) -> str:
    """Give one line of a table; what the row lacks stays empty, what is no column is an error."""
    if unknown := row.keys() - set(columns):
        raise KeyError(f"no such columns: {sorted(unknown)}")
    written = StringIO()
    csv.writer(written, lineterminator="\n").writerow(_cell(row.get(name)) for name in columns)
    return written.getvalue()


def local(at: datetime, utc_offset_min: int) -> str:
    """Write a moment as every table does: the deployment's time, its offset, no fractions."""
    return at.astimezone(timezone(timedelta(minutes=utc_offset_min))).strftime(TIME)


def _cell(value: Cell) -> str | int | float:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value
