"""The uplinker: outbox to modem, most valuable first. Retry is a row, never a sleep.

A message is frozen on the card before its first attempt, and each attempt is noted before it is
made: after a power cut the same bytes go again. What comes down is obeyed after what went up.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from trapnode.errors import DeviceError, LinkBarred, LinkUnavailable, MessageRefused, TooLong
from trapnode.link import Link, Modem, Obedience
from trapnode.loop import Alive, Clock, Stopping
from trapnode.message import MAX_MESSAGE, MAX_RECORDS, SEALING_COST
from trapnode.model import Boot, ClockTrust, Message, MessageKind, Sent
from trapnode.policy.budget import affordable, credits_of
from trapnode.policy.power import tells
from trapnode.policy.priority import Terms, next_to_send
from trapnode.policy.report import PRIORITY_AT_ONCE, PRIORITY_PREVIEW
from trapnode.policy.retry import may_try, next_attempt
from trapnode.store.acks import offer_again
from trapnode.store.doorbell import UPLINKER, Doorbell
from trapnode.store.outbox import Seal
from trapnode.store.radio import Session
from trapnode.store.remarks import note_radio
from trapnode.store.riders import Plan, Riders
from trapnode.store.stage import read_restraint
from trapnode.store.store import Store
from trapnode.store.visit import UplinkVisit

__all__ = ["Uplinker"]

log = logging.getLogger(__name__)

FETCH_AGAIN_S, ROUND_S = 3600.0, 20.0  # The watchdog hears from us once a round.


class Uplinker:
    """The loop over the store's outbox; without `commands` (the card failed) it obeys nothing."""

    def __init__(
        self,
        store: Store,
        run: Path,
        boot: Boot,
        trust: Callable[[], ClockTrust],
        plan: Plan,
        seal: Seal,
        commands: Obedience | None = None,
    ) -> None:
        self._store = store
        self._run = run
        self._boot = boot
        self._trust = trust  # Asked anew each time: network time comes late.
        self._plan, self._riders = plan, Riders(store, plan)
        self._day = boot.started_at  # That the budget counts now.
        self._seal = seal
        self._commands = commands
        self._visit = UplinkVisit(run)
        self._began_s = 0.0  # Monotonic moments: this process's start,
        self._tried_s: dict[int, float] = {}  # and each message's last attempt.
        self._link = Link()
        self._fetch_s = 0.0  # Monotonic: not before it is a downlink fetched without a message.

    def run(self, modem: Modem, clock: Clock, stopping: Stopping, alive: Alive) -> None:
        """Send what is due until told to stop; raise DeviceError, StoreError."""
        worn = self.begin(clock)
        bell = Doorbell(self._run, UPLINKER)
        try:
            while not stopping():
                alive(self._link.barred or worn)
                self._serve(modem, clock)
                if not self.send_next(modem, clock):
                    modem.rest()
                    clock.wait([bell, stopping], ROUND_S)
                    bell.answered()
        finally:
            bell.close()

    def _serve(self, modem: Modem, clock: Clock) -> None:
        """Do what a technician at the cable asks for."""

        def set_clock(at: datetime) -> str:
            if self._commands is None:
                raise DeviceError("clock: not set, the card failed")
            return self._commands.correct_clock(at, clock, "technician")

        self._visit.answer(modem, set_clock, clock.monotonic())

    def begin(self, clock: Clock) -> str:
        """Finish what the power cut short; say what the outbox has lost. Raise StoreError."""
        self._began_s = clock.monotonic()
        if self._commands is not None:
            self._commands.begin(clock)
        return self._store.outbox.mend()

    def send_next(self, modem: Modem, clock: Clock) -> bool:
        """Send the most valuable message that is due; say whether there was one."""
        now = clock.now()
        if self._commands is not None:
            self._commands.look(now)
        self._riders.tell_suppressed(now)
        may = self._worth(modem, clock, now)
        room = self._link.room(modem, clock.monotonic())
        if may(PRIORITY_PREVIEW, room):
            self._store.previews.cut(self._store.outbox, room, now)
        outbox = self._store.outbox
        terms = Terms(room, SEALING_COST, MAX_RECORDS, self._plan.batch_s, may)
        chosen = next_to_send(self._frozen(clock, now), outbox.waiting(), now, terms)
        if chosen is None:
            return self._fetch(modem, clock, may) or self._offer_again(may, now)
        message = chosen if isinstance(chosen, Message) else outbox.freeze(chosen, now, self._seal)
        if len(message.payload) > room:
            self._recut(message, f"{len(message.payload)} bytes, {room} fit")
        else:
            self._set_clock(modem, clock)  # LoRaWAN's time comes with the message that follows.
            self._attempt(message, modem, clock)
        return True

    def _frozen(self, clock: Clock, now: datetime) -> list[Message]:
        """List the messages that may be tried now, most valuable first."""
        trust = self._trust()
        return [
            message
            for message, tried_in in self._store.outbox.undone()
            if may_try(message.not_before, now, trust, self._tried_s_ago(message, tried_in, clock))
        ]

    def _tried_s_ago(self, message: Message, tried_in: int | None, clock: Clock) -> float | None:
        """Give the time since the last attempt of this boot, at least; None for no attempt."""
        last_s = self._tried_s.get(message.counter, self._began_s)
        return clock.monotonic() - last_s if tried_in == self._boot.id else None

    def _worth(self, modem: Modem, clock: Clock, now: datetime) -> Callable[[int, int], bool]:
        """Say by priority and size what may be sent: affordable, and worth it."""
        credit, now_s = modem.credit, clock.monotonic()
        self._day = self._store.radio.turn(self._boot, now, now_s, self._trust())
        spent, power = self._store.radio.spent(self._day), read_restraint(self._run)

        def may(priority: int, size: int) -> bool:
            worth = tells(power.stage, priority, power.coldest_c)
            worth = worth and self._link.worth_trying(priority, now_s)
            return worth and affordable(
                priority, credits_of(size, credit), spent, self._plan.budget
            )

        return may

    def _offer_again(self, may: Callable[[int, int], bool], now: datetime) -> bool:
        """Queue again what nobody acknowledged, if the budget has room for it."""
        if self._trust() is ClockTrust.NONE or not may(PRIORITY_PREVIEW, MAX_MESSAGE):
            return False
        return offer_again(self._store.database, now)

    def _recut(self, message: Message, reason: str) -> None:
        """Tell in shorter messages what the link cannot carry in this one."""
        log.info("message %d is too long (%s): told anew", message.counter, reason)
        if message.kind is MessageKind.FRAGMENT:
            self._store.previews.recut(message)
        else:
            self._store.outbox.release(message.counter)

    def _attempt(self, message: Message, modem: Modem, clock: Clock) -> None:
        outbox, attempts = self._store.outbox, message.attempts + 1
        began_s = self._tried_s[message.counter] = clock.monotonic()
        outbox.attempt(message, self._boot.id, next_attempt(attempts, clock.now()))
        try:
            sent = modem.send(message.payload)
        except TooLong as error:
            self._link.took_only(error.room, clock.monotonic())
            self._recut(message, str(error))
        except LinkUnavailable as error:
            self._failed(message, error, clock, clock.monotonic() - began_s)
        except MessageRefused as error:
            self._refused(message, error, clock, clock.monotonic() - began_s)
        else:
            self._sent(message, sent, modem, clock)

    def _failed(self, message: Message, error: LinkUnavailable, clock: Clock, s: float) -> None:
        now, now_s = clock.now(), clock.monotonic()
        until = next_attempt(message.attempts + 1, now, error.retry_after_s)
        with self._store.database.transaction():
            self._store.outbox.postpone(message, until, str(error))
            self._store.radio.count(Session(0, 0, s, failed=True), self._day)
        note_radio(self._run, str(error), now_s)
        barred = str(error) if isinstance(error, LinkBarred) else ""
        self._link.failed(message.priority, now_s + (until - now).total_seconds(), barred)
        log.info("message %d waits until %s: %s", message.counter, until, error)

    def _refused(self, message: Message, error: MessageRefused, clock: Clock, s: float) -> None:
        with self._store.database.transaction():
            self._store.outbox.park(message, clock.now(), str(error))
            self._store.radio.count(Session(0, 0, s, failed=True), self._day)
        note_radio(self._run, str(error), clock.monotonic())
        log.warning("message %d is refused: %s", message.counter, error)

    def _sent(self, message: Message, sent: Sent, modem: Modem, clock: Clock) -> None:
        now, size = clock.now(), len(message.payload)
        session = Session(size, credits_of(size, modem.credit), sent.seconds)
        with self._store.database.transaction():
            self._store.outbox.sent(message, now, sent.delivered)
            self._store.radio.count(session, self._day)
            if sent.delivered or sent.downlinks:
                self._store.settings.contact()
        self._tried_s.pop(message.counter, None)
        self._link.well()
        said = "accepted" if sent.delivered else "on the air"
        note_radio(self._run, f"{size} bytes {said} in {sent.seconds:.0f} s", clock.monotonic())
        log.info("message %d %s after %d attempts", message.counter, said, message.attempts + 1)
        self._riders.join(message.kind, modem.credit, now, self._store.radio.spent(self._day))
        self._set_clock(modem, clock)
        if self._commands is not None:
            self._obey(self._commands, sent, clock)

    def _fetch(self, modem: Modem, clock: Clock, may: Callable[[int, int], bool]) -> bool:
        """Fetch a downlink that is known to wait, where no message of ours brings it along."""
        commands, began_s = self._commands, clock.monotonic()
        announced = commands is not None and modem.announced and began_s >= self._fetch_s
        if commands is None or not announced or not may(PRIORITY_AT_ONCE, 1):
            return False
        self._fetch_s = began_s + FETCH_AGAIN_S
        sent = None
        try:
            sent = modem.fetch()
        except (LinkUnavailable, MessageRefused) as error:
            log.info("the downlink that waits is not fetched: %s", error)
        spent_s = clock.monotonic() - began_s
        cost = 0 if sent is None else credits_of(1, modem.credit)
        with self._store.database.transaction():
            self._store.radio.count(Session(0, cost, spent_s, failed=sent is None), self._day)
        if sent is not None:
            self._fetch_s = 0.0
            self._obey(commands, sent, clock)
        return sent is not None

    def _obey(self, commands: Obedience, sent: Sent, clock: Clock) -> None:
        for downlink in sent.downlinks:
            commands.obey(downlink, clock)

    def _set_clock(self, modem: Modem, clock: Clock) -> None:
        """Ask the network for the time, where it is wanted."""
        commands = self._commands
        if commands is None or not commands.wants_time(self._trust(), clock.now()):
            return
        try:
            if (at := modem.network_time()) is not None:
                commands.correct_clock(at, clock, "network")
        except (LinkUnavailable, DeviceError) as error:
            log.warning("the network's time is not taken: %s", error)
