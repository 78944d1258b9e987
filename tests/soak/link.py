"""Wire, modem and sky between a unit and the desk, on a clock that steps only when somebody waits.

Every wait of the modem's driver is a step of `Power`, so that power may go between any two of
its bytes; a wire drops, doubles and flips bytes, and a port hangs up and comes back.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults import Power
from tests.modem_bench import Wire
from tests.rui3_bench import NETWORK
from trapnode.devices.lorawan import LorawanModem
from trapnode.devices.modem import SbdModem
from trapnode.model import ClockTrust
from trapnode.sim.air import Air, Rui3Faults
from trapnode.sim.gateway import Faults, Gateway
from trapnode.sim.modem import SbdTwin
from trapnode.sim.rui3 import Rui3Twin

START = datetime(2026, 11, 22, tzinfo=UTC)
DAY_S = 86_400.0


class World:
    """The clock of everything, and the unit's power while it lives."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.power: Power | None = None
        self.readable: Callable[[], object | None] = lambda: None
        self.next_due: Callable[[], float | None] = lambda: None

    def __call__(self) -> bool:
        return False  # The order to stop never comes: power is cut instead.

    def fileno(self) -> int:
        return -1

    def now(self) -> datetime:
        return START + timedelta(seconds=self.now_s)

    def monotonic(self) -> float:
        return self.now_s

    def trust(self) -> ClockTrust:
        return ClockTrust.RTC

    def wait(self, readables: Sequence[object], timeout_s: float) -> list[object]:
        if self.power is not None:
            self.power.step()
        ends = self.now_s + timeout_s
        while True:
            found = self.readable()
            if any(each is found for each in readables):
                return [found]
            if self.now_s >= ends:
                return []
            due = self.next_due()
            self.now_s = ends if due is None else min(ends, max(due, self.now_s + 1e-6))


class Link:
    """A modem's twin on a serial line; `name` is the modem's, as the desk knows it."""

    name: str
    twin: Any

    def __init__(self, world: World, dice: random.Random) -> None:
        self._world, self._dice = world, dice
        self.wire = Wire(random.Random(dice.random()), 0.0)
        self._back_s = 0.0

    def watch(self) -> None:
        """Make the world wait for this modem."""
        world = self._world
        world.readable, world.next_due = self._readable, lambda: self.twin.next_due(world.now_s)

    def worsen(self, bad: bool) -> None:
        """Draw the faults of the line for the next hours, or end them all."""
        dice = self._dice
        self.wire.is_plugged, away_s = True, 0.0
        if bad and dice.random() < 0.1:  # The port hangs up, and comes back in the call or later.
            self.wire.is_plugged, away_s = False, dice.random() * 60
        self._back_s = self._world.now_s + away_s
        self.wire.fault = dice.choice((0.0, 0.0, 0.0003, 0.002)) if bad else 0.0

    def power_cut(self) -> None:
        """Let go of the line; the modem may lose its power with the unit."""
        self.wire.close()
        self.wire.there.clear()
        self.wire.back.clear()
        if self._dice.random() < 0.7:
            self.power_up()

    def power_up(self) -> None:
        """Give the modem power anew."""
        raise NotImplementedError

    def queue_downlink(self, payload: bytes) -> None:
        """Let the network hold a downlink for the unit."""
        self.twin.queue_downlink(payload)

    def _readable(self) -> Wire | None:
        now_s = self._world.now_s
        self.wire.is_plugged = self.wire.is_plugged or now_s >= self._back_s
        self.twin.receive(bytes(self.wire.there), now_s)
        self.wire.there.clear()
        self.wire.back += self.wire.carry(self.twin.transmit(now_s))
        return self.wire if self.wire.back or not self.wire.is_plugged else None


class SbdLink(Link):
    """A 9602, and Iridium's gateway behind it."""

    def __init__(
        self, world: World, dice: random.Random, on_mo: Callable[[int, bytes], None]
    ) -> None:
        super().__init__(world, dice)
        self.gateway = Gateway(random.Random(dice.random()))
        self.gateway.on_mo = lambda each: on_mo(each.momsn, each.payload)
        self.twin = SbdTwin(self.gateway, rng=random.Random(dice.random()))
        self.name = self.twin.imei

    def driver(self) -> SbdModem:
        """Give a fresh driver, of a process that just began."""
        self.watch()
        return SbdModem("wire", clock=self._world, stopping=self._world, connect=self.wire.open)

    def worsen(self, bad: bool) -> None:
        """Draw what the sky does, too."""
        super().worsen(bad)
        dice, now_s = self._dice, self._world.now_s
        self.gateway.faults = Faults()
        if bad:
            dark_s = dice.random() * 7200 if dice.random() < 0.2 else 0.0
            self.gateway.faults = Faults(
                fails=dice.choice((0.0, 0.1, 0.4)),
                loses_reply=dice.choice((0.0, 0.05, 0.3)),
                browns_out=dice.choice((0.0, 0.02)),
                no_signal=((now_s, now_s + dark_s),),
            )

    def power_up(self) -> None:
        """Give the modem power anew."""
        self.twin.power_up()


class LoraLink(Link):
    """A RAK3172, and a LoRaWAN network server behind it; frames go unconfirmed, or not."""

    def __init__(
        self, world: World, dice: random.Random, on_mo: Callable[[int, bytes], None]
    ) -> None:
        super().__init__(world, dice)
        self._on_mo, self._seen = on_mo, 0
        self._network = replace(NETWORK, confirmed=dice.random() < 0.5)
        self.air = Air(random.Random(dice.random()))
        self.twin = Rui3Twin(self.air, dwell=self._network.dwell)
        self.name = self._network.dev_eui.upper()

    def driver(self) -> LorawanModem:
        """Give a fresh driver, of a process that just began."""
        self.watch()
        world, reset = self._world, self.twin if self._dice.random() < 0.5 else None
        return LorawanModem(
            "wire",
            self._network,
            clock=world,
            stopping=world,
            connect=self.wire.open,
            reset_pin=reset,
        )

    def worsen(self, bad: bool) -> None:
        """Draw what the air does, too; a network may forget the session."""
        super().worsen(bad)
        dice = self._dice
        self.air.faults, self.air.knows = Rui3Faults(), True
        if bad:
            self.air.knows = dice.random() < 0.95
            self.air.faults = Rui3Faults(
                loses_frame=dice.choice((0.0, 0.1, 0.4)),
                loses_ack=dice.choice((0.0, 0.2)),
                loses_join=dice.choice((0.0, 0.3)),
                browns_out=dice.choice((0.0, 0.02)),
                crowds=dice.choice((0.0, 0.1)),
                event_anywhere=0.2,
                sleeps=dice.random() < 0.3,
            )

    def power_up(self) -> None:
        """Give the module power anew."""
        self.twin.reset(self._world.now_s)

    def _readable(self) -> Wire | None:
        found = super()._readable()
        for frame in self.air.received[self._seen :]:
            self._seen += 1
            self._on_mo(self._seen, frame.payload)
        return found
