"""A technician for the console's tests: a unit without processes, and a cable to type on."""

from collections.abc import Callable
from pathlib import Path

from trapnode.console import Console, Unit
from trapnode.policy.session import Lock
from trapnode.sim.clock import SteppedClock
from trapnode.store.store import open_store
from trapnode.texts import Texts

ENDS = ("OK", "ERR")


def unit_at(folder: Path, **more) -> Unit:
    """A unit whose RAM is `folder` and whose card is below it, 104 s after its boot."""
    clock = SteppedClock()
    clock.step(104)
    state = folder / "state"
    state.mkdir(exist_ok=True)
    told = {
        "name": "AL07",
        "run": folder,
        "opened": lambda: open_store(state),
        "clock": clock,
        "texts": Texts(),
        "lock": Lock(b"", bytes),
        "state": state,
        "modem": "none",
    }
    return Unit(**(told | more))


class Cable:
    """A cable to a unit's console, without a port."""

    def __init__(self, unit: Unit, around: Callable[[], object] = lambda: None) -> None:
        self.unit = unit
        self.console = Console(unit)
        self._around = around

    def type(self, data: bytes) -> bytes:
        """Type bytes; give what comes back at once."""
        return self.console.receive(data)

    def ask(self, line: str, rounds: int = 2000) -> list[str]:
        """Type a line; give the lines of its whole answer, while `around` plays the others."""
        lines = list(self.console.say(line))
        for _ in range(rounds):
            if lines and lines[-1].split(" ")[0] in ENDS:
                return lines
            self._around()
            self.unit.clock.step(0.25)
            sent = self.console.receive(b"")
            lines += sent.decode("utf-8").splitlines()
        raise AssertionError(f"no end: {lines}")


def answered(unit: Unit, line: str) -> list[str]:
    """Give the whole answer to one line, by a console that was just begun."""
    return Cable(unit).ask(line)
