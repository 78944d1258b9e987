"""Obeying what comes down: authentic commands, newer than any before, each done and told once.

The order is what makes it safe. A downlink's counter is on the card before anything in the world
follows from it (the clock, a reboot). Everything that it does to the rows, the answer that tells
of it and its outcome are one transaction; a downlink that the power cut short is finished by the
next start. What is forged, replayed or torn does nothing, and is counted by why.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from trapnode.config import Config
from trapnode.errors import ConfigError, DeviceError, ProtocolError
from trapnode.loop import Clock
from trapnode.message import Answer, Outcome, Result, pack_answer, read_header
from trapnode.message.downlink import (
    KEYS,
    Ack,
    Command,
    Reboot,
    SendPreview,
    SendStatus,
    Set,
    SetTime,
    Unknown,
    code_of,
    read_commands,
)
from trapnode.model import Boot, ClockTrust, MessageKind
from trapnode.policy.drift import time_wanted
from trapnode.policy.report import PRIORITY_STATUS
from trapnode.store import ram
from trapnode.store.acks import acknowledge, catch_up
from trapnode.store.corrections import corrections
from trapnode.store.settings import in_force, path_of, scaled
from trapnode.store.store import Store

__all__ = ["Commands", "OpenDownlink", "SetClock"]

log = logging.getLogger(__name__)

OpenDownlink = Callable[[bytes, int], tuple[int, bytes]]
"""Opens a downlink newer than a counter: its counter and body; raises ProtocolError."""
SetClock = Callable[[datetime], str]
"""Sets the machine's clock; says why the RTC does not have it, or nothing; raises DeviceError."""

WRAP = 1 << 16
CUT_SHORT = Result.REFUSED  # Of what acts on the world: nobody knows whether it still did.


class Commands:
    """What the uplinker does with what came down; `config` is without settings."""

    def __init__(
        self,
        store: Store,
        run: Path,
        boot: Boot,
        config: Config,
        open_downlink: OpenDownlink,
        set_clock: SetClock,
    ) -> None:
        self._store = store
        self._run = run
        self._boot = boot
        self._config = config
        self._open = open_downlink
        self._set_clock = set_clock
        self._downlinks = store.downlinks

    def begin(self, clock: Clock) -> None:
        """Finish what the power cut short, and tell all processes which settings hold."""
        for counter, body in self._downlinks.unfinished():
            self._finish(counter, self._read(counter, body), {}, clock.now())
        self._downlinks.remember(self._downlinks.last())  # The power may have come between.
        ram.write_settings(self._run, self._store.settings.values())

    def obey(self, payload: bytes, clock: Clock) -> None:
        """Do what a downlink says, if it may say so; raise StoreError."""
        last = self._downlinks.last()
        try:
            counter, body = self._open(payload, last)
        except ProtocolError as error:
            self._refuse(self._why(payload, last), str(error))
            return
        commands = self._read(counter, body)
        outside: dict[int, Result] = {}
        if any(isinstance(each, SetTime | Reboot) for each in commands):
            with self._store.database.transaction():
                self._downlinks.begin(counter, body, clock.now())
            outside = self._act(commands, clock)
            self._finish(counter, commands, outside, clock.now())
        else:
            self._finish(counter, commands, outside, clock.now(), body)
        self._downlinks.remember(counter)
        ram.write_settings(self._run, self._store.settings.values())

    def look(self, now: datetime) -> None:
        """Roll back what lost us the contact; raise StoreError."""
        settings = self._store.settings
        if not settings.overdue(now):
            return
        with self._store.database.transaction():
            rolled = settings.miss(now)
            for each in rolled:
                for code in [code for code in KEYS if path_of(code) == each.name]:
                    outcome = Outcome(code_of(Set(0, 0)), Result.REFUSED, code, self._holds(code))
                    self._answer(each.downlink, [outcome], now)
        for each in rolled:
            log.warning("%s is as before: no contact under what a command set", each.name)
        ram.write_settings(self._run, settings.values())

    def wants_time(self, trust: ClockTrust, now: datetime) -> bool:
        """Say whether the network shall be asked for the time; raise StoreError."""
        return time_wanted(trust is not ClockTrust.NONE, corrections(self._store.database), now)

    def correct_clock(self, at: datetime, clock: Clock, source: str) -> str:
        """Set the clock and record it; say what `SetClock` says; raise DeviceError, StoreError."""
        before, monotonic_s = clock.now(), clock.monotonic()
        said = self._set_clock(at)
        with self._store.database.transaction():
            self._downlinks.note_clock(self._boot.id, monotonic_s, before, at, source)
        log.warning("clock corrected by %s: %s was %s", source, at, before)
        return said

    def _read(self, counter: int, body: bytes) -> tuple[Command, ...]:
        try:
            return read_commands(body)
        except ProtocolError as error:  # Authentic, so its counter is spent.
            self._refuse("unreadable", f"downlink {counter}: {error}")
            return ()

    def _refuse(self, why: str, text: str) -> None:
        log.warning("downlink refused (%s): %s", why, text)
        with self._store.database.transaction():
            self._store.radio.refuse(why)

    def _why(self, payload: bytes, last: int) -> str:
        """Say what a downlink is that does not open as one newer than `last`."""
        try:
            header = read_header(payload)
        except ProtocolError:
            return "malformed"
        if header.kind is not MessageKind.COMMANDS:
            return "malformed"
        old = last - (last - header.counter16) % WRAP
        try:
            return "replayed" if old > 0 and self._open(payload, old - 1)[0] == old else "forged"
        except ProtocolError:
            return "forged"

    def _act(self, commands: Sequence[Command], clock: Clock) -> dict[int, Result]:
        """Do what acts on the world; give what became of each, by its place."""
        results = {}
        for place, command in enumerate(commands):
            if isinstance(command, SetTime):
                try:
                    self.correct_clock(command.at, clock, "command")
                    results[place] = Result.APPLIED
                except DeviceError as error:
                    log.warning("the clock is not set: %s", error)
                    results[place] = Result.REFUSED
            elif isinstance(command, Reboot):
                ram.ask_reboot(self._run)
                results[place] = Result.APPLIED
        return results

    def _finish(
        self,
        counter: int,
        commands: Sequence[Command],
        outside: dict[int, Result],
        now: datetime,
        body: bytes | None = None,
    ) -> None:
        """Do to the rows what a downlink says, and tell of it; all or nothing."""
        with self._store.database.transaction():
            if body is not None:
                self._downlinks.begin(counter, body, now)
            self._catch_up(commands)
            outcomes = [
                self._outcome(command, outside.get(place), counter, now)
                for place, command in enumerate(commands)
            ]
            if any(not isinstance(each, Ack) for each in commands):
                self._answer(counter, outcomes, now)
            said = ", ".join(
                f"{type(command).__name__} {outcome.result.name.lower()}"
                for command, outcome in zip(commands, outcomes, strict=True)
            )
            self._downlinks.finish(counter, said)
        log.info("downlink %d: %s", counter, said)

    def _catch_up(self, commands: Sequence[Command]) -> None:
        """Go beyond what the receiver has of this card, should we know nothing of it."""
        highest = max((each.highest for each in commands if isinstance(each, Ack)), default=0)
        if catch_up(self._store.database, self._store.outbox, highest):
            log.error("the receiver has message %d: this card was restored from an image", highest)

    def _outcome(
        self, command: Command, done: Result | None, counter: int, now: datetime
    ) -> Outcome:
        result = Result.APPLIED
        match command:
            case Ack():
                acknowledge(self._store.database, command, now)
            case SendStatus():
                self._store.outbox.want_status()
            case SendPreview(sequence, offset, length):
                found = self._store.previews.wish(sequence, offset, length)
                result = Result.APPLIED if found else Result.REFUSED
            case Set():
                return self._set(command, counter, now)
            case Unknown():
                result = Result.UNKNOWN
            case _:
                result = CUT_SHORT if done is None else done
        return Outcome(code_of(command), result)

    def _set(self, command: Set, counter: int, now: datetime) -> Outcome:
        """Set something, within the limits that the configuration has for it."""
        code, setting = code_of(command), command.setting
        if setting not in KEYS:
            return Outcome(code, Result.UNKNOWN, setting, 0)
        name, result = path_of(setting), Result.APPLIED
        try:
            in_force(self._config, self._store.settings.values() | {name: command.value})
            self._store.settings.set(name, command.value, now, counter)
        except ConfigError as error:
            log.warning("downlink %d: %s", counter, error)
            result = Result.OUT_OF_RANGE
        return Outcome(code, result, setting, self._holds(setting))

    def _holds(self, setting: int) -> int:
        """Give the value in force of a setting, as on the air."""
        values = self._store.settings.values()
        return values.get(path_of(setting), scaled(self._config, setting))

    def _answer(self, counter: int, outcomes: Sequence[Outcome], now: datetime) -> None:
        body = pack_answer(Answer(counter, tuple(outcomes)))
        self._store.outbox.tell(MessageKind.ANSWER, body, PRIORITY_STATUS, now)
