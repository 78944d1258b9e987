"""What a thief finds: every byte that a unit with keys ever gave to its card, deleted or not."""

import re
from pathlib import Path

from tests.fakes import (
    BLANK,
    DEER,
    LEOPARD,
    KnowingClassifier,
    ScriptedModem,
    boot,
    jpeg,
    sort_all,
    sorter_of,
    take,
    uplinker_of,
)
from tests.faults import FailingDisk, Power
from tests.invariants import frames_on
from tests.sealed import ESCROW, PARK, RECIPIENTS, STRANGER, SealedPower
from trapnode.sim.clock import SteppedClock
from trapnode.store.seals import remember
from trapnode.store.store import Store

SOI = b"\xff\xd8\xff"
WORDS = (b"JFIF", b"Exif\x00", b"GPSLatitude", b"AGE-SECRET-KEY", b"latitude", b"longitude")
PLACES = (b"43.1234", b"131.5", b"E131")  # Of the deployment: the desk's, never the unit's.
PIECE = 16  # Bytes of a picture that no other bytes repeat by chance.
BURSTS = 6


class RememberingDisk(FailingDisk):
    """A card that forgets nothing: it keeps every byte and every name it was ever given."""

    given: list[bytes]

    def __init__(self, power: Power) -> None:
        super().__init__(power)
        self.given = []

    def write(self, path: Path, data: bytes) -> None:
        self.given += [str(path).encode(), data]
        super().write(path, data)


def a_life(state: Path, run: Path, power: Power) -> Store:
    """Take, sort, discard, tell; then boot again after a power cut and go on."""
    remember(state, power.disk, RECIPIENTS)
    store, clock = power.open(state), SteppedClock()
    take(store, run, clock, bursts=BURSTS - 1)
    look_at(state, power)
    scenes = (BLANK, LEOPARD, DEER, BLANK, BLANK, LEOPARD)
    sort_all(sorter_of(store, run, lambda: KnowingClassifier(scenes)), clock)
    look_at(state, power)
    take(store, run, clock)
    store.repair()
    uplinker = uplinker_of(store, run, boot(store))
    while uplinker.send_next(ScriptedModem(), clock):
        pass
    look_at(state, power)
    return store


def look_at(state: Path, power: Power) -> None:
    """Take in what the card holds now, SQLite's files too."""
    run = state / "run"
    for path in state.rglob("*"):
        if path.is_file() and run not in path.parents:
            power.disk.given.append(path.read_bytes())  # type: ignore[attr-defined]


def open_bytes(given: list[bytes]) -> list[str]:
    """Name what lies open in these bytes; sealed ones are only searched for what is long."""
    pieces = pieces_of_pictures()
    found = []
    for data in given:
        words = WORDS if data.startswith(b"age-encryption.org/v1\n") else (*WORDS, *PLACES, SOI)
        found += [f"{word!r}" for word in words if word in data]
        if pieces & {data[at : at + PIECE] for at in range(len(data) - PIECE + 1)}:
            found.append("a piece of a picture")
    return found


def pieces_of_pictures() -> set[bytes]:
    """Cut pieces out of all pictures, but none that is a constant of the format."""
    pictures = [jpeg(n) for n in range(1, 3 * BURSTS + 1)]
    pictures += [jpeg(n, (16, 12)) for n in range(1, 3 * BURSTS + 1)]
    return {p[at : at + PIECE] for p in pictures for at in range(0, len(p) - PIECE, PIECE)}


def test_a_unit_with_keys_gives_its_card_no_byte_of_a_picture(state):
    run = state / "run"
    run.mkdir()
    power = SealedPower(make_disk=RememberingDisk)
    store = a_life(state, run, power)
    assert len(store.sequences.observations()) == BURSTS - 1
    assert len(frames_on(store)) == 9, "blanks were discarded"
    given = power.disk.given  # type: ignore[attr-defined]
    assert sum(map(len, given)) > 100_000
    assert open_bytes(given) == []
    secrets = [key[0] for key in (PARK, ESCROW, STRANGER)]
    assert not [s for s in secrets if any(s.encode() in data for data in given)]
    power.end()


def test_the_search_bites_where_nothing_is_sealed(state):
    run = state / "run"
    run.mkdir()
    power = Power(make_disk=RememberingDisk)
    a_life(state, run, power)
    found = open_bytes(power.disk.given)  # type: ignore[attr-defined]
    assert {"b'JFIF'", "b'Exif\\x00'", f"{SOI!r}", "a piece of a picture"} <= set(found)
    power.end()


def test_a_thief_learns_the_rows_times_and_labels(state):
    """docs/security.md says so: whoever changes this, change that."""
    run = state / "run"
    run.mkdir()
    power = SealedPower(make_disk=RememberingDisk)
    a_life(state, run, power)
    everything = b"".join(power.disk.given)  # type: ignore[attr-defined]
    assert b"leopard" in everything
    assert re.search(rb"2026-11-22T\d\d:\d\d:\d\d", everything)
    assert b"AL07" in everything
    power.end()
