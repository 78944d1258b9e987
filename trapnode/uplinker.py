"""The uplinker: outbox to modem, most valuable first. Retry is a row, never a sleep.

A message is frozen on the card before its first attempt, and each attempt is noted before it is
made: after a power cut the same bytes go again, and the receiver drops the twin.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from trapnode.errors import LinkUnavailable, MessageRefused
from trapnode.loop import Alive, Clock, Stopping
from trapnode.message import MAX_RECORDS, pack_message
from trapnode.model import Boot, ClockTrust, Message, Report, Sent
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

    @property
    def max_payload(self) -> int:
        """Give how many bytes one message may have now."""
        ...

    @property
    def credit(self) -> int:
        """Give how many bytes one credit pays for; 0 where airtime is what counts."""
        ...

    def send(self, payload: bytes) -> Sent:
        """Send; raise LinkUnavailable (it may have arrived), MessageRefused, DeviceError."""
        ...

    @property
    def announced(self) -> bool:
        """Say whether the network told that a downlink waits."""
        ...

    def fetch(self) -> Sent:
        """Fetch a downlink without a message, which may cost a credit; raise as `send`."""
        ...

    def rest(self) -> None:
        """Take note that nothing is due now: the modem may sleep."""
        ...

    def network_time(self) -> datetime | None:
        """Give the network's time, if it tells one; raise as `send`."""
        ...


class Uplinker:
    """The loop over the store's outbox."""

    def __init__(
        self,
        store: Store,
        run: Path,
        boot: Boot,
        trust: Callable[[], ClockTrust],
        batch_s: float,
    ) -> None:
        self._store = store
        self._run = run
        self._boot = boot
        self._trust = trust  # Asked anew each time: network time comes late.
        self._batch_s = batch_s
        self._began_s = 0.0  # Monotonic moments: this process's start,
        self._tried_s: dict[int, float] = {}  # and each message's last attempt.
        self._down_until_s = 0.0  # Monotonic; while the link is down ...
        self._down_priority = 0  # ... only what is more valuable than this is tried.

    def run(self, modem: Modem, clock: Clock, stopping: Stopping, alive: Alive) -> None:
        """Send what is due until told to stop; raise DeviceError, StoreError."""
        self._began_s = clock.monotonic()
        bell = Doorbell(self._run, UPLINKER)
        try:
            while not stopping():
                alive("")
                if not self.send_next(modem, clock):
                    modem.rest()
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
            if may_try(
                message.not_before, now, self._trust(), self._tried_s_ago(message, tried_in, clock)
            )
        ]
        waiting = self._store.outbox.waiting()
        chosen = next_to_send(frozen, waiting, now, MAX_RECORDS, self._batch_s)
        if chosen is None or self._not_worth_it(chosen, clock):
            return False
        message = chosen if isinstance(chosen, Message) else self._freeze(chosen, now)
        self._attempt(message, modem, clock)
        return True

    def _tried_s_ago(self, message: Message, tried_in: int | None, clock: Clock) -> float | None:
        """Give the time since the last attempt of this boot, at least; None for no attempt."""
        if tried_in != self._boot.id:
            return None
        return clock.monotonic() - self._tried_s.get(message.counter, self._began_s)

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
        self._tried_s[message.counter] = clock.monotonic()
        outbox.attempt(message, self._boot.id, next_attempt(attempts, clock.now()))
        try:
            sent = modem.send(message.payload)
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
            self._tried_s.pop(message.counter, None)
            self._down_until_s = 0.0
            log.info("message %d accepted after %d attempts", message.counter, attempts)
            for downlink in sent.downlinks:
                log.warning("downlink of %d bytes: this version takes no commands", len(downlink))
