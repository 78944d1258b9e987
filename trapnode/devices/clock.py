"""The machine's clocks, waiting, and how far the wall clock can be trusted."""

import contextlib
import fcntl
import math
import os
import select
import struct
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from trapnode.errors import DeviceError
from trapnode.late_log import LateLog
from trapnode.words import ClockTrust

__all__ = ["SystemClock", "boot_id", "set_rtc", "set_time"]

log = LateLog(__name__)

BUILT = datetime(2026, 11, 1, tzinfo=UTC)
"""No picture of this software is older: an earlier wall clock is wrong."""

RTC_AGREES_S = 300.0  # In a month without power off, 50 ppm make 130 s.
SYNCHRONIZED = Path("run/systemd/timesync/synchronized")
SET = Path("run/trapnode/clock.set")  # Since this boot the clock was set as the network says.
RTC = Path("sys/class/rtc/rtc0/since_epoch")
RTC_DEVICE = Path("dev/rtc0")
RTC_SET_TIME = 0x4024700A  # _IOW('p', 0x0a, struct rtc_time): linux/rtc.h.
RTC_TIME = struct.Struct("9i")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Waitable(Protocol):
    """Anything that `poll` can wait for."""

    def fileno(self) -> int:
        """Give the descriptor that turns readable."""
        ...


Each = TypeVar("Each", bound=Waitable)


class SystemClock:
    """Wall time, time since boot, and waiting; `root` stands in for / in tests."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def now(self) -> datetime:
        """Give the wall clock's time, aware, in UTC; it may be wrong and may jump."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Give seconds since boot, by CLOCK_MONOTONIC.

        PIR edges and the camera's frame timestamps use it too. CLOCK_BOOTTIME would differ only
        by the time suspended, and a Raspberry Pi does not suspend.
        """
        return time.monotonic()

    def wait(self, readables: Sequence[Each], timeout_s: float) -> list[Each]:
        """Wait until one of `readables` has something to read or hangs up, or the time is over.

        A signal does not end the wait: its handler makes something readable.
        """
        poll = select.poll()
        by_descriptor = {each.fileno(): each for each in readables}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.POLLIN)
        ready = poll.poll(math.ceil(max(timeout_s, 0.0) * 1000))
        return [by_descriptor[descriptor] for descriptor, _ in ready]

    def trust(self) -> ClockTrust:
        """Say where the wall clock's time comes from."""
        if self.now() < BUILT:
            return ClockTrust.NONE
        if any((self._root / each).exists() for each in (SYNCHRONIZED, SET)):
            return ClockTrust.NETWORK
        return ClockTrust.RTC if self._rtc_agrees() else ClockTrust.NONE

    def _rtc_agrees(self) -> bool:
        """Say whether an RTC runs and the wall clock follows it.

        That it is there is not enough: one whose battery died gives an error or a time long
        past, while systemd sets the wall clock to when it was last shut down.
        """
        try:
            since_epoch_s = int((self._root / RTC).read_text("ascii"))
        except (OSError, ValueError):
            return False
        return abs(self.now().timestamp() - since_epoch_s) <= RTC_AGREES_S


def set_time(
    at: datetime,
    set_clock: Callable[[int, float], None] = time.clock_settime,
    root: Path = Path("/"),
) -> str:
    """Set the wall clock to a time that somebody knows for sure; raise DeviceError.

    Say why the RTC does not have it, or nothing.
    """
    if at < BUILT:
        raise DeviceError(f"clock: {at:%Y-%m-%d}: is before this software was built")
    try:
        set_clock(time.CLOCK_REALTIME, at.timestamp())
    except (OSError, OverflowError, ValueError) as error:
        raise DeviceError(f"clock: cannot be set: {error}") from error
    with contextlib.suppress(OSError):  # Without it the clock is right, and not trusted.
        (root / SET).touch()
    try:
        set_rtc(at, root / RTC_DEVICE)
    except DeviceError as error:  # The clock is right until the power goes.
        log.warning("%s", error)
        return str(error)
    return ""


def set_rtc(
    at: datetime,
    path: Path = Path("/dev/rtc0"),
    control: Callable[[int, int, bytes], object] = fcntl.ioctl,
) -> None:
    """Set the RTC, which the next boot believes; raise DeviceError."""
    utc = at.astimezone(UTC)
    fields = (utc.second, utc.minute, utc.hour, utc.day, utc.month - 1, utc.year - 1900, 0, 0, 0)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            control(descriptor, RTC_SET_TIME, RTC_TIME.pack(*fields))
        finally:
            os.close(descriptor)
    except (OSError, struct.error) as error:
        raise DeviceError(f"the RTC is not set: {error}") from error


def boot_id(path: Path = BOOT_ID) -> str:
    """Give the kernel's name of this boot; raise DeviceError."""
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise DeviceError(f"{path}: no boot id: {error}") from error
