"""Fresh cells: the console asks the keeper, whose account it is, to begin a new one. In RAM.

RUN/cells.json     to the keeper: number
RUN/counted.json   its answer: number

What is asked is done once, by this keeper or by the one after it.
"""

from pathlib import Path

from trapnode.store.ram import replace
from trapnode.store.remarks import number_of, read

__all__ = ["answer_cells", "ask_cells", "cells_answered", "cells_asked"]

ASKED, ANSWERED = "cells.json", "counted.json"


def ask_cells(run: Path, number: int) -> None:
    """Ask for a new account."""
    replace(run / ASKED, {"number": number})


def cells_asked(run: Path) -> int:
    """Give the number of a request that was not answered yet, or 0."""
    asked = number_of(read(run / ASKED), "number")
    return 0 if asked == cells_answered(run) else asked


def answer_cells(run: Path, number: int) -> None:
    """Answer that the new account has begun."""
    replace(run / ANSWERED, {"number": number})


def cells_answered(run: Path) -> int:
    """Give the number of the last request that was answered, or 0."""
    return number_of(read(run / ANSWERED), "number")
