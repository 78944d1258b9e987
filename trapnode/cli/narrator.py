"""Tells what a unit does as it does it, from what its store and the gateway hold."""

import json
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from pathlib import Path

from trapnode.errors import ProtocolError
from trapnode.message import Told, read_body
from trapnode.message.sealing import CardKey, open_uplink
from trapnode.model import (
    MessageKind,
    MessageState,
    Observation,
    Scores,
    SequenceState,
    Verdict,
)
from trapnode.policy.report import reportable
from trapnode.store.store import Store

__all__ = ["Narrator", "boxed", "in_words", "named", "opened", "received", "size"]


class Narrator:
    """Looks at the store and the gateway again and again, and tells what is new."""

    def __init__(
        self, store: Store, gateway: Path, key: CardKey, tell: Callable[[str], None]
    ) -> None:
        self.carry: Callable[[], None] = lambda: None  # What else is to be done at each look.
        self._store = store
        self._key = key
        self._gateway = gateway
        self._tell = tell
        self._sequences = 0
        self._observations = 0
        self._messages = 0
        self._acknowledged = 0

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
        self.carry()
        self._look_at_acknowledgements()

    def _look_at_acknowledgements(self) -> None:
        messages = self._store.outbox.messages()
        known = [each for each in messages if each.state is MessageState.ACKNOWLEDGED]
        if len(known) > self._acknowledged:
            self._acknowledged = len(known)
            numbers = ", ".join(str(each.counter) for each in known)
            self._tell(f"          ack      the unit heard that the desk has messages {numbers}")

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
