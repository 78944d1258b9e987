"""The console's loop: one cable, one conversation, one answer at a time.

Bounded: LINES_MOST lines in RATE_S; nobody who has typed nothing for IDLE_S, or whose cable was
pulled, keeps a session, an answer that goes on, or half a line.
"""

from collections import deque
from typing import Protocol

from trapnode.console.steps import Ask, Failed, Steps, Wait
from trapnode.console.unit import Unit
from trapnode.console.verbs import begin
from trapnode.errors import DeviceError, TrapnodeError
from trapnode.loop import Alive, Stopping
from trapnode.protocols.shell import (
    ERR_DEVICE,
    ERR_RATE,
    ERR_STOPPED,
    ERR_STORE,
    OK,
    Shell,
    err,
)
from trapnode.store import remarks

__all__ = ["Console", "Line"]

ROUND_S = 5.0  # A cable that appears is noticed this soon; the watchdog hears from us too.
SEND_S = 0.05  # Until more of an answer is sent to a cable that did not take it at once.
IDLE_S = 600.0
LINES_MOST, RATE_S = 40, 10.0  # More is a program gone wild; a person pastes a few lines.


class Line(Protocol):
    """A cable that may come and go."""

    @property
    def hang_ups(self) -> int:
        """Give how often it was pulled so far."""
        ...

    @property
    def unsent(self) -> bool:
        """Say whether something waits until the other end takes it."""
        ...

    def fileno(self) -> int:
        """Give the descriptor that turns readable."""
        ...

    def read(self) -> bytes:
        """Give what has arrived, or nothing; never wait."""
        ...

    def write(self, data: bytes) -> None:
        """Send what the other end takes now; keep the rest, within bounds, for the next call."""
        ...


class Console:
    """The conversation over a cable."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._clock = unit.clock
        self._shell = Shell(unit.texts)
        self._answer: Steps | None = None  # One that goes on,
        self._due_s: float | None = None  # and when; None: with the next line.
        self._ends_well = False
        self._typed_s = 0.0
        self._lines: deque[float] = deque(maxlen=LINES_MOST)  # When the last ones came.
        self._complained = False

    def run(self, line: Line, stopping: Stopping, alive: Alive) -> None:
        """Answer until told to stop."""
        hang_ups = 0
        while not stopping():
            alive("")
            ready = self._clock.wait([line, stopping], SEND_S if line.unsent else self._wait_s())
            data = line.read() if line in ready else b""
            if line.hang_ups != hang_ups:
                hang_ups = line.hang_ups
                self.hang_up()
            line.write(self.receive(data))

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the cable, and go on with what is due; give the bytes to send."""
        now_s, sent = self._clock.monotonic(), b""
        if now_s - self._typed_s > IDLE_S:
            self.hang_up()
        if data:
            self._typed_s = now_s
        lines = self._shell.receive(data)
        sent = self._shell.to_send()
        for text in lines:
            sent += self._shell.reply(self.say(text))
        if self._answer is not None and self._due_s is not None and now_s >= self._due_s:
            sent += self._shell.reply(self._go_on(None))
        return sent

    def say(self, text: str) -> list[str]:
        """Give the answer to one line as far as it goes now."""
        if (wait_s := self._too_fast_s()) is not None:
            told, self._complained = self._complained, True
            wait = self._unit.texts("err.rate", seconds=f"{wait_s:.0f}")
            return [] if told else [err(ERR_RATE, wait)]
        self._complained = False
        if self._answer is not None and self._due_s is None:
            remarks.visit(self._unit.run, self._clock.monotonic())
            return self._go_on(text)
        if self._answer is not None:
            stopped = err(ERR_STOPPED, self._unit.texts("err.stopped"))
            return [self._ended(OK if self._ends_well else stopped)]
        try:
            self._answer = begin(self._unit, text)
        except Failed as error:
            return [err(error.code, error.text(self._unit.texts))]
        remarks.visit(self._unit.run, self._clock.monotonic())  # Not for noise on an open wire.
        return self._go_on(None)

    def hang_up(self) -> None:
        """End what goes on, and lock: the cable is out, or nobody is there."""
        self._ended("")
        self._shell.forget()
        self._unit.lock.close()
        remarks.leave(self._unit.run)
        self._typed_s = self._clock.monotonic()

    def _wait_s(self) -> float:
        if self._answer is None or self._due_s is None:
            return ROUND_S
        return min(ROUND_S, max(0.0, self._due_s - self._clock.monotonic()))

    def _go_on(self, said: str | None) -> list[str]:
        """Go on to the next wait or question, or to the end; give the lines until there."""
        answer, lines = self._answer, list[str]()
        assert answer is not None
        try:
            step = next(answer) if said is None else answer.send(said)
            while isinstance(step, str):
                lines.append(step)
                step = next(answer)
        except StopIteration as done:
            return [*lines, self._ended(str(done.value))]
        except Failed as error:
            return [*lines, self._ended(err(error.code, error.text(self._unit.texts)))]
        except DeviceError as error:
            return [*lines, self._ended(err(ERR_DEVICE, self._unit.texts.said(str(error))))]
        except TrapnodeError as error:
            fault = self._unit.texts("err.store", fault=self._unit.texts.said(str(error)))
            return [*lines, self._ended(err(ERR_STORE, fault))]
        return lines + self._pause(step)

    def _pause(self, step: Wait | Ask) -> list[str]:
        self._shell.waits = True
        if isinstance(step, Wait):
            self._ends_well = step.ends_well
            self._due_s = self._clock.monotonic() + step.seconds
            return []
        self._due_s = None
        return [step.error or OK]

    def _ended(self, last: str) -> str:
        """Forget the answer; give its last line."""
        answer, self._answer, self._due_s, self._shell.waits = self._answer, None, None, False
        if answer is not None:
            answer.close()
        return last

    def _too_fast_s(self) -> float | None:
        """Say how long to wait before the next line; None: it may come now."""
        now_s = self._clock.monotonic()
        if len(self._lines) == LINES_MOST and (left_s := self._lines[0] + RATE_S - now_s) > 0:
            return left_s
        self._lines.append(now_s)
        return None
