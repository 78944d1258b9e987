"""A bench for the LoRaWAN module: as the modem's, with its twin and its network."""

import random
from dataclasses import replace

from modem_bench import Bench, Wire
from rui3_bench import NETWORK

from trapnode.devices.lorawan import LorawanModem
from trapnode.sim.air import Air
from trapnode.sim.rui3 import Rui3Twin

PLAIN = replace(NETWORK, confirmed=False)
RESTED_S = 400.0  # Longer than the silence after any of our frames.


class LoraBench(Bench):
    """Unit, wire, module and network server; the clock steps only when the unit waits."""

    def __init__(self, network=PLAIN, seed=1, faults=None, wire_fault=0.0, wired=False) -> None:
        self.air = Air(random.Random(seed), faults)
        self.twin = Rui3Twin(self.air, dwell=network.dwell)
        self.network, self.wired = network, wired
        self.wire = Wire(random.Random(seed), wire_fault)
        self.now, self.stop_at = 10.0, float("inf")
        self.modem = self.restart()

    def restart(self) -> LorawanModem:
        self.modem = LorawanModem(
            "wire",
            self.network,
            clock=self,
            stopping=self,
            connect=self.wire.open,
            reset_pin=self.twin if self.wired else None,
        )
        return self.modem

    def join(self) -> "LoraBench":
        """Have the module set up and in the network, its band rested."""
        try:
            self.modem.send(b"x" * 22)
        except Exception:
            self.now += RESTED_S
        self.air.received.clear()
        return self

    @property
    def received(self) -> list[bytes]:
        return [frame.payload for frame in self.air.received]
