"""One round of the uplinker, for a person beside the unit: what is due goes out, in plain lines."""

import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from trapnode.cli.options import Options
from trapnode.cli.process import Process, process
from trapnode.cli.radio import modem_of
from trapnode.cli.unit import keeper_of
from trapnode.cli.uplink import uplinker_of
from trapnode.errors import LinkUnavailable, MessageRefused, UplinkError
from trapnode.link import Modem
from trapnode.model import Sent
from trapnode.store.ram import read_beats
from trapnode.store.store import Store

__all__ = ["once"]

BUSY_S = 60.0  # A keeper heard from within this time looks after the unit itself.


def once(options: Options) -> None:
    """Send what is due; raise LinkUnavailable, MessageRefused, DeviceError when some did not go."""
    from trapnode.config import read

    read(Path(options.config))  # A person is here: strict.
    with process("uplinker", options) as own, contextlib.ExitStack() as opened:
        logging.getLogger().setLevel(logging.WARNING)  # The lines below say it.
        if own.config.modem.kind == "none":
            print('modem.kind = "none": nothing is told')
            return
        store = opened.enter_context(contextlib.closing(own.store()))
        radio = modem_of(own, opened)
        print(f"asking the modem on {own.config.modem.port} ...", flush=True)
        print(radio.about(), flush=True)
        _put_status_report_in(own, store)
        told = _Told(radio, store)
        loop = uplinker_of(own, store, own.settled(store).config)
        loop.begin(own.clock)
        store.outbox.hurry(own.clock.now())
        while loop.send_next(told, own.clock):
            pass
        _say_what_waits(store, told)
        if told.failed is not None:
            raise told.failed


def _put_status_report_in(own: Process, store: Store) -> None:
    """Do what the keeper would, unless it is there to do it."""
    now_s = own.clock.monotonic()
    beats = [beat for beat in read_beats(own.run) if beat.process == "keeper"]
    if any(0 <= now_s - beat.monotonic_s < BUSY_S for beat in beats):
        return
    before = store.outbox.last_status()
    keeper_of(own, store, processes=()).look(own.clock, own.trust())
    if store.outbox.last_status() != before:
        print("status report: put in")


def _say_what_waits(store: Store, told: "_Told") -> None:
    counts = store.outbox.counts()
    if not told.sent and told.failed is None:
        print("nothing was due")
    unsent = counts["queued"] + counts["attempted"]
    print(
        f"waits: {unsent} messages, {counts['waiting']} reports in none; {counts['parked']} parked"
    )


class _Told:
    """A modem whose every message is told in a line."""

    def __init__(self, modem: Modem, store: Store) -> None:
        self._modem, self._store = modem, store
        self.sent = 0
        self.failed: UplinkError | None = None  # The first that did not go.

    @property
    def max_payload(self) -> int:
        return self._modem.max_payload

    @property
    def credit(self) -> int:
        return self._modem.credit

    @property
    def announced(self) -> bool:
        return self._modem.announced

    def send(self, payload: bytes) -> Sent:
        found = [each for each in self._store.outbox.messages(9) if each.payload == payload]
        name = f"message {found[-1].counter}, {found[-1].kind}" if found else "message"
        return self._tell(f"{name}, {len(payload)} bytes", lambda: self._modem.send(payload))

    def fetch(self) -> Sent:
        return self._tell("fetch", self._modem.fetch)

    def about(self) -> str:
        return self._modem.about()

    def rest(self) -> None:
        self._modem.rest()

    def network_time(self) -> datetime | None:
        return None  # It was shown. The unit's own processes set its clock; this may be a laptop.

    def _tell(self, what: str, do: Callable[[], Sent]) -> Sent:
        try:
            sent = do()
        except (LinkUnavailable, MessageRefused) as error:
            self.failed = self.failed or error
            refused = isinstance(error, MessageRefused)
            print(f"{what}: {'refused' if refused else 'waits'}: {error}", flush=True)
            raise
        self.sent += 1
        outcome = "delivered" if sent.delivered else "on the air, nobody confirmed it"
        print(f"{what}: {outcome}, {sent.seconds:.0f} s", flush=True)
        for downlink in sent.downlinks:
            print(f"downlink of {len(downlink)} bytes; {sent.more} more wait")
        return sent
