"""The section `[power]`: profile, board, and the measured values of the energy model.

`always_on` is the default because it is the safe one: a unit that powers itself off without a
board that wakes it again is a dead unit, and a default cannot know that a board is there.
"""

from typing import Annotated, Literal

from trapnode.config.base import Section
from trapnode.config.base import option as _option
from trapnode.config.pins import default

__all__ = ["Power"]


class Power(Section, frozen=True):
    """Where the energy comes from, what it is spent on, and who switches it."""

    profile: Annotated[
        Literal["always_on", "gated"],
        _option("always_on; or gated: it powers itself off after each event, by its board"),
    ] = "always_on"
    board: Annotated[
        Literal["none", "latch", "wittypi4", "pi5"],
        _option("what switches the power and wakes the unit again"),
    ] = "none"
    linger_s: Annotated[
        float, _option("gated: seconds awake after the last event", "s", ge=0, le=3600)
    ] = 15.0
    linger_target_s: Annotated[
        float, _option("the same after a target: the cubs follow", "s", ge=0, le=3600)
    ] = 60.0
    done_pin: Annotated[
        int, _option("latch: GPIO (BCM number) that lets go of the power", ge=2, le=27)
    ] = default("done")
    wake_alarm_pin: Annotated[
        int, _option("latch: GPIO that is high when the alarm woke us, or -1", ge=-1, le=27)
    ] = default("wake_alarm")
    wake_technician_pin: Annotated[
        int, _option("latch: GPIO that is high when the switch woke us, or -1", ge=-1, le=27)
    ] = default("wake_technician")
    battery_wh: Annotated[
        float,
        _option("energy of fresh cells at 20 degrees C; 0: mains or sun", "Wh", ge=0, le=10000),
    ] = 63.0
    low_mv: Annotated[
        int, _option("battery under load: below it the unit saves", "mV", ge=0, le=60000)
    ] = 7200
    empty_mv: Annotated[
        int, _option("battery under load: below it nothing is left", "mV", ge=0, le=60000)
    ] = 6000
    off_mw: Annotated[float, _option("measured: switched off", "mW", ge=0, le=10000)] = 0.5
    boot_mw: Annotated[float, _option("measured: the boot", "mW", ge=1, le=20000)] = 790.0
    idle_mw: Annotated[float, _option("measured: awake and idle", "mW", ge=1, le=20000)] = 600.0
    camera_mw: Annotated[float, _option("measured: in a burst", "mW", ge=1, le=20000)] = 1100.0
    judge_mw: Annotated[float, _option("measured: while judging", "mW", ge=1, le=20000)] = 1500.0
    modem_mw: Annotated[float, _option("measured: in a session", "mW", ge=1, le=20000)] = 2500.0
    light_mw: Annotated[
        float, _option("measured: the infra-red light alone", "mW", ge=0, le=50000)
    ] = 5000.0
