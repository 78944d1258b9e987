"""How far the battery is gone, as the keeper tells the other processes: in RAM."""

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from trapnode.store.ramfile import replace
from trapnode.words import Stage

__all__ = ["UNTOLD", "Restraint", "read_restraint", "write_restraint"]

FILE = "stage.json"


@dataclass(frozen=True, slots=True)
class Restraint:
    """What battery, cold and heat ask of the others; the defaults spare nothing."""

    stage: Stage = Stage.FULL
    coldest_c: float | None = None  # Of this boot: near the air's only just after its start.
    hot: bool = False  # Judging waits.


UNTOLD = Restraint()


def write_restraint(run: Path, restraint: Restraint) -> None:
    """Tell all processes."""
    replace(run / FILE, asdict(restraint))


def read_restraint(run: Path) -> Restraint:
    """Read it; while the keeper has not told, nothing is spared."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((run / FILE).read_text("utf-8"))
        coldest = found["coldest_c"]
        return Restraint(
            Stage(found["stage"]),
            None if coldest is None else float(coldest),
            bool(found["hot"]),
        )
    return UNTOLD
