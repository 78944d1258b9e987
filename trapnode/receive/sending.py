"""One round of sending: what is due to each unit goes to its carrier."""

import logging
from datetime import datetime

from trapnode.errors import LinkUnavailable, MessageRefused
from trapnode.receive.carriers import carrier_of
from trapnode.receive.database import Database
from trapnode.receive.downlinks import Downlinks
from trapnode.receive.units import Desk, Unit

__all__ = ["send_due"]

log = logging.getLogger(__name__)


def send_due(database: Database, desk: Desk, now: datetime) -> int:
    """Send what is due; give how many downlinks the carriers took. Raise StoreError."""
    downlinks = Downlinks(database)
    return sum(_send(downlinks, unit, desk, now) for unit in desk.units)


def _send(downlinks: Downlinks, unit: Unit, desk: Desk, now: datetime) -> bool:
    send = carrier_of(unit, desk)
    if send is None:
        return False
    downlinks.freeze(unit, now)
    downlink = downlinks.due(unit, now)
    if downlink is None:
        return False
    downlinks.attempt(downlink, now)
    try:
        reference = send(unit, downlink.counter, downlink.payload, downlink.replaces)
    except (LinkUnavailable, MessageRefused) as error:
        log.warning("%s: downlink %d: %s", unit.name, downlink.counter, error)
        for_good = isinstance(error, MessageRefused)
        downlinks.failed(downlink, str(error), for_good=for_good)
        return False
    downlinks.sent(downlink, reference, now)
    log.info("%s: downlink %d is with %s", unit.name, downlink.counter, unit.carrier)
    return True
