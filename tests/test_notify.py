"""Datagrams to systemd, taken from a real socket."""

import os
import socket

import pytest

from trapnode.devices.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path):
    """A socket in systemd's place, and the address it gives its services."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@trapnode-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)
        heard.settimeout(5)
        yield heard, {"NOTIFY_SOCKET": address}


def test_systemd_hears_every_word(systemd):
    heard, environment = systemd
    notifier = Notifier.from_environment(environment)
    notifier.ready()
    notifier.alive()
    notifier.status("sorting 3\nREADY=1 of 7")
    notifier.stopping()
    assert [heard.recv(100) for _ in range(4)] == [
        b"READY=1",
        b"WATCHDOG=1",
        b"STATUS=sorting 3 READY=1 of 7",
        b"STOPPING=1",
    ]


def test_outside_systemd_nothing_happens():
    Notifier.from_environment({}).ready()


def test_a_socket_that_is_gone_is_no_error(tmp_path):
    Notifier(str(tmp_path / "gone")).alive()


def test_a_queue_that_is_full_holds_nobody_up(systemd):
    _, environment = systemd
    notifier = Notifier.from_environment(environment)
    for _ in range(5000):
        notifier.alive()


def test_the_processes_own_environment_is_asked(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(5)
        Notifier.from_environment().ready()
        assert heard.recv(100) == b"READY=1"
