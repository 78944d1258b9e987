"""The gate of a unit that switches itself off: when, after whose consent, and what if it fails.

    awake --no reason to stay--> asked --station consents--> ordered --> the power goes
      ^--------- an edge, a person, news, or a board that holds the power ---------'

Nothing here may wait: the keeper comes round. Every step may be the last, or the one before an
edge; tests/scenarios/test_gate.py cuts, and lets the PIR rise, at each of them.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from trapnode.errors import DeviceError
from trapnode.policy.power import Awake, is_hung, next_alarm, stays_awake
from trapnode.store import consent
from trapnode.store.doorbell import UPLINKER, WATCH, ring
from trapnode.words import Stage

__all__ = ["Board", "Gate", "Gating"]

log = logging.getLogger(__name__)

ROUND_S = 1.0  # A second awake is 0.17 mWh: a tenth of an event's judging.
ASK_ROUND_S = 0.05
QUICK_S = 2.0  # A station in a burst answers when it is over.
ORDERED_S = 30.0  # A board that cut nothing by then will not.
AGAIN_S = 60.0
JUMP = timedelta(seconds=60)  # No clock drifts so far between two looks: somebody set it.
RADIO_LONGEST_S = 400.0  # As long as the keeper waits for a silent uplinker.


class Board(Protocol):
    """What switches the power."""

    def set_alarm(self, wait: timedelta) -> None:
        """Wake the unit after so long, by the board's own clock; raise DeviceError."""
        ...

    def off(self) -> None:
        """Let go of the power, or have the machine powered off; raise DeviceError.

        Returns where the power stays a while, or is held by a PIR that rose meanwhile.
        """
        ...


@dataclass(frozen=True, slots=True)
class Gating:
    """What the configuration says."""

    linger_s: float
    linger_target_s: float
    status_hour: float
    radio: bool  # There is a modem: its word is waited for.


class Gate:
    """The keeper's side of switching off."""

    def __init__(self, board: Board, run: Path, gating: Gating) -> None:
        self.fault = ""
        self.awake_because = "still starting"
        self._board = board
        self._run = run
        self._gating = gating
        self._asked = 0  # Number of the last ask; the next is another one.
        self._open = self._agreed = False
        self._asked_s = 0.0
        self._ordered_s: float | None = None
        self._not_before_s = 0.0
        self._origin: datetime | None = None  # What the wall clock says of monotonic 0.
        self._sorted_s: float | None = None  # Since when only the radio may have something to do.
        consent.withdraw(run)  # Of a keeper before.

    def begin(self, now: datetime, waiting: int) -> None:
        """Set the alarm at once: a unit that browns out wakes for its report all the same."""
        self._set_alarm(now, waiting)

    def look(
        self,
        awake: Awake,
        stage: Stage,
        now: datetime,
        waiting: int,
        save: Callable[[datetime], None],
    ) -> float:
        """Come one step nearer to off, or back; give the s until the next look.

        `save` writes what the power must not take, with the alarm's moment; may raise StoreError.
        """
        self._follow(now, awake.now_s, waiting)
        self.awake_because = self._why(awake, stage)
        if self.awake_because or awake.now_s < self._not_before_s:
            self._back()
            return ROUND_S
        if self._ordered_s is not None:
            self._wait(awake.now_s)
        elif not self._open:
            self._ask(awake.now_s)
        elif self._agrees(awake):
            self._go(awake.now_s, now, waiting, save)
        return ASK_ROUND_S if awake.now_s - self._asked_s < QUICK_S else ROUND_S

    def _follow(self, now: datetime, now_s: float, waiting: int) -> None:
        """Set the alarm anew once the clock was set: a board's new time may be past the old one."""
        origin = now - timedelta(seconds=now_s)
        if self._origin and abs(origin - self._origin) > JUMP:
            self._set_alarm(now, waiting)
        self._origin = origin

    def _ask(self, now_s: float) -> None:
        self._asked += 1
        consent.ask(self._run, self._asked)
        self._open, self._asked_s = True, now_s
        ring(self._run, WATCH)

    def _agrees(self, awake: Awake) -> bool:
        """Say whether the station agreed before this look, which so knows what it did till then."""
        before, self._agreed = self._agreed, consent.consented(self._run, self._asked)
        if self._agreed:
            return before
        if is_hung(awake.silent_s):  # Its power is what cures it.
            log.error("switching off without the station, silent for %.0f s", awake.silent_s)
            consent.consent(self._run, self._asked)
        ring(self._run, WATCH)
        return False

    def _why(self, awake: Awake, stage: Stage) -> str:
        """Say why the unit stays awake, or nothing."""
        why = stays_awake(awake, stage, self._gating.linger_s, self._gating.linger_target_s)
        if why:
            self._sorted_s = None
        return why or self._radio(awake.now_s, stage)

    def _go(
        self, now_s: float, now: datetime, waiting: int, save: Callable[[datetime], None]
    ) -> None:
        """Do what comes before the cut, look at the consent a last time, and let go."""
        save(now + self._set_alarm(now, waiting))
        if not consent.consented(self._run, self._asked):
            return
        self._ordered_s = now_s
        log.info("switching off")
        try:
            self._board.off()
        except DeviceError as error:
            self._fail(now_s, f"power: cannot switch off: {error}")

    def _wait(self, now_s: float) -> None:
        """Wait for the cut that was ordered; a veto or a board that does nothing ends that."""
        assert self._ordered_s is not None
        if not consent.consented(self._run, self._asked):
            self._back()
        elif now_s - self._ordered_s >= ORDERED_S:
            self._fail(now_s, "power: switched off in vain, the board holds the power")

    def _fail(self, now_s: float, fault: str) -> None:
        if fault != self.fault:
            log.error("%s", fault)
        self.fault, self._not_before_s = fault, now_s + AGAIN_S
        self._back()

    def _back(self) -> None:
        if self._open:
            consent.withdraw(self._run)
        self._open = self._agreed = False
        self._ordered_s = None

    def _radio(self, now_s: float, stage: Stage) -> str:
        """Say whether the uplinker may still have something to do; ask it once all is sorted."""
        if not self._gating.radio or stage is Stage.OFF:
            return ""
        if self._sorted_s is None:
            self._sorted_s = now_s
            ring(self._run, UPLINKER)
        rested_s = consent.rested_s(self._run)
        if rested_s is not None and rested_s >= self._sorted_s:
            return ""
        return "the radio is at work" if now_s - self._sorted_s < RADIO_LONGEST_S else ""

    def _set_alarm(self, now: datetime, waiting: int) -> timedelta:
        wait = next_alarm(now, self._gating.status_hour, waiting)
        try:
            self._board.set_alarm(wait)
        except DeviceError as error:  # The PIR still wakes it: off all the same.
            self.fault = f"power: no alarm: {error}"
            log.error("%s", self.fault)
        return wait
