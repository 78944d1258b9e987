"""The LoRaWAN module's twin on a real pseudo-terminal: our adapter, and another's client."""

import json
import random
import select
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from modem_bench import Order
from rui3_bench import NETWORK, PAYLOAD

from trapnode.devices.lorawan import LorawanModem
from trapnode.protocols.lorawan import Region
from trapnode.sim.air import Air
from trapnode.sim.clock import FastClock
from trapnode.sim.gateway import START
from trapnode.sim.pty import serve
from trapnode.sim.rui3 import Rui3Twin

RATE = 60


@pytest.fixture
def served(tmp_path):
    order, clock, link = Order(), FastClock(START, RATE), tmp_path / "modem"
    log, mailbox = tmp_path / "frames.jsonl", tmp_path / "down"
    twin = Rui3Twin(Air(random.Random(3)))
    thread = threading.Thread(target=serve, args=(twin, clock, link, order, log, mailbox))
    thread.start()
    while not link.exists():
        select.select([], [], [], 0.001)
    yield twin, clock, link, log, mailbox
    order.give()
    thread.join(5)
    order.close()


def test_a_frame_and_a_downlink_pass_a_real_pseudo_terminal(served):
    twin, clock, link, log, mailbox = served
    twin.settings["BAND"], twin.settings["ADR"] = "1", "1"  # CN470 has no duty cycle.
    mailbox.mkdir()
    (mailbox / "nonsense.hex").write_text("nonsense")
    (mailbox / "1.hex").write_text(b"down".hex())
    network = replace(NETWORK, region=Region.CN470, confirmed=False)
    order = Order()
    modem = LorawanModem(str(link), network, clock=clock, stopping=order, patience=60)
    first, second = modem.send(PAYLOAD), modem.send(PAYLOAD[::-1])
    order.close()
    assert (first.delivered, first.downlinks + second.downlinks) == (False, (b"down",))
    assert list(mailbox.iterdir()) == []
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["hex"] for line in lines] == [PAYLOAD.hex(), PAYLOAD[::-1].hex()]
    assert {(line["dev_eui"], line["port"]) for line in lines} == {("AC1F09FFFE000001", 2)}
    assert lines[0]["at"].startswith("2026-11-22T00:0")


STRANGER = f'''
"""Another's client (rui3pylib) of a RAK3172; it sleeps three seconds a command, which pass here
{RATE} times as fast."""
import json, select, sys, time, types
import rui3pylib.rui3pylib as theirs

theirs.time = types.SimpleNamespace(
    sleep=lambda s: select.select([], [], [], s / {RATE} + 0.4), monotonic=time.monotonic
)
node = theirs.RUI3Node(sys.argv[1])
said = [
    node.ping(),
    node.set_freq_band(1),
    node.set_network_join_mode(1),
    node.set_app_key("2B7E151628AED2A6ABF7158809CF4F3C"),
    node.get_device_eui(),
    node.try_join(1, 0, 10, 8),
]
select.select([], [], [], 1)
said += [node.get_network_join_status(), node.set_data_rate(1), node.send_data(5, "C0FFEE")]
select.select([], [], [], 1)
said += [node.get_data_rate(), node.send_data(5, "00" * 24), node.at_help()]
print(json.dumps(said))
'''


def test_a_client_by_others_understands_our_twin(served, tmp_path):
    twin, _, link, _, _ = served
    script = tmp_path / "stranger.py"
    script.write_text(STRANGER)
    done = subprocess.run(
        [sys.executable, str(script), str(link)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    joined, sent = "OK\n+EVT:JOINED", "OK\n+EVT:TX_DONE"
    assert said[:4] == ["OK"] * 4
    assert said[4:7] == ["AT+DEVEUI=AC1F09FFFE000001\nOK", joined, "AT+NJS=1\nOK"]
    assert said[7:] == ["OK", sent, "AT+DR=1\nOK", None, None]  # Too long; and no such command.
    assert [(frame.port, frame.payload) for frame in twin.air.received] == [(5, b"\xc0\xff\xee")]
