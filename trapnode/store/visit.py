"""A technician's visit: what the console asks of station and uplinker, and what they answer.

All of it in RAM. The console writes a request and rings; the one who owns the device answers in a
file of its own, so each file has one writer and nobody waits for anybody. A process that hangs
does not answer, and the console says so.

RUN/look.json      to the station: number, walk until (monotonic, s), whether to take a picture
RUN/seen.json      its answer: number, PIR edges since the walk began, motion now, picture or fault
RUN/seen.jpg       the test picture's preview
RUN/ask.json       to the uplinker: number
RUN/clock.json     to the uplinker: number, a time for the wall clock, the moment it belongs to
RUN/said.json      its answer to either: number, what came of it, or the fault
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from trapnode.errors import DeviceError, UplinkError
from trapnode.store.doorbell import STATION, UPLINKER, Doorbell, ring
from trapnode.store.ramfile import replace
from trapnode.store.remarks import number_of, read, seconds_of

__all__ = [
    "Modem",
    "Said",
    "Seen",
    "StationVisit",
    "UplinkVisit",
    "ask_clock",
    "ask_modem",
    "ask_station",
    "picture",
    "said",
    "seen",
    "ticket",
]

WALK_MOST_S = 120.0  # No request stops bursts for longer, whatever it says.
PICTURE, ASK, CLOCK = "seen.jpg", "ask.json", "clock.json"


class Modem(Protocol):
    """What of a modem a technician asks for."""

    def about(self) -> str:
        """Say how the modem is, in one line, at no cost; raise LinkUnavailable, DeviceError."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """The station's answer; `picture` is a fault, or empty: it is in RAM, if one was asked for."""

    number: int
    edges: int
    active: bool
    picture: str = ""
    pictured: int = 0  # The number of the request that the picture answers.


@dataclass(frozen=True, slots=True)
class Said:
    """The uplinker's answer: the modem's own words, or what is wrong with it."""

    number: int
    text: str
    fault: bool


class StationVisit:
    """The station's side: while a technician walks, edges are counted and make no burst.

    A walk test must not fill the card and cost satellite credits with pictures of a technician.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._bell = Doorbell(run, STATION)
        self._number = number_of(
            read(run / "look.json"), "number"
        )  # Of an earlier life: not again.
        self._edges = self._pictured = 0
        self._until_s = float("-inf")
        self._wanted = False
        self._fault = ""

    def fileno(self) -> int:
        """Give the descriptor that turns readable when the console rings."""
        return self._bell.fileno()

    def listen(self, now_s: float) -> bool:
        """Read what is asked for; say whether a picture is."""
        self._bell.answered()
        asked = read(self._run / "look.json")
        number = number_of(asked, "number")
        if number != self._number and number:
            if not number_of(asked, "more"):
                self._edges = 0
            self._number = number
            walk_s = seconds_of(asked, "until_s") - now_s
            self._until_s = now_s + min(walk_s, WALK_MOST_S)
            self._wanted = asked.get("picture") is True
            self._answer(active=False)
        return self._wanted

    def counts(self, edges: Sequence[float], active: bool, now_s: float) -> bool:
        """Count edges while somebody walks; say whether somebody does, and no burst is due."""
        if now_s >= self._until_s:
            return False
        self._edges += len(edges)
        self._answer(active)
        return True

    def show(self, preview: bytes) -> None:
        """Answer with a picture."""
        self._wanted, self._pictured, self._fault = False, self._number, ""
        try:
            (self._run / PICTURE).write_bytes(preview)
        except OSError as error:
            self._fault = f"{PICTURE}: {error.strerror}"
        self._answer(active=False)

    def close(self) -> None:
        """Take the doorbell down."""
        self._bell.close()

    def _answer(self, active: bool) -> None:
        told = Seen(self._number, self._edges, active, self._fault, self._pictured)
        replace(self._run / "seen.json", asdict(told))


class UplinkVisit:
    """The uplinker's side: it has the modem, and sets the clock, for the network and for people."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._done = {name: number_of(read(run / name), "number") for name in (ASK, CLOCK)}

    def answer(self, modem: Modem, set_clock: Callable[[datetime], str], now_s: float) -> None:
        """Do what is asked for, once for each request; `set_clock` may say what else to tell."""
        if self._is_new(ASK):
            self._say(ASK, modem.about)
        if self._is_new(CLOCK):
            self._say(CLOCK, lambda: self._set(set_clock, now_s))

    def _is_new(self, name: str) -> bool:
        number, before = number_of(read(self._run / name), "number"), self._done[name]
        self._done[name] = number or before
        return number not in (0, before)

    def _say(self, name: str, do: Callable[[], str]) -> None:
        number = self._done[name]
        try:
            told = Said(number, do(), fault=False)
        except (DeviceError, UplinkError) as error:
            told = Said(number, str(error), fault=True)
        replace(self._run / "said.json", asdict(told))

    def _set(self, set_clock: Callable[[datetime], str], now_s: float) -> str:
        asked = read(self._run / CLOCK)
        try:
            at = datetime.fromisoformat(str(asked["at"]))
            passed = timedelta(seconds=now_s - float(str(asked["monotonic_s"])))
        except (KeyError, ValueError, OverflowError) as error:
            raise DeviceError(f"{CLOCK}: {error}") from error
        said = set_clock(at + passed)
        return "; ".join(filter(None, (f"{at + passed:%Y-%m-%d %H:%M:%S}", said)))


def ask_station(run: Path, number: int, until_s: float, shoot: bool, more: bool = False) -> None:
    """Ask for a count of edges until then, and for a picture; `more`: the count goes on."""
    asked = {"number": number, "until_s": until_s, "picture": shoot, "more": int(more)}
    replace(run / "look.json", asked)
    ring(run, STATION)


def seen(run: Path) -> Seen | None:
    """Read the station's last answer."""
    with contextlib.suppress(TypeError):
        return Seen(**read(run / "seen.json"))  # type: ignore[arg-type]
    return None


def picture(run: Path) -> bytes:
    """Take the test picture out of RAM; raise DeviceError."""
    path = run / PICTURE
    try:
        found = path.read_bytes()
        path.unlink(missing_ok=True)
    except OSError as error:
        raise DeviceError(f"{path}: {error.strerror}") from error
    return found


def ticket(now_s: float) -> int:
    """Give the number of a request: another one than any before in this boot, and not 0."""
    return max(1, round(now_s * 1000))


def ask_modem(run: Path, number: int) -> None:
    """Ask how the modem is."""
    replace(run / ASK, {"number": number})
    ring(run, UPLINKER)


def said(run: Path) -> Said | None:
    """Read the uplinker's last answer."""
    with contextlib.suppress(TypeError):
        return Said(**read(run / "said.json"))  # type: ignore[arg-type]
    return None


def ask_clock(run: Path, number: int, at: datetime, now_s: float) -> None:
    """Ask for the wall clock to be set: it is `at` at the monotonic moment `now_s`."""
    asked = {"number": number, "at": at.isoformat(), "monotonic_s": now_s}
    replace(run / CLOCK, asked)
    ring(run, UPLINKER)
