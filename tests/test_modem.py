"""The modem's adapter against its twin, a garbling wire, a real pseudo-terminal and a stranger."""

import json
import os
import random
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from trapnode.devices.modem import SbdModem
from trapnode.errors import DeviceError, LinkUnavailable, MessageRefused
from trapnode.protocols.at import AtReader, Final, Line, Unsolicited
from trapnode.sim.gateway import NO_FAULTS, START, Faults, Gateway, Plan
from trapnode.sim.modem import IMEI, SbdTwin
from trapnode.sim.pty import serve

PAYLOAD = bytes(range(40))
LOST_REPLY = Plan(replies=False)
BUILT, LATEST = START - timedelta(days=30), START + timedelta(days=3650)


class Wire:
    """A serial line in this process; each byte may be dropped, doubled or flipped."""

    def __init__(self, rng: random.Random, fault: float) -> None:
        self._rng, self._fault = rng, fault
        self.there, self.back, self.is_open = bytearray(), bytearray(), False
        self.is_plugged = True

    def carry(self, data: bytes) -> bytes:
        return b"".join(self._carry(byte) for byte in data)

    def _carry(self, byte: int) -> bytes:
        if self._rng.random() >= self._fault:
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
            if self.wire.back or not self.wire.is_plugged:
                return [self.wire]
            if self.now >= ends:
                return []
            due = self.twin.next_due(self.now)
            self.now = ends if due is None else min(ends, max(due, self.now + 1e-6))
        return [self]

    @property
    def received(self) -> list[bytes]:
        return [delivery.payload for delivery in self.gateway.received]


def test_a_message_reaches_the_gateway_as_it_is():
    bench = Bench()
    assert bench.modem.send(PAYLOAD) is None
    assert bench.received == [PAYLOAD]
    assert not bench.wire.is_open


@pytest.mark.parametrize("size", [1, 50, 270, 271, 340])
def test_every_size_comes_through_and_its_sum_may_pass_sixteen_bits(size):
    bench = Bench()
    bench.modem.send(b"\xff" * size)
    assert bench.received == [b"\xff" * size]


def test_any_bytes_come_through():
    bench = Bench()
    payloads = [b"OK\r\n", b"\r\n\r\nERROR\r\nREADY\r\n", b"AT+SBDD0\r", bytes(100), b"\x1a+++"]
    for payload in payloads:
        bench.modem.send(payload)
    assert bench.received == payloads


def test_the_message_does_not_stay_in_the_modem():
    bench = Bench()
    bench.modem.send(PAYLOAD)
    session = b"AT+SBDIX\r"  # as a mailbox check would be
    bench.twin.receive(session, bench.now)
    bench.twin.transmit(bench.now + 60)
    assert bench.received == [PAYLOAD]


def test_the_twin_like_the_modem_sends_again_what_nobody_cleared():
    bench = Bench()
    for command in (b"AT+SBDWB=2\r", b"hi\x00\xd1", b"AT+SBDIX\r", b"AT+SBDIX\r"):
        bench.twin.receive(command, bench.now)
        bench.now += 60
        bench.twin.transmit(bench.now)
    assert bench.received == [b"hi", b"hi"]


def test_a_downlink_comes_with_the_next_message_and_was_announced():
    bench = Bench()
    bench.modem.identity()  # switches the announcements on
    bench.twin.queue_downlink(b"SECOND OK\r\n tricky")
    bench.twin.queue_downlink(b"later")
    assert bench.modem.send(PAYLOAD) == b"SECOND OK\r\n tricky"
    assert bench.modem.send(PAYLOAD) == b"later"
    assert bench.modem.send(PAYLOAD) is None
    assert bench.modem.rings >= 1


def test_a_lost_answer_is_unknown_and_the_same_bytes_are_sent_again():
    bench = Bench(plans=[LOST_REPLY])
    with pytest.raises(LinkUnavailable, match="may have arrived"):
        bench.modem.send(PAYLOAD)
    bench.modem.send(PAYLOAD)
    assert bench.received == [PAYLOAD, PAYLOAD]


@pytest.mark.parametrize(
    ("status", "wait_s"), [(32, None), (18, None), (36, 180), (15, 86_400), (20, None)]
)
def test_a_failed_session_may_be_tried_later(status, wait_s):
    bench = Bench(plans=[Plan(status, arrives=False)])
    with pytest.raises(LinkUnavailable, match=f"MO status {status}") as raised:
        bench.modem.send(PAYLOAD)
    assert raised.value.retry_after_s == wait_s
    bench.modem.send(PAYLOAD)
    assert bench.received == [PAYLOAD]


@pytest.mark.parametrize("status", [12, 14, 16])
def test_a_session_refused_for_good_parks_the_message(status):
    with pytest.raises(MessageRefused, match=f"MO status {status}"):
        Bench(plans=[Plan(status, arrives=False)] * 2).modem.send(PAYLOAD)


@pytest.mark.parametrize("payload", [b"", bytes(341), b"RB123"])
def test_an_impossible_message_is_refused_without_opening_the_port(payload):
    bench = Bench()
    bench.wire.is_plugged = False
    with pytest.raises(MessageRefused):
        bench.modem.send(payload)


def test_no_signal_costs_no_message_and_ends():
    bench = Bench(faults=Faults(no_signal=((0, 3600),)))
    assert bench.modem.signal() == 0
    with pytest.raises(LinkUnavailable, match="no network service"):
        bench.modem.send(PAYLOAD)
    bench.now = 3600
    assert bench.modem.signal() == 4
    bench.modem.send(PAYLOAD)
    assert bench.received == [PAYLOAD]


def test_a_radio_left_off_is_switched_on_for_the_next_try():
    bench = Bench()
    bench.twin.receive(b"AT*R0\r", 0)
    with pytest.raises(LinkUnavailable, match="switched off"):
        bench.modem.send(PAYLOAD)
    bench.modem.send(PAYLOAD)


def test_the_network_tells_the_time():
    bench = Bench()
    found = bench.modem.system_time(built=BUILT, latest=LATEST)
    assert abs(found - bench.gateway.utc(bench.now)) < timedelta(seconds=2)


@pytest.mark.parametrize("stop_after_s", [0, 0.3, 5, 9])
def test_a_session_stops_at_once_when_told_and_the_next_one_is_clean(stop_after_s):
    bench = Bench(seed=4, plans=[Plan(), LOST_REPLY])
    bench.stop_at = bench.now + stop_after_s
    with pytest.raises(LinkUnavailable, match="stopped in session"):
        bench.modem.send(PAYLOAD)
    assert bench.now <= stop_after_s + 20  # no timeout on: the clock steps a session at most
    bench.stop_at = float("inf")
    deliver(bench, b"another")
    assert bench.received[-1] == b"another"


def deliver(bench: Bench, payload: bytes, tries: int = 20) -> None:
    for _ in range(tries):
        try:
            bench.restart().send(payload)
        except LinkUnavailable:
            bench.now += 60
        else:
            return
    pytest.fail(f"not delivered in {tries} tries")


@pytest.mark.parametrize("stale", [b"AT+SBDWB=50\r", b"AT+SBDIX\r", b"AT+SBDIX\rAT+CSQ\r", b"AT+S"])
def test_what_an_aborted_session_left_does_not_confuse_the_next(stale):
    bench = Bench()
    bench.twin.receive(stale, bench.now)
    bench.modem.send(PAYLOAD)
    assert bench.received == [PAYLOAD]


def test_an_old_success_in_the_line_is_not_ours():
    bench = Bench(plans=[Plan(), Plan(32, arrives=False)])
    bench.twin.receive(b"AT+SBDWB=2\rhi\x00\xd1", 0)
    bench.twin.receive(b"AT+SBDIX\r", 1)
    bench.now = 2
    with pytest.raises(LinkUnavailable, match="no network"):
        bench.modem.send(PAYLOAD)


def test_a_vanished_port_is_a_device_error_and_comes_back():
    bench = Bench()
    bench.wire.is_plugged = False
    with pytest.raises(DeviceError, match="modem on wire"):
        bench.modem.identity()
    bench.wire.is_plugged = True
    assert bench.modem.identity() == IMEI


def test_a_modem_without_power_is_a_device_error_within_minutes():
    bench = Bench(wire_fault=1)
    bench.wire.carry = lambda data: b""
    with pytest.raises(DeviceError, match="no answer to AT"):
        bench.modem.send(PAYLOAD)
    assert bench.now <= 180


@pytest.mark.parametrize("fault", [0.0005, 0.002, 0.01, 0.05])
def test_on_a_garbling_wire_delivered_is_never_false(fault):
    delivered = 0
    for seed in range(60):
        bench = Bench(seed, faults=Faults(fails=0.2, loses_reply=0.1), wire_fault=fault)
        payload = random.Random(seed).choice((bytes(40), random.Random(seed).randbytes(50)))
        try:
            bench.modem.send(payload)
        except (LinkUnavailable, DeviceError):
            continue
        delivered += 1
        assert payload in bench.received
    assert delivered > (20 if fault < 0.005 else -1)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (b"+SBDIX: 32", b"+SBDIX: 2"),
        (b"+SBDIX:32", b"+SBDIX:2"),
        (b"AT+SBDWB=40", b"AT+SBDWB=4"),
        (b"AT+SBDD1", b"AT+SBDD0"),
        (b"\r\n2\r\n", b"\r\n0\r\n"),
        (b"AT+SBDIX", b"AT+SBDI"),
        (bytes(39) + b"\x01", bytes(38) + b"\x01\x00"),
    ],
)
@pytest.mark.parametrize("status", [0, 32])
def test_no_single_fault_of_the_wire_fakes_a_delivery(said, heard, status):
    payload = bytes(39) + b"\x01"
    bench = Bench(plans=[Plan(status, arrives=status == 0)] * 2)
    bench.wire.carry = lambda data: data.replace(said, heard)
    with suppress(LinkUnavailable):
        bench.modem.send(payload)
        assert bench.received == [payload]


def test_on_a_garbling_wire_every_message_comes_through_in_the_end():
    bench = Bench(7, faults=Faults(fails=0.3, loses_reply=0.2), wire_fault=0.002)
    payloads = [bytes([n]) * 30 for n in range(20)]
    for payload in payloads:
        deliver(bench, payload)
    assert set(payloads) <= set(bench.received)


def test_the_twin_answers_what_was_said_in_a_session_only_after_it():
    twin = SbdTwin(Gateway(random.Random(1)), rng=random.Random(1))
    twin.receive(b"ATE0\rAT+SBDIX\r", 0)
    twin.receive(b"AT+CGSN\r", 1)
    assert twin.transmit(7.9).count(b"OK") == 1
    values = AtReader().receive(twin.transmit(30))
    assert [v.text for v in values if isinstance(v, Line)][1:] == [IMEI]
    assert twin.transmit(31) == b""


def test_the_gateway_tells_each_message_it_gets_and_refuses_what_no_modem_could_take():
    bench, told = Bench(), []
    bench.gateway.on_mo = told.append
    bench.modem.send(PAYLOAD)
    assert told == bench.gateway.received
    with pytest.raises(ValueError, match="271 bytes"):
        bench.twin.queue_downlink(bytes(271))


def test_a_modem_that_lost_power_is_set_up_again():
    bench = Bench()
    bench.modem.send(PAYLOAD)
    bench.twin.power_up()
    bench.modem.send(PAYLOAD)
    assert [delivery.momsn for delivery in bench.gateway.received] == [0, 1]
    assert repr(bench.modem) == "SbdModem('wire', faults=0, rings=0)"


def test_the_twin_tells_changes_of_signal_and_rejects_what_it_does_not_know():
    gateway = Gateway(random.Random(1), faults=Faults(no_signal=((10, 20),)))
    twin = SbdTwin(gateway, rng=random.Random(1))
    twin.receive(b"AT+CIER=1,1,1\rAT+NONSENSE\r", 0)
    values = AtReader().receive(twin.transmit(1) + twin.transmit(10) + twin.transmit(20))
    told = [value.text for value in values if isinstance(value, Unsolicited)]
    assert told == ["+CIEV:0,4", "+CIEV:1,1", "+CIEV:0,0", "+CIEV:1,0", "+CIEV:0,4", "+CIEV:1,1"]
    assert Final(False) in values


def test_the_twin_checks_size_sum_and_time_of_a_message():
    twin = SbdTwin(Gateway(random.Random(1)), rng=random.Random(1))
    talk = [
        (b"ATE0\r", b"\r\nOK\r\n", 1),
        (b"AT+SBDWB=341\r", b"\r\n3\r\n\r\nOK\r\n", 1),
        (b"AT+SBDWB=5\r", b"\r\nREADY\r\n", 1),
        (b"hello\x02\x15", b"\r\n2\r\n\r\nOK\r\n", 1),
        (b"AT+SBDWB=5\r", b"\r\nREADY\r\n", 1),
        (b"hel", b"\r\n1\r\n\r\nOK\r\n", 61),
        (b"AT+SBDWB=5\r", b"\r\nREADY\r\n", 1),
        (b"hello\x02\x14", b"\r\n0\r\n\r\nOK\r\n", 1),
        (b"AT+SBDSX\r", b"\r\n+SBDSX: 1, 0, 0, 0, 0, 0\r\n\r\nOK\r\n", 1),
    ]
    now = 0.0
    for said, answer, wait_s in talk:
        twin.receive(said, now)
        now += wait_s
        assert twin.transmit(now).replace(said, b"") == answer


class FastClock:
    """Real waiting, `speed` times faster."""

    def __init__(self, speed: float) -> None:
        self._speed = speed

    def monotonic(self) -> float:
        return time.monotonic() * self._speed

    def wait(self, readables, timeout_s):
        return select.select(readables, [], [], timeout_s / self._speed)[0]


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


@pytest.fixture
def order():
    order = Order()
    yield order
    order.close()


@pytest.fixture
def served(tmp_path, order):
    clock, link, log = FastClock(300), tmp_path / "modem", tmp_path / "mo.jsonl"
    twin = SbdTwin(Gateway(random.Random(3)), rng=random.Random(3))
    thread = threading.Thread(target=serve, args=(twin, clock, link, order, log))
    thread.start()
    while not link.exists():
        select.select([], [], [], 0.001)
    yield clock, link, log, twin
    if not order():
        order.give()
    thread.join(5)
    assert not link.exists()


def test_messages_pass_a_real_pseudo_terminal_opened_again_and_again(served, order):
    clock, link, log, twin = served
    with SbdModem(str(link), clock=clock, stopping=order) as modem:
        assert modem.identity() == IMEI
        modem.send(PAYLOAD)
        twin.queue_downlink(b"down")
        assert modem.send(b"\r\n" * 100) == b"down"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["hex"] for line in lines] == [PAYLOAD.hex(), (b"\r\n" * 100).hex()]
    assert [line["momsn"] for line in lines] == [0, 1]
    assert {line["imei"] for line in lines} == {IMEI}
    assert datetime.fromisoformat(lines[0]["at"]).tzinfo == UTC


def test_an_order_to_stop_ends_a_session_on_a_real_port_at_once(served):
    _clock, link, _, twin = served
    own = Order()
    twin.gateway.plans.append(LOST_REPLY)
    modem = SbdModem(str(link), clock=FastClock(1), stopping=own)
    threading.Timer(0.1, own.give).start()
    started = time.monotonic()
    with pytest.raises(LinkUnavailable, match="stopped in session"):
        modem.send(PAYLOAD)
    assert time.monotonic() - started < 5
    own.close()


def test_a_port_that_is_not_there_is_a_device_error(tmp_path, order):
    modem = SbdModem(str(tmp_path / "none"), clock=FastClock(300), stopping=order)
    with pytest.raises(DeviceError, match="none"):
        modem.send(PAYLOAD)


def test_a_port_that_hangs_up_is_a_device_error(order):
    master, slave = os.openpty()
    modem = SbdModem(os.ttyname(slave), clock=FastClock(1), stopping=order)
    os.close(slave)
    threading.Timer(0.2, os.close, [master]).start()
    with pytest.raises(DeviceError):
        modem.send(PAYLOAD)


STRANGER = '''
"""Another's emulator of a 9602 (pyiridium9602) on a pseudo-terminal.

Two repairs: its wait for the bytes of SBDWB has an inverted timeout test, so its read gathers a
whole burst here; and where it says nothing to a command it does not know, a modem says ERROR.
"""
import fcntl, os, select, struct, sys, termios, tty
from pyiridium9602.pyiridium_server import IridiumServer

class Master:
    def __init__(self):
        self.fd, self.slave = os.openpty()
        tty.setraw(self.slave)
    def isOpen(self):
        return True
    def write(self, data):
        os.write(self.fd, data)

class Server(IridiumServer):
    def read_serial(self):
        data = b""
        while select.select([self.serialport.fd], [], [], 0.03 if data else 1)[0]:
            data += os.read(self.serialport.fd, 4096)
        return data
    def _silent_write(self, data):
        self.answered = True
        super()._silent_write(data)
    def check_incoming(self, command):
        self.answered = False
        super().check_incoming(command)
        if not self.answered:
            self._silent_write(b"ERROR\\r\\n")
    def write_iridium(self, data):
        print("MO", data.hex(), flush=True)

port = Master()
server = Server(port, options={"echo": True})
server._serial_number = "300434060006838"
print("PORT", os.ttyname(port.slave), flush=True)
for payload in sys.argv[1:]:
    server._write_queue.append(bytes.fromhex(payload))
server.listen()
'''


@pytest.fixture
def stranger(tmp_path):
    script = tmp_path / "stranger.py"
    script.write_text(STRANGER)
    downlink = b"SECOND OK\r\n tricky"
    command = [sys.executable, str(script), downlink.hex()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield child.stdout.readline().split()[1], child.stdout, downlink
        child.kill()


def test_a_modem_emulator_by_others_takes_our_message_and_gives_its_downlink(stranger, order):
    port, said, downlink = stranger
    with SbdModem(port, clock=FastClock(10), stopping=order) as modem:
        assert modem.identity() == IMEI
        assert modem.send(PAYLOAD) == downlink
        assert modem.signal() == 5
    length, whole = b"40", PAYLOAD + b"\x03\x0c"
    assert said.readline().split() == ["MO", (length + whole).hex()]
