"""Why the machine is awake: a power cut, the watchdog, or a reboot that was ordered."""

import pytest

from trapnode.devices.power import GENCMD, PROPERTY, QUESTION, LinuxPower, firmware_rsts
from trapnode.model import WakeReason

CUT, RESET = 0x1000, 0x20  # PM_RSTS as issues 932 and 1586 of raspberrypi/linux have it.


def power(folder, *, boot_status=None, tree=None, firmware=None):
    """A machine of which the firmware tells one way or another."""
    for name, data in (("bootstatus", boot_status), ("rsts", tree)):
        if data is not None:
            (folder / name).write_bytes(data)
    return LinuxPower(folder / "bootstatus", folder / "rsts", lambda: firmware)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (b"32\n", WakeReason.WATCHDOG),
        (b"96\n", WakeReason.WATCHDOG),
        (b"0\n", WakeReason.POWER_ON),
        (b"1\n", WakeReason.POWER_ON),  # Overheated.
        (b"", WakeReason.POWER_ON),
        (None, WakeReason.POWER_ON),
    ],
)
def test_the_watchdogs_boot_status_tells_a_reset(tmp_path, status, reason):
    assert power(tmp_path, boot_status=status).wake_reason() is reason


@pytest.mark.parametrize(
    ("status", "ordered", "reason"),
    [
        (CUT, False, WakeReason.POWER_ON),  # A brown-out, or the battery was pulled.
        (CUT, True, WakeReason.POWER_ON),
        (RESET, True, WakeReason.POWER_ON),  # `reboot`.
        (RESET, False, WakeReason.WATCHDOG),
        (RESET | 0x555, False, WakeReason.WATCHDOG),  # The bits between are the partition.
        (CUT | RESET, False, WakeReason.POWER_ON),
        (0, False, WakeReason.POWER_ON),
    ],
)
def test_a_reset_that_nobody_ordered_was_the_watchdogs(tmp_path, status, ordered, reason):
    by_tree = power(tmp_path, boot_status=b"0\n", tree=status.to_bytes(4, "big"))
    assert by_tree.wake_reason(lambda: ordered) is reason
    (tmp_path / "rsts").unlink()
    assert power(tmp_path, firmware=status).wake_reason(lambda: ordered) is reason


def test_where_nobody_tells_a_boot_is_a_power_on(tmp_path):
    assert power(tmp_path).wake_reason(lambda: False) is WakeReason.POWER_ON
    assert firmware_rsts(tmp_path / "vcio") is None


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"get_rsts=1000\n", CUT), (b"get_rsts=20", RESET), (b"error=1", None), (b"", None)],
)
def test_the_firmware_is_asked_as_vcgencmd_asks_it(tmp_path, answer, status):
    (tmp_path / "vcio").touch()

    def firmware(_descriptor, request, asked):
        size, code, tag, room, _, _, text, end = QUESTION.unpack(asked)
        assert (size, code, tag, room, end) == (len(asked), 0, GENCMD, 1024, 0)
        assert (request, text.rstrip(b"\0")) == (PROPERTY, b"get_rsts")
        asked[24 : 24 + 1024] = answer.ljust(1024, b"\0")

    assert firmware_rsts(tmp_path / "vcio", firmware) == status
    assert PROPERTY in (0xC0086400, 0xC0046400)  # Of 64 and of 32 bits.
