"""A bench for the modem: a wire that may garble, a clock that steps, an order to stop."""

import os
import random

from trapnode.devices.modem import SbdModem
from trapnode.sim.gateway import NO_FAULTS, Gateway, Plan
from trapnode.sim.modem import SbdTwin

PAYLOAD = bytes(range(40))
LOST_REPLY = Plan(replies=False)


class Wire:
    """A serial line in this process; each byte may be dropped, doubled or flipped."""

    def __init__(self, rng: random.Random, fault: float) -> None:
        self._rng, self.fault = rng, fault
        self.there, self.back, self.is_open = bytearray(), bytearray(), False
        self.is_plugged = True

    def carry(self, data: bytes) -> bytes:
        return b"".join(self._carry(byte) for byte in data)

    def _carry(self, byte: int) -> bytes:
        if self._rng.random() >= self.fault:
            return bytes([byte])
        flipped = bytes([byte ^ 1 << self._rng.randrange(8)])
        return self._rng.choice((b"", bytes([byte, byte]), flipped))

    def open(self, path: str) -> "Wire":
        self._check()
        self.is_open, self.back = True, bytearray()
        return self

    def fileno(self) -> int:
        return -1

    def read(self, size: int) -> bytes:
        self._check()
        data, self.back = bytes(self.back[:size]), self.back[size:]
        return data

    def write(self, data: bytes) -> int:
        self._check()
        self.there += self.carry(data)
        return len(data)

    def close(self) -> None:
        self.is_open = False

    def _check(self) -> None:
        if not self.is_plugged:
            raise OSError("no such device")


class Bench:
    """Unit, wire, modem and sky, with a clock that steps only when the unit waits."""

    def __init__(self, seed=1, plans=(), faults=NO_FAULTS, wire_fault=0.0) -> None:
        rng = random.Random(seed)
        self.gateway = Gateway(rng, plans=plans, faults=faults)
        self.twin = SbdTwin(self.gateway, rng=rng)
        self.wire = Wire(random.Random(seed), wire_fault)
        self.now, self.stop_at = 0.0, float("inf")
        self.modem = self.restart()

    def restart(self) -> SbdModem:
        self.modem = SbdModem("wire", clock=self, stopping=self, connect=self.wire.open)
        return self.modem

    def __call__(self) -> bool:
        return self.now >= self.stop_at

    def fileno(self) -> int:
        return -1

    def monotonic(self) -> float:
        return self.now

    def wait(self, readables, timeout_s):
        ends = self.now + timeout_s
        while not self():
            self.twin.receive(bytes(self.wire.there), self.now)
            self.wire.there.clear()
            self.wire.back += self.wire.carry(self.twin.transmit(self.now))
            if self.wire in readables and (self.wire.back or not self.wire.is_plugged):
                return [self.wire]
            if self.now >= ends:
                return []
            due = self.twin.next_due(self.now)
            self.now = ends if due is None else min(ends, max(due, self.now + 1e-6))
        return [self]

    @property
    def received(self) -> list[bytes]:
        return [delivery.payload for delivery in self.gateway.received]


class Order:
    """The order to stop, given by another thread."""

    def __init__(self) -> None:
        self._readable, self._writable = os.pipe()
        self._given = False

    def __call__(self) -> bool:
        return self._given

    def fileno(self) -> int:
        return self._readable

    def give(self) -> None:
        self._given = True
        os.write(self._writable, b"!")

    def close(self) -> None:
        os.close(self._readable)
        os.close(self._writable)
