"""Builds what station and sorter need of sealing."""

import logging
from pathlib import Path

from trapnode.config import Config
from trapnode.errors import DeviceError
from trapnode.judging import Show, nothing_shown
from trapnode.model import Detection
from trapnode.store.copies import Copies, leaves_ram
from trapnode.store.disk import RealDisk
from trapnode.store.seals import Sealing, read_seals, remember

__all__ = ["of_sorter", "of_station", "show_of"]

log = logging.getLogger(__name__)


def of_station(
    config: Config, run: Path, config_fault: str, twins: bool = False
) -> tuple[Sealing | None, str]:
    """Seal to the configured keys, if any; say what stands in the sorter's way.

    The sorter's copies are made in RAM alone; for twins the folder `run` stands for it. While the
    configuration is at fault, the keys of before stay: nothing lies open by accident.
    Raise StoreError or DeviceError.
    """
    state, recipients = Path(config.paths.state), config.sealing.recipients
    before = read_seals(state)
    if config_fault and not recipients and before is not None:
        recipients = before.recipients
    if not recipients:
        return None, ""
    try:
        from trapnode.age import Sealer
    except ImportError as error:  # Rather no picture than one that lies open.
        raise DeviceError(
            f"pictures are to be sealed, but pyrage does not load: {error}"
        ) from error
    sealer, seals = Sealer(recipients), remember(state, RealDisk(), recipients)
    seals.mark("", b"")  # Loads the hash functions now: no picture shall wait for them.
    if leak := "" if twins else leaves_ram(run):
        fault = f"pictures may reach a disk open, so the sealed ones stay unclassified: {leak}"
        log.error("%s", fault)
        return Sealing(seals, sealer), fault
    return Sealing(seals, sealer, Copies(run)), ""


def of_sorter(config: Config, run: Path) -> Sealing:
    """Let the sorter see copies of what is sealed."""
    return Sealing(read_seals(Path(config.paths.state)), copies=Copies(run))


def show_of(config: Config) -> Show:
    """Give what makes a target's picture for the radio; sealed, where pictures are sealed."""
    if config.modem.kind == "none":
        return nothing_shown
    from trapnode.devices.radio_preview import radio_preview

    seals = read_seals(Path(config.paths.state))
    recipients = config.sealing.recipients or (seals.recipients if seals else ())
    if not recipients:
        return radio_preview
    try:
        from trapnode.age import Sealer
    except ImportError as error:
        log.error("no pictures for the radio: pyrage does not load: %s", error)
        return nothing_shown
    sealer = Sealer(recipients)

    def sealed(jpeg: bytes, box: Detection | None) -> bytes:
        picture = radio_preview(jpeg, box)
        return sealer(picture) if picture else b""

    return sealed
