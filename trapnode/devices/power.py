"""Why the machine is awake, as far as a bare Raspberry Pi can know.

The watchdog driver of a Pi fills no `bootstatus`; the firmware keeps PM_RSTS of before the boot:
0x1000 after power came, 0x20 after a reset, be it the watchdog's or a reboot's
(raspberrypi/linux, issues 932 and 1586). So a reset that nobody ordered was the watchdog's.
"""

import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path

from trapnode.words import WakeReason

__all__ = ["LinuxPower", "firmware_rsts"]

BOOT_STATUS = Path("/sys/class/watchdog/watchdog0/bootstatus")
CARD_RESET = 0x20  # WDIOF_CARDRESET of linux/watchdog.h: the watchdog reset the machine.
RSTS = Path("/proc/device-tree/chosen/bootloader/rsts")  # Big-endian; a Pi 4 or 5 has it.
HAD_POWER_ON, HAD_RESET = 1 << 12, 1 << 5  # HADPOR, HADWRF
VCIO = Path("/dev/vcio")  # What `vcgencmd get_rsts` asks, on a Zero, too.
PROPERTY = 0xC0006400 | struct.calcsize("P") << 16  # IOCTL_MBOX_PROPERTY: _IOWR(100, 0, char *)
GENCMD, TEXT_BYTES = 0x00030080, 1024
QUESTION = struct.Struct(f"=6I{TEXT_BYTES}sI")


class LinuxPower:
    """A machine whose power nobody switches; the arguments stand in for the Pi in tests."""

    def __init__(
        self,
        boot_status: Path = BOOT_STATUS,
        rsts: Path = RSTS,
        firmware: Callable[[], int | None] | None = None,
    ) -> None:
        self._boot_status = boot_status
        self._rsts = rsts
        self._firmware = firmware or firmware_rsts

    def wake_reason(self, ordered: Callable[[], bool] = lambda: True) -> WakeReason:
        """Say what made the machine start; `ordered`: the life before ended by our own will."""
        if self._boot_status_told() & CARD_RESET:
            return WakeReason.WATCHDOG
        status = self._reset_status()
        was_reset = status & HAD_RESET and not status & HAD_POWER_ON
        return WakeReason.WATCHDOG if was_reset and not ordered() else WakeReason.POWER_ON

    def _boot_status_told(self) -> int:
        try:
            return int(self._boot_status.read_text("ascii"))
        except (OSError, ValueError):
            return 0

    def _reset_status(self) -> int:
        """Give PM_RSTS of before the boot; 0 where nobody tells."""
        try:
            return int.from_bytes(self._rsts.read_bytes(), "big")
        except OSError:
            return self._firmware() or 0


def firmware_rsts(
    path: Path = VCIO, control: Callable[[int, int, bytearray], object] = fcntl.ioctl
) -> int | None:
    """Ask the firmware for PM_RSTS; None where there is none, or it says something else."""
    asked = bytearray(QUESTION.pack(QUESTION.size, 0, GENCMD, TEXT_BYTES, 0, 0, b"get_rsts", 0))
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            control(descriptor, PROPERTY, asked)
        finally:
            os.close(descriptor)
        text: bytes = QUESTION.unpack(asked)[6].rstrip(b"\0\n")
        return int(text.removeprefix(b"get_rsts="), 16)
    except (OSError, ValueError):
        return None
