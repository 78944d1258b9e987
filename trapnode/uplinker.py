"""The uplinker: outbox to modem, most valuable first. Retry is a row, never a sleep.

A message is frozen on the card before its first attempt, and each attempt is noted before it is
made: after a power cut the same bytes go again, and the receiver drops the twin.
"""

import logging
from datetime import datetime
from pathlib import Path
from typing import Protocol

from trapnode.errors import LinkUnavailable, MessageRefused
from trapnode.loop import Alive, Clock, Stopping
from trapnode.message import MAX_RECORDS, pack_message
from trapnode.model import Boot, Message, Report
from trapnode.policy.priority import next_to_send
from trapnode.policy.report import PRIORITY_TARGET
from trapnode.policy.retry import may_try, next_attempt
from trapnode.store.doorbell import UPLINKER, Doorbell
from trapnode.store.store import Store

__all__ = ["Modem", "Uplinker"]

log = logging.getLogger(__name__)

ROUND_S = 20.0  # The watchdog hears from us at least this often, between sessions.


class Modem(Protocol):
    """A radio that takes one message at a time."""

    def send(self, payload: bytes) -> bytes | None:
        """Send; return a downlink that came along, or None.

        Returning is the gateway's word that it has the message. Raise LinkUnavailable (it may
        have arrived), MessageRefused, DeviceError.
        """
        ...


class Uplinker:
    """The loop over the store's outbox."""

    def __init__(self, store: Store, run: Path, boot: Boot, batch_s: float) -> None:
        self._store = store
        self._run = run
        self._boot = boot
        self._batch_s = batch_s
        self._down_until_s = 0.0  # Monotonic; while the link is down ...
        self._down_priority = 0  # ... only what is more valuable than this is tried.

    def run(self, modem: Modem, clock: Clock, stopping: Stopping, alive: Alive) -> None:
        """Send what is due until told to stop; raise DeviceError, StoreError."""
        bell = Doorbell(self._run, UPLINKER)
        try:
            while not stopping():
                alive("")
                if not self.send_next(modem, clock):
                    clock.wait([bell, stopping], ROUND_S)
                    bell.answered()
        finally:
            bell.close()

    def send_next(self, modem: Modem, clock: Clock) -> bool:
        """Send the most valuable message that is due; say whether there was one."""
        now = clock.now()
        frozen = [
            message
            for message, tried_in in self._store.outbox.undone()
            if may_try(message.not_before, now, self._boot.clock_trust, tried_in == self._boot.id)
        ]
        waiting = self._store.outbox.waiting()
        chosen = next_to_send(frozen, waiting, now, MAX_RECORDS, self._batch_s)
        if chosen is None or self._not_worth_it(chosen, clock):
            return False
        message = chosen if isinstance(chosen, Message) else self._freeze(chosen, now)
        self._attempt(message, modem, clock)
        return True

    def _not_worth_it(self, chosen: Message | tuple[Report, ...], clock: Clock) -> bool:
        """Say whether to wait with it: one bad sky must not cost a session for each message.

        A target is always worth its session.
        """
        priority = chosen.priority if isinstance(chosen, Message) else chosen[0].priority
        if priority == PRIORITY_TARGET or clock.monotonic() >= self._down_until_s:
            return False
        return priority >= self._down_priority

    def _freeze(self, reports: tuple[Report, ...], now: datetime) -> Message:
        counter = self._store.outbox.reserve_counter()
        payload = pack_message(reports[0].kind, counter, [report.body for report in reports])
        return self._store.outbox.freeze(counter, payload, reports, now)

    def _attempt(self, message: Message, modem: Modem, clock: Clock) -> None:
        outbox, attempts = self._store.outbox, message.attempts + 1
        outbox.attempt(message, self._boot.id, next_attempt(attempts, clock.now()))
        try:
            downlink = modem.send(message.payload)
        except LinkUnavailable as error:
            until = next_attempt(attempts, clock.now(), error.retry_after_s)
            outbox.postpone(message, until, str(error))
            self._down_until_s = clock.monotonic() + (until - clock.now()).total_seconds()
            self._down_priority = message.priority
            log.info("message %d waits until %s: %s", message.counter, until, error)
        except MessageRefused as error:
            outbox.park(message, str(error))
            log.warning("message %d parked: %s", message.counter, error)
        else:
            outbox.accepted(message, clock.now())
            self._down_until_s = 0.0
            log.info("message %d accepted after %d attempts", message.counter, attempts)
            if downlink is not None:
                log.warning("downlink of %d bytes: this version takes no commands", len(downlink))
