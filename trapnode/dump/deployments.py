"""The desk's file: the project, and where and when each unit stood. A unit never knows.

TOML, in Camtrap DP words. One file may hold all units and all years of a project; TEMPLATE shows
it. Strict: an unknown key is an error. A time without an offset is the unit's local time.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from trapnode.config import Section, checked
from trapnode.errors import ConfigError

__all__ = [
    *("TEMPLATE", "UNSAID", "Contributor", "Deployment", "Desk", "License", "Project"),
    *("read", "units_in"),
]

TEMPLATE = """\
[project]
title = "Leopards of the Kedrovaya valley"
samplingDesign = "targeted"  # or simpleRandom, systematicRandom, clusteredRandom, experimental,
                             # opportunistic
contributors = [{{ title = "Name Surname", email = "name@example.org", role = "contact" }}]
licenses = [
    {{ name = "CC-BY-4.0", scope = "data" }},
    {{ name = "CC-BY-NC-4.0", scope = "media" }},
]

[[deployment]]  # one for each place where a unit stood
unit = "{unit}"
locationID = "K07"
locationName = "Ridge above the second stream"
latitude = 0.0   # put in the place: degrees north, WGS84
longitude = 0.0  # degrees east
coordinateUncertainty = 30  # m
deploymentStart = {start}  # leave it out where a technician noted it with `deploy`
deploymentEnd = {end}  # leave it out while the unit stands there
"""

UNSAID = datetime.max.replace(tzinfo=UTC)  # The start is as the technician noted it at the unit.
Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Count = Annotated[int, Meta(ge=0)]
Metres = Annotated[float, Meta(ge=0)]
Feature = Literal[
    "roadPaved", "roadDirt", "trailHiking", "trailGame", "roadUnderpass", "roadOverpass",
    "roadBridge", "culvert", "burrow", "nestSite", "carcass", "waterSource", "fruitingTree",
]  # fmt: skip


class Contributor(Section, frozen=True, omit_defaults=True):
    """A person or an organisation behind the project."""

    title: Text
    role: Literal["contact", "principalInvestigator", "rightsHolder", "publisher", "contributor"]
    email: str = ""
    path: str = ""
    organization: str = ""


class License(Section, frozen=True, omit_defaults=True):
    """On which terms the tables (`data`) or the pictures (`media`) may be used."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+$")]
    scope: Literal["data", "media"]
    path: str = ""
    title: str = ""


class Project(Section, frozen=True):
    """The study."""

    title: Text
    samplingDesign: Literal[
        "simpleRandom", "systematicRandom", "clusteredRandom", "experimental", "targeted",
        "opportunistic",
    ]  # fmt: skip
    contributors: Annotated[tuple[Contributor, ...], Meta(min_length=1)]
    licenses: Annotated[tuple[License, ...], Meta(min_length=2)]
    id: str = ""
    acronym: str = ""
    description: str = ""
    path: str = ""
    individualAnimals: bool = False
    coordinatePrecision: Annotated[float, Meta(gt=0, le=10)] | None = None
    bibliographicCitation: str = ""


class Deployment(Section, frozen=True):
    """One unit at one place from start to end; the names are the columns of deployments.csv."""

    unit: Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,16}$")]
    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]
    deploymentStart: datetime = UNSAID
    deploymentEnd: datetime | None = None  # None: the unit still stands there.
    deploymentID: str = ""  # Empty: unit and day of the start.
    locationID: str = ""
    locationName: str = ""
    coordinateUncertainty: Annotated[int, Meta(ge=1)] | None = None
    setupBy: str = ""
    cameraModel: str = ""
    cameraDelay: Count | None = None
    cameraHeight: Metres | None = None
    cameraTilt: Annotated[int, Meta(ge=-90, le=90)] | None = None
    cameraHeading: Annotated[int, Meta(ge=0, le=360)] | None = None
    detectionDistance: Metres | None = None
    baitUse: bool | None = None
    featureType: Feature | None = None
    habitat: str = ""
    deploymentGroups: str = ""
    deploymentTags: str = ""
    deploymentComments: str = ""


class Desk(Section, frozen=True):
    """The whole file."""

    project: Project
    deployment: Annotated[tuple[Deployment, ...], Meta(min_length=1)]


def read(
    path: Path,
    unit: str,
    utc_offset_min: int,
    complete: Callable[[list[Deployment]], list[Deployment]] = list,
) -> tuple[Project, tuple[Deployment, ...]]:
    """Read the project and this unit's deployments in order of time; raise ConfigError.

    `complete` puts in what the desk left out, before it is checked.
    """
    desk = _parse(path)
    if {each.scope for each in desk.project.licenses} != {"data", "media"}:
        raise ConfigError(
            f"{path}: project.licenses: needs at least one with scope `data` and one with `media`"
        )
    ours = [_timed(each, utc_offset_min) for each in desk.deployment if each.unit == unit]
    if not ours:
        others = ", ".join(sorted({each.unit for each in desk.deployment})[:20])
        raise ConfigError(f"{path}: no [[deployment]] of unit {unit}; there are: {others}")
    ours = sorted(complete(ours), key=lambda each: each.deploymentStart)
    if any(each.deploymentStart == UNSAID for each in ours):
        raise ConfigError(
            f"{path}: a deployment of {unit} has no deploymentStart, and none was noted at the unit"
        )
    ours = [_named(each) for each in ours]
    _check(path, ours)
    return desk.project, tuple(ours)


def units_in(path: Path) -> list[str]:
    """Name the units that have a deployment; raise ConfigError."""
    return sorted({each.unit for each in _parse(path).deployment})


def _parse(path: Path) -> Desk:
    try:
        return checked(path.read_text("utf-8"), Desk, str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def _timed(deployment: Deployment, utc_offset_min: int) -> Deployment:
    """Give a deployment whose times carry an offset."""
    start = _aware(deployment.deploymentStart, utc_offset_min)
    end = deployment.deploymentEnd
    return msgspec.structs.replace(
        deployment,
        deploymentStart=start,
        deploymentEnd=None if end is None else _aware(end, utc_offset_min),
    )


def _named(deployment: Deployment) -> Deployment:
    own = f"{deployment.unit}.{deployment.deploymentStart:%Y%m%d}"
    return msgspec.structs.replace(deployment, deploymentID=deployment.deploymentID or own)


def _aware(at: datetime, utc_offset_min: int) -> datetime:
    zone = timezone(timedelta(minutes=utc_offset_min))
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _check(path: Path, ours: list[Deployment]) -> None:
    ids = [each.deploymentID for each in ours]
    if twice := {each for each in ids if ids.count(each) > 1}:
        names = ", ".join(sorted(twice))
        raise ConfigError(f"{path}: deployment {names}: is there twice: give each its own id")
    for each, later in zip(ours, [*ours[1:], None], strict=True):
        name = f"{path}: deployment {each.deploymentID}"
        if each.latitude == each.longitude == 0:
            raise ConfigError(
                f"{name}: latitude 0.0, longitude 0.0 is in the Gulf of Guinea: put in the place"
            )
        if each.deploymentEnd is not None and each.deploymentEnd <= each.deploymentStart:
            raise ConfigError(f"{name}: deploymentEnd {each.deploymentEnd} is not after its start")
        if later is None:
            continue
        if each.deploymentEnd is None:
            raise ConfigError(f"{name}: has no deploymentEnd, but {later.deploymentID} follows it")
        if each.deploymentEnd > later.deploymentStart:
            raise ConfigError(f"{name}: overlaps {later.deploymentID}: a unit is at one place")
