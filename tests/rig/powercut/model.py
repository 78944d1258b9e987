"""The recorded lives, with many states by chance at each cut, on all processors."""

import logging
from concurrent.futures import ProcessPoolExecutor

from tests.powercut.explore import Found, explore
from tests.powercut.trace import Trace
from tests.rig.powercut.card import Result

__all__ = ["KINDS", "bad", "spread"]

KINDS = {"journalled": False, "weak": True}
CHUNK = 8  # Operations that one task checks.
THOROUGH_EVERY = 50
_trace: list[Trace] = []  # Of this process.


def spread(
    trace: Trace, life: str, kind: str, chances: int, seed: int, processes: int, name: str = "model"
) -> Result:
    """Check all states of a trace by several processes."""
    found = Result(f"{name}, {kind}", life, "trapnode")
    firsts = range(1, len(trace.operations) + 1, CHUNK)
    with ProcessPoolExecutor(processes, initializer=_take, initargs=(trace,)) as pool:
        for each in pool.map(_explore, [(kind, chances, seed, first) for first in firsts]):
            found.states += each.states
            found.broken += each.broken
    return found


def bad(seen: Trace, program: str, kind: str, name: str = "model") -> Result:
    """Check the trace of a program that is known to be bad, until one state is broken."""
    cuts = range(60, len(seen.operations))
    each = explore(seen, weak=KINDS[kind], chances=1, cuts=cuts, thorough_every=10**6, enough=1)
    return Result(f"{name}, {kind}", "unit", program, each.states, each.broken)


def _take(trace: Trace) -> None:
    logging.disable(logging.CRITICAL)
    _trace[:] = [trace]


def _explore(task: tuple[str, int, int, int]) -> Found:
    kind, chances, seed, first = task
    return explore(
        _trace[0],
        weak=KINDS[kind],
        chances=chances,
        cuts=range(first, first + CHUNK),
        seed=seed,
        thorough_every=THOROUGH_EVERY,
    )
