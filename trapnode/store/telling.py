"""Putting what the sorter concluded into the outbox, or only counting it."""

from datetime import datetime

from trapnode.message import pack_observation
from trapnode.model import MessageKind, Observation
from trapnode.policy.report import Watch, priority, reportable, too_many
from trapnode.store.store import Store

__all__ = ["tell"]


def tell(store: Store, observation: Observation, watch: Watch, now: datetime) -> bool:
    """Tell an observation that is worth it; inside the transaction that concludes it.

    One of a label that was told too often in the hour is counted instead. Say whether it is told.
    """
    if not reportable(observation):
        return False
    value, label = priority(observation, watch), observation.label
    if too_many(value, store.radio.told_in_the_hour(label, now), watch.most_an_hour):
        store.radio.suppress(label, now)
        return False
    body = pack_observation(observation)
    store.outbox.tell(MessageKind.OBSERVATIONS, body, value, now, observation.id)
    return True
