"""Why the machine is awake."""

import pytest

from trapnode.devices.power import LinuxPower
from trapnode.model import WakeReason


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("32\n", WakeReason.WATCHDOG),
        ("96\n", WakeReason.WATCHDOG),
        ("0\n", WakeReason.POWER_ON),
        ("1\n", WakeReason.POWER_ON),  # Overheated.
        ("", WakeReason.POWER_ON),
        (None, WakeReason.POWER_ON),
    ],
)
def test_the_watchdogs_boot_status_tells_a_reset(tmp_path, status, reason):
    path = tmp_path / "bootstatus"
    if status is not None:
        path.write_text(status)
    assert LinuxPower(path).wake_reason() is reason
