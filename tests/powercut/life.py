"""Two lives in small, with real loops and real files: what the power is cut in.

A unit's: two boots of station, sorter, uplinker and keeper over one store, each with its own
connection. A dump's: two dumps to one place, with more pictures between them. Every clock, camera
and sky is a twin.
"""

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.archives import desk
from tests.fakes import (
    BLANK,
    DEER,
    LEOPARD,
    NOON,
    KnowingClassifier,
    NumberedCamera,
    ScriptedModem,
    boot,
    downlink,
    jpeg,
    sort_all,
    sorter_of,
    station_of,
    uplinker_of,
    watch_pir,
)
from trapnode.dump import write_dump
from trapnode.errors import LinkUnavailable
from trapnode.keeper import Keeper, Keeping
from trapnode.message.downlink import Ack, SendStatus
from trapnode.model import Boot, ClockTrust, Sent, Shot
from trapnode.sim.battery import SimBattery, SimThermometer
from trapnode.sim.clock import SteppedClock
from trapnode.store.database import Connect
from trapnode.store.disk import Disk
from trapnode.store.store import Store, open_store

__all__ = ["DUMP", "STATE", "Given", "Life", "Numbered", "Saved", "dumped"]

STATE, DUMP = "state", "dump"
SCENES = (DEER, BLANK, BLANK, *[LEOPARD] * 12)  # By the frames' numbers, three each.
MADE_AT = datetime(2026, 12, 1, tzinfo=UTC)
SIZE = (120, 90)  # Several sectors.

Tell = Callable[[object], None]


@dataclass(frozen=True, slots=True)
class Saved:
    """A frame whose row was on the card, so that anybody may count on it."""

    path: str
    pixels: bytes


@dataclass(frozen=True, slots=True)
class Given:
    """A message that the modem was given: the gateway may have it."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Numbered:
    """A boot and the number that the card gave it."""

    kernel_id: str
    number: int


class TellingCamera(NumberedCamera):
    """A camera that tells, before each frame, which ones have rows."""

    def __init__(self, clock: SteppedClock, taken: int, tell: Tell) -> None:
        super().__init__(clock)
        self.taken = taken
        self.store: Store | None = None
        self._told: set[str] = set()
        self._tell = tell

    def shoot(self) -> Shot:
        self.note()
        super().shoot()
        return Shot(jpeg(self.taken, SIZE), jpeg(self.taken, (16, 12)), self._clock.now())

    def note(self) -> None:
        assert self.store is not None
        rows = self.store.database.rows("SELECT path FROM frame WHERE state = 'whole'")
        for (path,) in rows:
            if str(path) not in self._told:
                self._told.add(str(path))
                self._tell(Saved(str(path), (self.store.archive.root / str(path)).read_bytes()))


class TellingModem(ScriptedModem):
    """A modem whose every message the world knows; its first reply is lost, its third sky bad.

    With its second comes a downlink: the first message arrived, and a status report is wanted.
    """

    def __init__(self, tell: Tell) -> None:
        bad = LinkUnavailable("the reply is lost")
        super().__init__([bad, downlink(1, Ack(1, 0), SendStatus()), bad])
        self._tell = tell

    def send(self, payload: bytes) -> Sent:
        self._tell(Given(payload))
        return super().send(payload)


@dataclass
class Unit:
    """One boot: the loops, each with its own way to the card."""

    life: "Life"
    kernel_id: str
    clock: SteppedClock
    camera: TellingCamera
    draw: float  # What decides on audit samples.

    def live(self, spans: list[tuple[float, float]]) -> None:
        """Take the bursts one by one; judge, look after the unit, and send after each."""
        with ExitStack() as stack:
            station, sorter, uplinker, keeper = (
                stack.enter_context(closing(self._open())) for _ in range(4)
            )
            life = boot(station, self.kernel_id)
            self.life.tell(Numbered(self.kernel_id, life.id))
            self.camera.store = station
            modem = TellingModem(self.life.tell)
            for start_s, span_s in spans:
                span = (self.clock.monotonic() + start_s, span_s)
                looks = station_of(station, self.life.run, life)
                watch_pir(looks, self.clock, [span], self.camera)
                self.camera.note()
                judge = sorter_of(
                    sorter, self.life.run, lambda: KnowingClassifier(SCENES), self.draw
                )
                sort_all(judge, self.clock)
                self._keep(keeper, life)
                self._send(uplinker, life, modem)

    def _open(self) -> Store:
        return open_store(self.life.root / STATE, self.life.disk, self.life.connect)

    def _keep(self, store: Store, life: Boot) -> None:
        keeping = Keeping("AL07", life, (), 2, "")
        gauge = SimBattery(self.clock.monotonic)
        Keeper(keeping, store, self.life.run, gauge, SimThermometer()).look(
            self.clock, ClockTrust.RTC
        )

    def _send(self, store: Store, life: Boot, modem: TellingModem) -> None:
        uplinker = uplinker_of(store, self.life.run, life)
        for _ in range(2):
            self.clock.step(7300)  # Past the longest wait between two attempts.
            while uplinker.send_next(modem, self.clock):
                pass


@dataclass
class Life:
    """A program's whole life below `root`, an empty folder; `run` is in RAM and survives nothing.

    `disk` and `connect` are how it treats its card.
    """

    root: Path
    run: Path
    tell: Tell
    disk: Disk
    connect: Connect

    def __post_init__(self) -> None:
        self._clock = SteppedClock(NOON)
        self._camera = TellingCamera(self._clock, 0, self.tell)

    def of_a_unit(self) -> None:
        """Deer, a blank and its discard; after the next boot an audit blank and a long leopard."""
        self._boot("one", 0.5, [(10, 0.5), (20, 0.5)])
        self._boot("two", 0.01, [(10, 0.5), (20, 2.0)])

    def of_a_dump(self) -> None:
        """A dump without the desk's file, and one with it."""
        self._boot("one", 0.5, [(10, 0.5)])
        dumped(self.root, self.run, None)
        self._boot("two", 0.5, [(10, 0.5)])
        dumped(self.root, self.run, desk(self.run))

    def _boot(self, kernel_id: str, draw: float, spans: list[tuple[float, float]]) -> None:
        Unit(self, kernel_id, self._clock, self._camera, draw).live(spans)


def _knowing() -> KnowingClassifier:
    return KnowingClassifier(SCENES)


def dumped(root: Path, scratch: Path, deployments: Path | None) -> None:
    """Dump what is on the card, beside it."""
    with closing(open_store(root / STATE)) as store:
        write_dump(store, root / DUMP, deployments, "AL07", 600, MADE_AT, lambda _: None)
