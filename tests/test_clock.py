"""The machine's clock, waiting, and trust in it."""

import os
import signal
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest

from trapnode.devices import clock as module
from trapnode.devices.clock import SystemClock, boot_id, set_time
from trapnode.errors import DeviceError
from trapnode.model import ClockTrust

NOW = datetime(2027, 1, 15, 3, 0, tzinfo=UTC)


class StillClock(SystemClock):
    """A wall clock that stands at a chosen moment."""

    at = NOW

    def now(self):
        return self.at


class Pipe:
    """Something to wait for."""

    def __init__(self):
        self.readable, self.writable = os.pipe()

    def fileno(self):
        return self.readable

    def close(self):
        os.close(self.readable)
        if self.writable >= 0:
            os.close(self.writable)

    def hang_up(self):
        os.close(self.writable)
        self.writable = -1


@pytest.fixture
def pipes():
    """Three of them."""
    pipes = [Pipe() for _ in range(3)]
    yield pipes
    for each in pipes:
        each.close()


@pytest.fixture
def machine(tmp_path):
    """A root folder in which a test says what the machine knows."""

    def machine(rtc=None, synchronized=False):
        if rtc is not None:
            path = tmp_path / "sys/class/rtc/rtc0/since_epoch"
            path.parent.mkdir(parents=True)
            path.write_text(rtc if isinstance(rtc, str) else f"{int(rtc.timestamp())}\n")
        if synchronized:
            path = tmp_path / "run/systemd/timesync/synchronized"
            path.parent.mkdir(parents=True)
            path.touch()
        return StillClock(tmp_path)

    return machine


def test_now_is_aware_utc_and_monotonic_is_the_pirs():
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    before = time.monotonic()
    assert before <= clock.monotonic() <= time.monotonic()


def test_only_what_is_readable_is_given(pipes):
    os.write(pipes[1].writable, b"!")
    assert SystemClock().wait(pipes, 5.0) == [pipes[1]]


def test_a_hang_up_is_readable(pipes):
    pipes[2].hang_up()
    assert SystemClock().wait(pipes, 5.0) == [pipes[2]]


def test_a_socket_that_ends_is_readable():
    ours, theirs = socket.socketpair()
    with ours:
        theirs.close()
        assert SystemClock().wait([ours], 5.0) == [ours]


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, 0.0004])
def test_nothing_to_read_ends_with_the_time(pipes, timeout_s):
    assert SystemClock().wait(pipes, timeout_s) == []


def test_a_wait_is_never_shorter_than_asked():
    before = time.monotonic()
    SystemClock().wait([], 0.0101)
    assert time.monotonic() - before >= 0.0101


def test_a_signal_does_not_end_the_wait_but_what_its_handler_writes_does(pipes):
    heard = []

    def handler(*_):
        heard.append(1)
        if len(heard) == 3:
            os.write(pipes[0].writable, b"!")

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    try:
        assert SystemClock().wait(pipes, 5.0) == [pipes[0]]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(heard) >= 3


def test_a_clock_nobody_kept_is_not_trusted(machine):
    assert machine().trust() is ClockTrust.NONE


def test_a_wall_clock_that_follows_the_rtc_is_trusted(machine):
    assert machine(rtc=NOW - timedelta(seconds=130)).trust() is ClockTrust.RTC


@pytest.mark.parametrize(
    "rtc", [datetime(2000, 1, 1, tzinfo=UTC), NOW + timedelta(seconds=301), "", "broken"]
)
def test_an_rtc_that_lost_its_time_is_not_trusted(machine, rtc):
    assert machine(rtc=rtc).trust() is ClockTrust.NONE


def test_the_networks_word_is_the_best(machine):
    assert machine(synchronized=True).trust() is ClockTrust.NETWORK


def test_nothing_makes_a_clock_older_than_this_software_right(machine):
    clock = machine(rtc=module.BUILT - timedelta(seconds=1), synchronized=True)
    clock.at = module.BUILT - timedelta(seconds=1)
    assert clock.trust() is ClockTrust.NONE


def test_the_boot_has_one_id():
    assert boot_id() == boot_id()
    assert len(boot_id()) == 36


def test_no_boot_id_is_a_device_error(tmp_path):
    with pytest.raises(DeviceError, match="no boot id"):
        boot_id(tmp_path / "boot_id")


def test_a_clock_that_was_set_is_trusted_until_the_next_boot(tmp_path, machine):
    set_to: list[tuple[int, float]] = []
    (tmp_path / "run" / "trapnode").mkdir(parents=True)
    clock = machine()
    assert clock.trust() is ClockTrust.NONE
    set_time(NOW, lambda which, at_s: set_to.append((which, at_s)), tmp_path)
    assert set_to == [(time.CLOCK_REALTIME, NOW.timestamp())]
    assert clock.trust() is ClockTrust.NETWORK


@pytest.mark.parametrize("error", [PermissionError(1, "not permitted"), OverflowError("too far")])
def test_a_clock_that_cannot_be_set_says_why_and_is_not_trusted(tmp_path, machine, error):
    (tmp_path / "run" / "trapnode").mkdir(parents=True)

    def refuse(which, at_s):
        raise error

    with pytest.raises(DeviceError, match="clock: cannot be set: "):
        set_time(NOW, refuse, tmp_path)
    assert machine().trust() is ClockTrust.NONE


def test_a_time_before_this_software_is_no_time(tmp_path):
    with pytest.raises(DeviceError, match="2016-05-01: is before"):
        set_time(datetime(2016, 5, 1, tzinfo=UTC), lambda *_: None, tmp_path)
