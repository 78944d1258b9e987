"""The modem's adapter on real pseudo-terminals: with its twin, and with an emulator by others."""

import json
import os
import random
import select
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from modem_bench import LOST_REPLY, PAYLOAD, Order

from trapnode.devices.modem import SbdModem
from trapnode.errors import DeviceError, LinkUnavailable
from trapnode.sim.clock import FastClock
from trapnode.sim.gateway import START, Gateway
from trapnode.sim.modem import IMEI, SbdTwin
from trapnode.sim.pty import serve


@pytest.fixture
def order():
    order = Order()
    yield order
    order.close()


@pytest.fixture
def served(tmp_path, order):
    clock, link, log = FastClock(START, 60), tmp_path / "modem", tmp_path / "mo.jsonl"
    twin = SbdTwin(Gateway(random.Random(3)), rng=random.Random(3))
    mailbox = tmp_path / "down"
    thread = threading.Thread(target=serve, args=(twin, clock, link, order, log, mailbox))
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
    with closing(SbdModem(str(link), clock=clock, stopping=order, patience=6)) as modem:
        assert modem.identity() == IMEI
        modem.send(PAYLOAD)
        twin.queue_downlink(b"down")
        assert modem.send(b"\r\n" * 100).downlinks == (b"down",)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["hex"] for line in lines] == [PAYLOAD.hex(), (b"\r\n" * 100).hex()]
    assert [line["momsn"] for line in lines] == [0, 1]
    assert {line["imei"] for line in lines} == {IMEI}
    assert datetime.fromisoformat(lines[0]["at"]).tzinfo == UTC


def test_a_file_in_the_mailbox_is_a_downlink(served, tmp_path):
    clock, link, _, twin = served
    (tmp_path / "down").mkdir()
    part = tmp_path / "down" / "1.hex.part"
    part.write_text(b"come home".hex() + "\n")
    part.rename(part.with_suffix(""))
    while not twin.gateway.queued:
        select.select([], [], [], 0.001)
    with closing(SbdModem(str(link), clock=clock, stopping=Order())) as modem:
        assert modem.send(PAYLOAD).downlinks == (b"come home",)
    assert list((tmp_path / "down").iterdir()) == []


def test_an_order_to_stop_ends_a_session_on_a_real_port_at_once(served):
    _clock, link, _, twin = served
    own = Order()
    twin.gateway.plans.append(LOST_REPLY)
    modem = SbdModem(str(link), clock=FastClock(START, 1), stopping=own)
    threading.Timer(0.1, own.give).start()
    started = time.monotonic()
    with pytest.raises(LinkUnavailable, match="stopped in session"):
        modem.send(PAYLOAD)
    assert time.monotonic() - started < 5
    own.close()


def test_a_port_that_is_not_there_is_a_device_error(tmp_path, order):
    modem = SbdModem(str(tmp_path / "none"), clock=FastClock(START, 60), stopping=order)
    with pytest.raises(DeviceError, match="none"):
        modem.send(PAYLOAD)


def test_a_port_that_hangs_up_is_a_device_error(order):
    master, slave = os.openpty()
    modem = SbdModem(os.ttyname(slave), clock=FastClock(START, 20), stopping=order)
    os.close(slave)
    threading.Timer(0.2, os.close, [master]).start()
    with pytest.raises(DeviceError):
        modem.send(PAYLOAD)


STRANGER = '''
"""Another's emulator of a 9602 (pyiridium9602) on a pseudo-terminal.

A repair: its wait for the bytes of SBDWB has an inverted timeout test, so its read gathers a
whole burst here. Where it says nothing to a command it does not know, a modem says ERROR; both
are tried.
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
        if not self.answered and not self.mute:
            self._silent_write(b"ERROR\\r\\n")
    def write_iridium(self, data):
        print("MO", data.hex(), flush=True)

port = Master()
server = Server(port, options={"echo": True})
server.mute = sys.argv[1] == "mute"
server._serial_number = "300434060006838"
print("PORT", os.ttyname(port.slave), flush=True)
for payload in sys.argv[2:]:
    server._write_queue.append(bytes.fromhex(payload))
server.listen()
'''


@pytest.fixture(params=["mute", "ERROR"])
def stranger(tmp_path, request):
    script = tmp_path / "stranger.py"
    script.write_text(STRANGER)
    downlink = b"SECOND OK\r\n tricky"
    command = [sys.executable, str(script), request.param, downlink.hex()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield child.stdout.readline().split()[1], child.stdout, downlink
        child.kill()


def test_a_modem_emulator_by_others_takes_our_message_and_gives_its_downlink(stranger, order):
    port, said, downlink = stranger
    with closing(SbdModem(port, clock=FastClock(START, 60), stopping=order, patience=8)) as modem:
        assert modem.identity() == IMEI
        assert modem.send(PAYLOAD).downlinks == (downlink,)
        assert modem.signal() == 5
    length, whole = b"40", PAYLOAD + b"\x03\x0c"
    assert said.readline().split() == ["MO", (length + whole).hex()]
