"""The demo's end: the unit's store against the gateway and against the desk, id by id."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from trapnode.cli.narrator import opened, received
from trapnode.message import Told
from trapnode.message.sealing import CardKey
from trapnode.model import FrameState, MessageKind, MessageState, Observation
from trapnode.policy.report import reportable
from trapnode.receive.database import Database
from trapnode.store import names
from trapnode.store.store import Store

__all__ = ["Reckoning", "blanks_in_order", "reckon", "reckon_desk", "to_tell"]

THROUGH = (MessageState.ACCEPTED, MessageState.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Reckoning:
    """The gateway's messages against the store's rows; `wrong` is empty when all agree."""

    messages: int
    observations_told: int
    status_reports: int
    twins: int  # Messages that arrived more than once.
    wrong: tuple[str, ...]


def reckon(store: Store, gateway: Path, key: CardKey) -> Reckoning:
    """Compare, id by id, what the gateway got with what policy makes reportable."""
    arrived = [payload for _, payload in received(gateway)]
    sent = {message.payload: message for message in store.outbox.messages()}
    observations = {each.id: each for each in store.sequences.observations()}
    wrong = [f"the store never made {payload.hex()}" for payload in arrived if payload not in sent]
    told: list[int] = []
    for payload, message in sent.items():
        if message.state in THROUGH and payload not in arrived:
            wrong.append(f"message {message.counter} is accepted and never arrived")
        if payload in arrived and message.kind is MessageKind.OBSERVATIONS:
            found = opened(payload, key)
            told += [record.observation for record in found.observations]
            wrong += _unlike(found, observations)
    due = to_tell(store)
    if sorted(told) != sorted(due):
        wrong.append(f"told observations {sorted(told)}, reportable were {sorted(due)}")
    told_status = [p for p in set(arrived) if p in sent and sent[p].kind is MessageKind.STATUS]
    wrong += [each for payload in told_status for each in _faults_told(payload, key)]
    if not told_status:
        wrong.append("no status report arrived")
    twins = len(arrived) - len(set(arrived))
    return Reckoning(len(set(arrived)), len(told), len(told_status), twins, tuple(wrong))


def reckon_desk(store: Store, database: Path) -> tuple[str, list[str]]:
    """Compare the unit's store with the receiver's, id by id; say it, and what is wrong."""
    due = to_tell(store)
    messages = store.outbox.messages()
    known = {each.counter for each in messages if each.state is MessageState.ACKNOWLEDGED}
    with contextlib.closing(Database(database)) as desk:
        opened_there = {row[0] for row in desk.rows("SELECT counter FROM message")}
        rows = desk.rows("SELECT id, label FROM observation ORDER BY id")
        shut = desk.number("SELECT count(*) FROM arrival WHERE fate NOT IN ('opened', 'twin')")
        acks = desk.number("SELECT count(*) FROM downlink WHERE acked > 0 AND state = 'sent'")
    told = {int(str(row[0])): str(row[1]) for row in rows}
    labels = {each.id: each.label for each in store.sequences.observations()}
    wrong = [f"observation {each} never reached the desk" for each in sorted(due - set(told))]
    wrong += [
        f"the desk has observation {each} as {label}, the store as {labels.get(each)}"
        for each, label in told.items()
        if labels.get(each) != label
    ]
    if shut:
        wrong.append(f"{shut} messages were not opened at the desk")
    wrong += [
        f"message {each} is acknowledged and never came" for each in sorted(known - opened_there)
    ]
    agree = "disagree with the store" if wrong else "agree with the store"
    said = (
        f"opened {len(opened_there)} messages, {len(told)} observations: {agree}, id by id;"
        f" sent {acks} acks, the unit heard so far that {len(known)} messages came"
    )
    return said, wrong


def to_tell(store: Store) -> set[int]:
    """Give the observations that policy makes reportable and no rate limit held back."""
    found = store.sequences.observations()
    return {each.id for each in found if reportable(each)} - _only_counted(store)


def blanks_in_order(store: Store) -> list[str]:
    """Name blanks whose frames are still there, or whose previews are not."""
    wrong = []
    for sequence in store.sequences.all():
        for frame in sequence.frames:
            pixels = (store.archive.root / names.file_of(frame)).exists()
            preview = (store.archive.root / names.preview_file_of(frame)).exists()
            if pixels is not (frame.state is FrameState.WHOLE) or not preview:
                wrong.append(f"{frame.path}: {frame.state}, pixels {pixels}, preview {preview}")
    return wrong


def _only_counted(store: Store) -> set[int]:
    """Give the observations that a rate limit kept from being told; each label has a count."""
    counted = store.radio.suppressed()
    labels = set(counted.counts) if counted else set()
    told = {
        int(str(row[0]))
        for row in store.database.rows(
            "SELECT observation FROM report WHERE observation IS NOT NULL"
        )
    }
    observations = store.sequences.observations()
    return {each.id for each in observations if each.id not in told and each.label in labels}


def _faults_told(payload: bytes, key: CardKey) -> list[str]:
    """Name the faults of a status report: a unit of twins has none."""
    status = opened(payload, key).status
    assert status is not None
    names = ", ".join(str(flag.name) for flag in status.faults)
    return [f"the status report tells faults: {names}"] if status.faults else []


def _unlike(message: Told, observations: dict[int, Observation]) -> list[str]:
    wrong = []
    for record in message.observations:
        row = observations.get(record.observation)
        same = row is not None and (
            record.label == row.label
            and record.observed_at == row.observed_at.replace(microsecond=0)
            and record.frames == min(row.frames, 15)
            and record.count == (row.count and min(row.count, 15))
            and abs((record.probability or 0) - (row.probability or 0)) <= 0.005 + 1e-9
        )
        if not same:
            wrong.append(f"observation {record.observation} on the air is not the store's: {row}")
    return wrong
