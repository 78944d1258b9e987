"""The RAK3172's twin keeps the rules of module and band, and the dialogue holds on a bad line."""

import random

import pytest
from rui3_bench import NETWORK, PAYLOAD

from trapnode.errors import DeviceError, ProtocolError
from trapnode.protocols import rui3, rui3_module
from trapnode.protocols.at import AtReader, Exchange
from trapnode.protocols.lorawan import Downlink, Outcome
from trapnode.sim.air import Air, Rui3Faults
from trapnode.sim.rui3 import Rui3Twin

WORST = Rui3Faults(
    loses_frame=0.1,
    loses_ack=0.1,
    loses_join=0.1,
    browns_out=0.05,
    event_anywhere=0.5,
    sleeps=True,
)
TRIES = 80  # Of one message: most of them end in the silence that the band needs.


class Bench:
    """A unit and its module, a line that may garble each byte, and a clock that steps."""

    def __init__(self, seed=1, faults=None, line_fault=0.0) -> None:
        self.rng = random.Random(seed)
        self.air = Air(self.rng, faults)
        self.twin, self.now, self.line_fault = Rui3Twin(self.air), 10.0, line_fault

    @property
    def received(self) -> list[bytes]:
        return [frame.payload for frame in self.air.received]

    def carry(self, data: bytes) -> bytes:
        return b"".join(self._carry(byte) for byte in data)

    def _carry(self, byte: int) -> bytes:
        if self.rng.random() >= self.line_fault:
            return bytes([byte])
        flipped = bytes([byte ^ 1 << self.rng.randrange(8)])
        return self.rng.choice((b"", bytes([byte, byte]), flipped))

    def send(self, payload=PAYLOAD, network=NETWORK):
        dialogue, reader = rui3.send(payload, network), AtReader(rui3_module.RUI3)
        try:
            ask = next(dialogue)
            while True:
                ask = dialogue.send(self._answer(ask, Exchange(reader, ask)))
        except StopIteration as done:
            return done.value

    def _answer(self, ask, exchange):
        ends = self.now + ask.timeout_s
        self.twin.receive(self.carry(ask.write), self.now)
        while (due := self.twin.next_due(self.now)) is not None and due <= ends:
            self.now = max(self.now, due)
            answer = exchange.receive(self.carry(self.twin.transmit(self.now)))
            if answer is not None:
                return answer
        self.now = ends
        return exchange.silence()

    def deliver(self, payload) -> None:
        for _ in range(TRIES):
            try:
                result = self.send(payload)
            except (DeviceError, ProtocolError):
                self.now += 60
                continue
            if result.outcome is Outcome.DELIVERED:
                return
            self.now += result.retry_after_s or 5
        raise AssertionError(f"not delivered in {TRIES} tries")


def test_a_fresh_module_joins_waits_for_its_band_and_delivers():
    bench = Bench()
    refused = bench.send()  # The join took the air that the frame would need.
    assert refused.outcome is Outcome.RETRY
    assert 130 < refused.retry_after_s < 150  # 99 times 1.48 s, less what passed since
    bench.now += refused.retry_after_s
    assert bench.send().outcome is Outcome.DELIVERED
    assert bench.received == [PAYLOAD]


def test_the_band_is_on_the_air_one_percent_of_the_time():
    bench = Bench()
    for _ in range(40):
        bench.deliver(bench.rng.randbytes(22))
    assert len(bench.received) == 40
    bench.now += 200  # The last frame's silence.
    assert 0.009 < bench.twin.on_air_s / bench.now <= 0.01


def test_a_downlink_comes_with_the_word_on_a_frame():
    bench = Bench()
    bench.send()
    bench.now += 300
    bench.air.downlinks.append((2, b"down"))
    assert bench.send().downlinks == (Downlink(2, b"down"),)


def test_a_stuck_module_is_a_device_error_until_its_pin_is_pulled():
    bench = Bench()
    bench.deliver(PAYLOAD)
    bench.twin.stuck = True
    with pytest.raises(DeviceError, match="reset it by its pin"):
        bench.send()
    bench.twin.reset(bench.now)
    bench.now += 1000
    bench.deliver(b"after")
    assert bench.received == [PAYLOAD, b"after"]


@pytest.mark.parametrize("line_fault", [0.0, 0.001])
@pytest.mark.parametrize("seed", range(3))
def test_every_message_arrives_and_none_is_called_delivered_that_did_not(seed, line_fault):
    bench = Bench(seed, WORST, line_fault)
    for _ in range(15):
        payload = bench.rng.randbytes(22)
        bench.deliver(payload)
        assert payload in bench.received
