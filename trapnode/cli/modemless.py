"""The uplinker of a unit without a modem: nothing is told; a technician still sets the clock."""

import contextlib
from datetime import datetime

from trapnode.cli.process import Process
from trapnode.devices.clock import set_time
from trapnode.errors import DeviceError
from trapnode.store.doorbell import UPLINKER, Doorbell
from trapnode.store.store import Store
from trapnode.store.visit import UplinkVisit

__all__ = ["without_modem"]

ROUND_S = 20.0


class _NoModem:
    """What stands where a modem would."""

    def about(self) -> str:
        return "none (modem.kind)"


def without_modem(own: Process, store: Store) -> None:
    """Wait for a technician until told to stop; raise StoreError."""
    boot, clock, visit = own.boot(store), own.clock, UplinkVisit(own.run)

    def set_clock(at: datetime) -> None:
        if own.world:
            raise DeviceError("the clock of a world of twins cannot be set")
        before, now_s = clock.now(), clock.monotonic()
        set_time(at)
        with store.database.transaction():
            store.downlinks.note_clock(boot.id, now_s, before, at, "technician")

    with contextlib.closing(Doorbell(own.run, UPLINKER)) as bell:
        while not own.stop():
            own.alive("")
            visit.answer(_NoModem(), set_clock, clock.monotonic())
            clock.wait([bell, own.stop], ROUND_S)
            bell.answered()
