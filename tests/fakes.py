"""Small twins that only tests need, and ready-made values: everything else is in trapnode.sim."""

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from PIL import Image

from trapnode.cli.uplink import opener, sealer
from trapnode.config import Config
from trapnode.downlinking import Commands
from trapnode.errors import TrapnodeError
from trapnode.judging import Judge, Show, nothing_shown
from trapnode.message import Told, read_body
from trapnode.message.downlink import Command, pack_commands
from trapnode.message.sealing import CardKey, open_uplink, seal_downlink
from trapnode.model import (
    Boot,
    CaptureMethod,
    ClockTrust,
    Detection,
    Judgement,
    Observation,
    Scores,
    Sent,
    SequenceState,
    Shot,
    Trigger,
    TriggerSource,
    Unjudged,
    WakeReason,
)
from trapnode.model import Sequence as FrameSequence
from trapnode.policy.budget import Budget
from trapnode.policy.burst import BurstPlan
from trapnode.policy.report import Watch
from trapnode.sim.clock import SteppedClock
from trapnode.sim.pir import ScriptedPir
from trapnode.sorter import Sorter, Sorting
from trapnode.station import Identity, Station
from trapnode.store.entries import begin_boot
from trapnode.store.riders import Plan
from trapnode.store.store import Store
from trapnode.uplinker import Uplinker

NOON = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
LABELS = ("blank", "leopard", "deer")
BLANK = (0.99, 0.0, 0.01)
LEOPARD = (0.02, 0.95, 0.03)
DEER = (0.05, 0.05, 0.9)
UNSURE = (0.4, 0.3, 0.3)
BOX = Detection(0.25, 0.5, 0.2, 0.25, 0.8)
PLAN = BurstPlan(frames=3, frames_max=12, interval_s=0.3)
BOOT = Boot(1, NOON, WakeReason.PIR, ClockTrust.RTC)
MARK = b"trapnode test frame "
KEY = CardKey(7, bytes(range(16)))
RICH = Budget(1_000_000, 10_000_000)


@functools.cache
def jpeg(number: int = 0, size: tuple[int, int] = (32, 24)) -> bytes:
    """Make a small JPEG that carries its number in a comment, which the archive keeps."""
    written = BytesIO()
    shade = (number * 37) % 256
    Image.new("RGB", size, (shade, 128, 255 - shade)).save(written, "JPEG")
    comment = MARK + b"%06d" % number
    data = written.getvalue()
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]


def number_of(picture: bytes) -> int | None:
    """Read the number of a picture that `jpeg` made."""
    at = picture.find(MARK)
    return None if at < 0 else int(picture[at + len(MARK) :][:6])


class NumberedCamera:
    """A camera whose frames are numbered 1, 2, ...; an exposure takes `exposure_s`."""

    model = "numbered"

    def __init__(self, clock: SteppedClock, exposure_s: float = 0.1) -> None:
        self.taken = 0
        self._clock = clock
        self._exposure_s = exposure_s

    def shoot(self) -> Shot:
        self.taken += 1
        self._clock.step(self._exposure_s)
        return Shot(jpeg(self.taken), jpeg(self.taken, (16, 12)), self._clock.now())


class ScriptedClassifier:
    """A set that says what its script says, frame by frame; an error of ours costs one frame."""

    name = "script-1"
    labels = LABELS
    thresholds = {"blank": 0.8, "target": 0.3, "unknown": 0.5}  # noqa: RUF012

    def __init__(self, script: Iterable[tuple[float, ...] | BaseException], boxes: int = 0) -> None:
        self._script = iter(script)
        self.asked = 0
        self.boxes = boxes
        self.grey = b""
        self.past: list[bytes] = []

    def judge(
        self, pictures: Iterable[bytes | None], past: Sequence[bytes] = ()
    ) -> list[Judgement]:
        self.past = list(past)
        return [self._judged(picture) for picture in pictures]

    def _judged(self, picture: bytes | None) -> Judgement:
        if picture is None:
            return Judgement(None, "there is no picture", Unjudged.PICTURE)
        try:
            said = self.classify(picture)
        except (TrapnodeError, MemoryError, ValueError) as error:
            return Judgement(None, str(error), Unjudged.MODEL)
        boxes = tuple(BOX for _ in range(self.boxes))
        return Judgement(Scores(dict(zip(LABELS, said, strict=False)), boxes), grey=self.grey)

    def classify(self, jpeg: bytes) -> tuple[float, ...]:
        self.asked += 1
        said = next(self._script)
        if isinstance(said, BaseException):
            raise said
        return said


class KnowingClassifier(ScriptedClassifier):
    """A classifier that knows the numbered frames: 1 to 3 are the first of its script, ..."""

    def __init__(self, script: Sequence[tuple[float, ...] | BaseException], boxes: int = 0) -> None:
        super().__init__((), boxes)
        self._by_burst = script

    def classify(self, jpeg: bytes) -> tuple[float, ...]:
        number = number_of(jpeg)
        assert number is not None
        self._script = iter([self._by_burst[(number - 1) // PLAN.frames]])
        return super().classify(jpeg)


class ScriptedModem:
    """A modem that accepts, or raises what its script says; it remembers what it was given."""

    max_payload, credit = 340, 50

    def __init__(self, script: Iterable[Exception | bytes | None] = ()) -> None:
        self._script = itertools.chain(script, itertools.repeat(None))
        self.given: list[bytes] = []
        self.accepted: list[bytes] = []

    def send(self, payload: bytes) -> Sent:
        self.given.append(payload)
        said = next(self._script)
        if isinstance(said, Exception):
            raise said
        self.accepted.append(payload)
        return Sent(True, () if said is None else (said,))

    announced = False

    def fetch(self) -> Sent:
        raise AssertionError("nothing was announced")

    def rest(self) -> None:
        self.rested = True

    def network_time(self) -> datetime | None:
        return None


class After:
    """The order to stop, once something has come true."""

    def __init__(self, come: Callable[[], bool]) -> None:
        self._come = come

    def __call__(self) -> bool:
        return self._come()

    def next_s(self) -> float | None:  # A stepped clock does not wait for it.
        return None

    def fileno(self) -> int:
        raise AssertionError("a stepped clock does not select on it")


def boot(store: Store, kernel_id: str = "one", trust: ClockTrust = ClockTrust.RTC) -> Boot:
    """Begin a boot of the unit."""
    return begin_boot(store.database, kernel_id, NOON, WakeReason.PIR, trust)


def station_of(store: Store, run: Path, life: Boot, plan: BurstPlan = PLAN) -> Station:
    """Make a station as the composition root does."""
    return Station(Identity("AL07", 600, life), plan, 1.0, store, run)


def watch_pir(
    station: Station, clock: SteppedClock, spans: Sequence[tuple[float, float]], camera: object
) -> None:
    """Run a station until some seconds after the last thing its PIR sees."""
    pir = ScriptedPir(clock.monotonic, spans)
    end_s = max((start + span for start, span in spans), default=0.0) + 20.0
    try:
        station.run(
            pir, camera, clock, After(lambda: clock.monotonic() > end_s), lambda fault: None
        )  # type: ignore[arg-type]
    finally:
        pir.close()


def take(store: Store, run: Path, clock: SteppedClock, bursts: int = 1) -> None:
    """Take bursts of three frames, a minute apart."""
    start = clock.monotonic() + 60
    spans = [(start + 60 * each, 0.5) for each in range(bursts)]
    watch_pir(station_of(store, run, boot(store)), clock, spans, NumberedCamera(clock))


class OneJudge:
    """A source of judges that is never at fault and never changes."""

    fault = ""

    def __init__(self, load: Callable[[], Judge]) -> None:
        self.load = load

    def changed(self) -> bool:
        return False


def sorter_of(
    store: Store,
    run: Path,
    load: Callable[[], Judge],
    draw: float = 0.5,
    most_an_hour: int = 60,
    show: Show = nothing_shown,
    blank_least: float = 0.0,
) -> Sorter:
    """Make a sorter, its classifier loaded."""
    watch = Watch(("leopard",), ("leopard", "person"), most_an_hour)
    sorting = Sorting(watch, 0.02, 1800.0, lambda: draw, show, blank_least)
    sorter = Sorter(store, run, sorting, OneJudge(load))
    sorter.run(SteppedClock(), After(lambda: True), lambda fault: None)
    return sorter


def sort_all(sorter: Sorter, clock: SteppedClock) -> None:
    """Sort until nothing waits."""
    while sorter.sort_next(clock):
        pass


def uplinker_of(
    store: Store,
    run: Path,
    life: Boot,
    batch_s: float = 0.0,
    budget: Budget = RICH,
    trust: Callable[[], ClockTrust] | None = None,
) -> Uplinker:
    """Make an uplinker that tells everything at once, and obeys."""
    plan = Plan(batch_s, 2, budget)
    commands = commands_of(store, run, life)
    trust = trust or (lambda: life.clock_trust)
    return Uplinker(store, run, life, trust, plan, sealer(KEY), commands)


def commands_of(
    store: Store,
    run: Path,
    life: Boot,
    set_clock: Callable[[datetime], None] = lambda at: None,
    config: Config = Config(),  # noqa: B008
) -> Commands:
    """Make who obeys."""
    return Commands(store, run, life, config, opener(KEY), set_clock)


def heard(payload: bytes) -> Told:
    """Open and read a message as the receiver does, whatever its counter."""
    opened = open_uplink(payload, KEY, 0)
    return read_body(opened.kind, opened.body)


def counter_of(payload: bytes) -> int:
    """Give the counter of a message."""
    return open_uplink(payload, KEY, 0).counter


def downlink(counter: int, *commands: Command) -> bytes:
    """Seal commands as the receiver does."""
    return seal_downlink(counter, pack_commands(commands), KEY)


def a_sequence(
    identity: int,
    at_s: float = 0.0,
    life: int = 1,
    trust: ClockTrust = ClockTrust.RTC,
    at: datetime = NOON,
) -> FrameSequence:
    """Make a sequence without frames."""
    trigger = Trigger(at, at_s, TriggerSource.PIR, CaptureMethod.ACTIVITY_DETECTION)
    return FrameSequence(identity, life, trigger, trust, SequenceState.UNSORTED)


def an_observation(identity: int = 1, label: str = "leopard", **changes: object) -> Observation:
    """Make an observation, sure and trusted unless told otherwise."""
    values: dict[str, object] = {
        "id": identity,
        "observed_at": NOON,
        "label": label,
        "probability": 0.95,
        "frames": 3,
        "event": identity,
        "clock_trusted": True,
        "target": label == "leopard",
        "classified_by": "script-1",
        "classified_at": NOON,
    }
    return Observation(**(values | changes))  # type: ignore[arg-type]
