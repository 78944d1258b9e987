"""Loads a set of models by its card: the one door of sorter, self-test and desk to the models."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trapnode.errors import DeviceError

if TYPE_CHECKING:
    from trapnode.devices.judge import TfliteJudge

__all__ = ["card_of", "load_judge", "models"]

THREADS = 4  # Of the models: all cores of a Zero 2 W; the sorter is nice to the other processes.


def load_judge(name: str | Path, targets: Sequence[str]) -> "TfliteJudge":
    """Load a set of models by its card, or by the name that the configuration gives it."""
    try:
        from trapnode.devices.judge import TfliteJudge
    except (ImportError, SystemError) as error:  # numpy 2 under tflite-runtime is a SystemError.
        raise DeviceError(f"the models' runtime does not load: {error}") from error
    return TfliteJudge(card_of(name), targets=targets, threads=min(os.cpu_count() or 1, THREADS))


def card_of(name: str | Path) -> Path:
    """Give a set's card by its path, or by its name in models/."""
    named = isinstance(name, str) and not name.endswith(".json")
    return models() / f"{name}.json" if named else Path(name)


def models() -> Path:
    """Give the folder of the models: in the installed package, or in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "models"
    return installed if installed.is_dir() else package.parent / "models"
