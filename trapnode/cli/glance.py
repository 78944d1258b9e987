"""What a first frame needs of the configuration, as it was when that was last found good.

To read and check the configuration takes longer than to take the frame: `trapnode.config` loads
the parser, the checker and every section. So the keeper, which keeps the last good configuration,
leaves this beside it; it counts only while the configuration is still the same, byte for byte,
and so is the program, whose defaults are in it, too.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trapnode import __version__
from trapnode.cli.optics import Optics
from trapnode.cli.wake import Waker
from trapnode.store.disk import Disk, write_whole

if TYPE_CHECKING:
    from trapnode.config import Config

__all__ = ["Glance", "forget_glance", "glance_of", "leave_glance", "read_glance"]

FILE = "last-good.json"


class Glance(NamedTuple):
    """Of a unit whose boot may be a trigger."""

    toml: str  # All of the configuration that this was taken from.
    state: str
    run: str
    unit: str
    utc_offset_min: int
    keep_free: int  # Bytes of the card: with less, room is made in the ordinary way.
    pir_pin: int
    board: str
    alarm_pin: int
    technician_pin: int
    flash_pin: int
    focus_m: float
    night_exposure_ms: float
    night_gain: float
    sealed: bool  # Its frames are taken first, and saved once the keys are loaded.
    version: str  # Of the program.

    @property
    def optics(self) -> Optics:
        """What the camera is opened with."""
        night = self.night_exposure_ms, self.night_gain
        return Optics(self.flash_pin, self.focus_m, *night, self.state)

    @property
    def waker(self) -> Waker:
        """What may wake the unit."""
        return Waker(True, self.board, self.alarm_pin, self.technician_pin, Path(self.state))


def glance_of(toml: str, config: "Config") -> Glance | None:
    """Give what a first frame needs; None where no boot is a trigger."""
    if config.power.profile != "gated":
        return None
    return Glance(
        toml=toml,
        state=config.paths.state,
        run=config.paths.run,
        unit=config.unit.name,
        utc_offset_min=config.unit.utc_offset_min,
        keep_free=(config.card.reserve_mib + config.card.ahead_mib) << 20,
        pir_pin=config.trigger.pir_pin,
        board=config.power.board,
        alarm_pin=config.power.wake_alarm_pin,
        technician_pin=config.power.wake_technician_pin,
        flash_pin=config.camera.flash_pin,
        focus_m=config.camera.focus_m,
        night_exposure_ms=config.camera.night_exposure_ms,
        night_gain=config.camera.night_gain,
        sealed=bool(config.sealing.recipients),
        version=__version__,
    )


def leave_glance(disk: Disk, folder: Path, glance: Glance) -> None:
    """Leave it for the next boot, durably; raise OSError."""
    if _read(folder) != glance:
        write_whole(disk, folder / FILE, json.dumps(glance._asdict()).encode())


def forget_glance(disk: Disk, folder: Path) -> None:
    """Leave none: the next boot is to read its configuration first."""
    disk.remove(folder / FILE)


def read_glance(config: Path, twins: str | None) -> Glance | None:
    """Read what was left; None where there is nothing, or another configuration by now."""
    folder = twins or os.environ.get("STATE_DIRECTORY")
    glance = _read(Path(folder)) if folder else None
    with contextlib.suppress(OSError, ValueError):
        # Bytes: to read text is to change the ends of lines that Windows wrote.
        same = glance and config.read_bytes() == glance.toml.encode()
        if same and glance and glance.version == __version__:
            return glance
    return None


def _read(folder: Path) -> Glance | None:
    with contextlib.suppress(OSError, ValueError, TypeError):
        return Glance(**json.loads((folder / FILE).read_text("utf-8")))
    return None
