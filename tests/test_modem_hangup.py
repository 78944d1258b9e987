"""A port that vanishes in a call and comes back: the modem knows what was paid for."""

import pytest
from modem_bench import PAYLOAD, Bench


class LooseWire:
    """Hangs a bench's port up at one write, and plugs it in again a while later."""

    def __init__(self, bench: Bench, after: int, heard: bool) -> None:
        self._bench, self._left, self._heard = bench, after, heard
        self._write, self._wait = bench.wire.write, bench.wait
        bench.wire.write, bench.wait = self.write, self.wait

    def write(self, data: bytes) -> int:
        self._left -= 1
        if self._left == 0:
            if self._heard:
                self._write(data)
            self._bench.wire.is_plugged = False
        return self._write(data)

    def wait(self, readables, timeout_s):
        ready = self._wait(readables, timeout_s)
        if readables == [self._bench] and self._left <= 0:
            self._bench.wire.is_plugged = True
        return ready


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("after", range(1, 40))
def test_a_port_that_hangs_up_and_comes_back_costs_no_second_credit(after, heard):
    bench = Bench()
    LooseWire(bench, after, heard)
    assert bench.modem.send(PAYLOAD).delivered
    assert bench.received == [PAYLOAD]
