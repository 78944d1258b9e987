"""What a power cut may have left: check one surviving card, by the real opening and repair.

`World` is the memory of everybody outside: it knows what it was told before the cut, whatever the
card has lost. `check` raises AssertionError at the first promise that is broken.
"""

import hashlib
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes import boot, counter_of, heard
from tests.invariants import RUN, check_card, files_below, goes_on, recovered
from tests.powercut.life import DUMP, STATE, Given, Numbered, Saved, dumped
from tests.powercut.trace import Trace
from trapnode.dump.xmp import without
from trapnode.model import FrameState
from trapnode.store.store import Store, open_store

__all__ = ["World", "check", "everything_whole"]

SUMS = "SHA256SUMS"


@dataclass
class World:
    """What was told before the cut."""

    frames: dict[str, bytes] = field(default_factory=dict)
    messages: dict[int, bytes] = field(default_factory=dict)  # By counter.
    boots: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, told: Iterable[object]) -> "World":
        """Take what was told; no counter may have had two payloads."""
        world = cls()
        for fact in told:
            match fact:
                case Saved(path, pixels):
                    world.frames[path] = pixels
                case Given(payload):
                    world.give(payload)
                case Numbered(kernel_id, number):
                    world.boots[kernel_id] = number
        return world

    def give(self, payload: bytes) -> None:
        """Take one message, perhaps again; its bytes must be those of the first time."""
        counter = counter_of(payload)
        before = self.messages.setdefault(counter, payload)
        assert before == payload, f"message {counter} was sent with other bytes"


def everything_whole(trace: Trace) -> set[bytes]:
    """Give the bytes of every frame and preview that the trace ever made: all else is torn."""
    return {bytes(content) for content in trace.contents.values() if content[:2] == b"\xff\xd8"}


def check(folder: Path, told: Iterable[object], whole: set[bytes], thorough: bool) -> None:
    """Start the unit on what the cut left, and hold it to every promise.

    `thorough` also lets it take, sort, send and dump once more.
    """
    world, state = World.of(told), folder / STATE
    (state / RUN).mkdir(parents=True, exist_ok=True)
    _dump_is_whole(folder / DUMP, whole)
    with closing(recovered(state, open_store)) as store:
        broken = list((state / "quarantine").glob("*.db*"))
        assert not broken, f"the database is broken: {broken}"
        _pixels_are_whole(store, whole)
        _frames_are_there(store, world)
        _messages_are_there(store, world)
        for kernel_id, number in world.boots.items():
            assert boot(store, kernel_id).id == number, f"boot {kernel_id} has another number"
        if thorough:
            _lives_on(store, folder, world)


def _pixels_are_whole(store: Store, whole: set[bytes]) -> None:
    for path, data in files_below(store.archive.root).items():
        assert data in whole, f"{path} has its final name and is not whole"


def _frames_are_there(store: Store, world: World) -> None:
    """Check the frames that had rows: whole, unless a verdict (checked already) took them."""
    rows = dict(store.database.rows("SELECT path, state FROM frame"))
    for path, pixels in world.frames.items():
        assert path in rows, f"{path}: its row is gone"
        if rows[path] in (FrameState.WHOLE, FrameState.LOST):
            file = store.archive.root / path
            assert rows[path] == FrameState.WHOLE, f"{path} was on the card and is lost"
            assert file.read_bytes() == pixels, f"{path} has changed"


def _messages_are_there(store: Store, world: World) -> None:
    frozen = {message.counter: message for message in store.outbox.messages()}
    observed = {observation.id for observation in store.sequences.observations()}
    for counter, payload in world.messages.items():
        assert counter in frozen, f"message {counter} was attempted and is lost"
        assert frozen[counter].payload == payload, f"message {counter} has other bytes"
        told = {each.observation for each in heard(payload).observations}
        assert told <= observed, f"message {counter} tells what is not on the card"


def _lives_on(store: Store, folder: Path, world: World) -> None:
    """Take, sort and send once more, then dump; the world must not hear two things of one."""
    before = {message.counter for message in store.outbox.messages()}
    for payload in goes_on(store, folder / STATE):
        world.give(payload)
    check_card(store)
    made = {message.counter for message in store.outbox.messages()} - before
    assert not made or min(made) > max(world.messages.keys() - made, default=0)
    archive = files_below(store.archive.root)
    dumped(folder, folder / STATE / RUN, None)
    assert files_below(store.archive.root) == archive, "a dump changes its source"
    assert (folder / DUMP / SUMS).exists()
    _dump_is_whole(folder / DUMP, set(archive.values()))
    brought = files_below(folder / DUMP)
    whole = store.database.rows("SELECT path FROM frame WHERE state = 'whole'")
    for (path,) in whole:
        assert without(brought[f"media/{path}"]) == archive[str(path)]


def _dump_is_whole(dest: Path, whole: set[bytes]) -> None:
    """Check that what has its name in a dump is whole, and its sums, if it has them."""
    files = files_below(dest)
    for path, data in files.items():
        if path.endswith(".jpg"):
            assert without(data) in whole, f"{path} in the dump is not whole"
    for line in files.get(SUMS, b"").decode("utf-8").splitlines():
        digest, name = line.split("  ", 1)
        found = hashlib.sha256(files[name]).hexdigest()
        assert found == digest, f"{name} is not what {SUMS} says"
