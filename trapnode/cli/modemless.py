"""The uplinker without a modem, or without a key: nothing is told, the clock can still be set."""

import contextlib
import math
from datetime import datetime

from trapnode.cli.process import Process
from trapnode.devices.clock import set_time
from trapnode.errors import DeviceError
from trapnode.store.consent import note_rest
from trapnode.store.doorbell import UPLINKER, Doorbell
from trapnode.store.store import Store
from trapnode.store.visit import UplinkVisit

__all__ = ["without_modem"]

ROUND_S = 20.0


class _NoModem:
    """What stands where a modem would."""

    def __init__(self, fault: str) -> None:
        self._fault = fault

    def about(self) -> str:
        if self._fault:
            raise DeviceError(self._fault)
        return "none (modem.kind)"


def without_modem(own: Process, store: Store, fault: str = "", for_s: float = math.inf) -> None:
    """Wait for a technician until told to stop, or so long; raise StoreError.

    `fault` is why nothing is told, where a modem is configured.
    """
    boot, clock, visit = own.boot(store), own.clock, UplinkVisit(own.run)
    until_s = clock.monotonic() + for_s

    def set_clock(at: datetime) -> str:
        if own.world:
            raise DeviceError("the clock of a world of twins cannot be set")
        before, now_s = clock.now(), clock.monotonic()
        said = set_time(at)
        with store.database.transaction():
            store.downlinks.note_clock(boot.id, now_s, before, at, "technician")
        return said

    with contextlib.closing(Doorbell(own.run, UPLINKER)) as bell:
        while not own.stop() and clock.monotonic() < until_s:
            own.alive(fault)
            visit.answer(_NoModem(fault), set_clock, clock.monotonic())
            note_rest(own.run, clock.monotonic())  # Nobody stays awake for it.
            clock.wait([bell, own.stop], ROUND_S)
            bell.answered()
