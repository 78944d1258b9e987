"""Builds what `[power]` describes."""

from trapnode.config import Config
from trapnode.policy.energy import Powers
from trapnode.store.energy import Cells

__all__ = ["cells_of"]


def cells_of(config: Config) -> Cells:
    """Give the cells and what each state draws."""
    power = config.power
    return Cells(
        powers=Powers(
            off=power.off_mw,
            boot=power.boot_mw,
            idle=power.idle_mw,
            camera=power.camera_mw,
            judge=power.judge_mw,
            modem=power.modem_mw,
        ),
        battery_wh=power.battery_wh,
        low_mv=power.low_mv,
        empty_mv=power.empty_mv,
        gated=power.profile == "gated",
        linger_s=power.linger_s,
    )
