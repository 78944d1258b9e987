"""Which deployment a sequence belongs to: nothing is lost, and nothing silently misplaced.

* A sequence within a deployment's times is of that deployment.
* One whose boot had no trusted clock goes where its neighbours are that had one: sequences are
  numbered in the order in which they were made. Where the neighbours stood at different places,
  nobody knows, and it goes to none.
* One outside every deployment, but at most MARGIN from one (the technician arms the unit at
  9:40, the desk writes 10:00), goes to the nearest, with a remark.
* All others go to a deployment of their own, UNIT.unplaced, which has no coordinates: a picture
  without a place can be given one, a picture with a wrong place cannot be found again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from trapnode.dump.deployments import Deployment
from trapnode.model import ClockTrust, Sequence, TriggerSource

__all__ = ["MARGIN", "Place", "Placing", "Stay"]

MARGIN = timedelta(days=1)

NextTrusted = Callable[[int], tuple[int, datetime] | None]


@dataclass(frozen=True, slots=True)
class Place:
    """The deployment of a sequence, and what a researcher must know about the choice."""

    deployment: str
    remark: str = ""


@dataclass(slots=True)
class Stay:
    """What the archive holds of one deployment; times by trusted clocks where there is one."""

    first: datetime
    last: datetime
    sequences: int = 0
    clock_issues: bool = False
    dated: bool = False  # Something was made by a trusted clock.

    def add(self, sequence: Sequence) -> None:
        """Count in a sequence."""
        dated = (
            sequence.clock_trust is not ClockTrust.NONE
            or sequence.trigger.source is TriggerSource.ADOPTED
        )
        times = [sequence.trigger.at, *(frame.captured_at for frame in sequence.frames)]
        if dated and not self.dated:
            self.first, self.last, self.dated = min(times), max(times), True
        elif dated == self.dated:
            self.first, self.last = min(self.first, *times), max(self.last, *times)
        self.sequences += 1
        self.clock_issues |= sequence.clock_trust is ClockTrust.NONE


class Placing:
    """Places sequences, given in the order of their ids, and remembers what went where."""

    def __init__(
        self, deployments: tuple[Deployment, ...], unit: str, next_trusted: NextTrusted
    ) -> None:
        self.stays: dict[str, Stay] = {}
        self.remarks: dict[str, int] = {}
        self.unplaced = f"{unit}.unplaced"
        self._deployments = deployments
        self._unit = unit
        self._next_trusted = next_trusted
        self._before: datetime | None = None  # The last trusted sequence.
        self._after: tuple[int, datetime] | None = None
        self._looked = False

    def place(self, sequence: Sequence) -> Place:
        """Give a sequence its deployment."""
        place = self._place(sequence)
        if place.remark:
            self.remarks[place.remark] = self.remarks.get(place.remark, 0) + 1
        at = sequence.trigger.at
        self.stays.setdefault(place.deployment, Stay(at, at)).add(sequence)
        return place

    def _place(self, sequence: Sequence) -> Place:
        at = sequence.trigger.at
        if not self._deployments:
            return Place(self._unit)
        if sequence.clock_trust is not ClockTrust.NONE:
            self._before = at
            return self._by_time(at)
        if sequence.trigger.source is TriggerSource.ADOPTED:
            return self._by_time(at)  # Its name says when; only the boot is forgotten.
        return self._by_neighbours(sequence)

    def _by_time(self, at: datetime) -> Place:
        nearest = min(self._deployments, key=lambda each: _distance(each, at))
        distance = _distance(nearest, at)
        if not distance:
            return Place(nearest.deploymentID)
        if distance > MARGIN:
            return Place(self.unplaced, "made outside every deployment")
        return Place(nearest.deploymentID, "made shortly outside the deployment's times")

    def _by_neighbours(self, sequence: Sequence) -> Place:
        times = [each for each in (self._before, self._later(sequence.id)) if each is not None]
        places = {self._by_time(each).deployment for each in times or [sequence.trigger.at]}
        if len(places) > 1:
            return Place(self.unplaced, "made by a wrong clock between two deployments")
        return Place(places.pop(), "made by a wrong clock")

    def _later(self, sequence: int) -> datetime | None:
        """Give the time of the next trusted sequence, looking it up once for all before it."""
        if not self._looked or (self._after is not None and self._after[0] < sequence):
            self._after = self._next_trusted(sequence)
            self._looked = True
        return None if self._after is None else self._after[1]


def _distance(deployment: Deployment, at: datetime) -> timedelta:
    if at < deployment.deploymentStart:
        return deployment.deploymentStart - at
    if deployment.deploymentEnd is not None and at > deployment.deploymentEnd:
        return at - deployment.deploymentEnd
    return timedelta(0)
