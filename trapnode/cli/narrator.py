"""Tells what a unit does as it does it, from what its store and the gateway hold."""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from trapnode.errors import ProtocolError
from trapnode.message import Told, read_body
from trapnode.message.sealing import CardKey, open_uplink
from trapnode.model import (
    FrameState,
    MessageKind,
    MessageState,
    Observation,
    Scores,
    SequenceState,
    Verdict,
)
from trapnode.policy.report import reportable
from trapnode.store import names
from trapnode.store.store import Store

__all__ = ["Narrator", "Reckoning", "reckon"]

THROUGH = (MessageState.ACCEPTED, MessageState.ACKNOWLEDGED)


class Narrator:
    """Looks at the store and the gateway again and again, and tells what is new."""

    def __init__(
        self, store: Store, gateway: Path, key: CardKey, tell: Callable[[str], None]
    ) -> None:
        self._store = store
        self._key = key
        self._gateway = gateway
        self._tell = tell
        self._sequences = 0
        self._observations = 0
        self._messages = 0

    @property
    def sequences(self) -> int:
        """How many sequences are on the card."""
        return self._sequences

    def look(self) -> None:
        """Tell what has happened since the last look."""
        self._look_at_sequences()
        self._look_at_observations()
        for at, payload in list(received(self._gateway))[self._messages :]:
            self._messages += 1
            self._say(
                at, f"message  {len(payload)} bytes at the gateway: {in_words(payload, self._key)}"
            )

    def _look_at_sequences(self) -> None:
        for sequence in self._store.sequences.all(self._sequences):
            if sequence.state is SequenceState.OPEN:
                break
            self._sequences = sequence.id
            frames, previews = self._store.sequences.bytes_of(sequence.id)
            self._say(
                sequence.trigger.at,
                f"trigger  #{sequence.id}: {len(sequence.frames)} frames,"
                f" {size(frames + previews)} on the card",
            )

    def _look_at_observations(self) -> None:
        for observation in self._store.sequences.observations(self._observations):
            self._observations = observation.id
            self._say(observation.classified_at, f"verdict  {self._verdict(observation)}")

    def _verdict(self, observation: Observation) -> str:
        frames, previews = self._store.sequences.bytes_of(observation.id)
        seen = f"#{observation.id}: {observation.verdict} {named(observation)}"
        if observation.verdict is Verdict.KEEP:
            seen += boxed(self._store.sequences.scores(observation.id).values())
        if observation.verdict is Verdict.DISCARD and not observation.audit:
            return f"{seen}; {size(frames)} discarded, previews of {size(previews)} stay"
        if observation.audit:
            return f"{seen}; kept whole as audit sample, {size(frames)} saved"
        if not reportable(observation) and observation.event != observation.id:
            return f"{seen}; {size(frames)} saved, same event as #{observation.event}"
        return f"{seen}; {size(frames)} saved"

    def _say(self, at: datetime | None, text: str) -> None:
        self._tell(f"{at:%H:%M:%S}  {text}" if at else text)


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
    due = {each.id for each in observations.values() if reportable(each)} - _only_counted(store)
    if sorted(told) != sorted(due):
        wrong.append(f"told observations {sorted(told)}, reportable were {sorted(due)}")
    told_status = [p for p in set(arrived) if p in sent and sent[p].kind is MessageKind.STATUS]
    wrong += [each for payload in told_status for each in _faults_told(payload, key)]
    if not told_status:
        wrong.append("no status report arrived")
    twins = len(arrived) - len(set(arrived))
    return Reckoning(len(set(arrived)), len(told), len(told_status), twins, tuple(wrong))


def received(gateway: Path) -> Iterator[tuple[datetime, bytes]]:
    """Read what the gateway has logged so far: time and bytes of each message."""
    if gateway.exists():
        for line in gateway.read_text("ascii").splitlines(keepends=True):
            if line.endswith("\n"):
                entry = json.loads(line)
                yield datetime.fromisoformat(entry["at"]), bytes.fromhex(entry["hex"])


def opened(payload: bytes, key: CardKey) -> Told:
    """Open and read a message of a card that has not sent 65,536 yet; raise ProtocolError."""
    found = open_uplink(payload, key, 0)
    return read_body(found.kind, found.body)


def in_words(payload: bytes, key: CardKey) -> str:
    """Say what a message tells."""
    try:
        message = opened(payload, key)
    except ProtocolError as error:
        return f"not ours: {error}"
    if message.kind not in (MessageKind.STATUS, MessageKind.OBSERVATIONS):
        return message.kind.value
    if message.status is not None:
        status = message.status
        battery = "?" if status.battery_mv is None else f"{status.battery_mv / 1000:.2f} V"
        return (
            f"status, battery {battery}, processor {status.temperature_c} °C,"
            f" {status.card_free_mib / 1024:.1f} GiB free, {status.sequences} sequences"
        )
    return ", ".join(
        f"#{each.observation} {each.label}"
        + (f" {each.probability:.0%}" if each.probability is not None else "")
        + several(each.count)
        for each in message.observations
    )


def named(observation: Observation) -> str:
    """Name what an observation claims, with its probability."""
    if observation.probability is None:
        return f"{observation.label} ({observation.reason})"
    return f"{observation.label} {observation.probability:.0%}{several(observation.count)}"


def several(count: int | None) -> str:
    """Say how many there are, where more than one was counted."""
    return f", {count} of them" if count and count > 1 else ""


def boxed(scores: Collection[Scores | None]) -> str:
    """Say in how many frames something was found, and where: a box is drawn in the dump."""
    found = sum(1 for each in scores if each is not None and each.detections)
    return f", boxes in {found} of {len(scores)} frames" if found else ""


def size(number: int) -> str:
    """Write a number of bytes for people."""
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{number / 1e3:.0f} kB"


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
