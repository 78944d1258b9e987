"""Why the machine is awake, as far as a bare Raspberry Pi can know."""

from pathlib import Path

from trapnode.model import WakeReason

__all__ = ["LinuxPower"]

BOOT_STATUS = Path("/sys/class/watchdog/watchdog0/bootstatus")
CARD_RESET = 0x20  # WDIOF_CARDRESET of linux/watchdog.h: the watchdog reset the machine.


class LinuxPower:
    """A machine whose power nobody switches."""

    def __init__(self, boot_status: Path = BOOT_STATUS) -> None:
        self._boot_status = boot_status

    def wake_reason(self) -> WakeReason:
        """Say what made the machine start."""
        try:
            status = int(self._boot_status.read_text("ascii"))
        except (OSError, ValueError):
            return WakeReason.POWER_ON
        return WakeReason.WATCHDOG if status & CARD_RESET else WakeReason.POWER_ON
