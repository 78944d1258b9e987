"""A progress bar on stderr, where a person watches; nothing in a pipe, a log, or without tqdm."""

import contextlib
from collections.abc import Callable, Iterator

__all__ = ["meter"]


@contextlib.contextmanager
def meter(total: int, unit: str) -> Iterator[Callable[[int], object]]:
    """Show how far something has come; `B` counts bytes. The callable takes what was done."""
    try:
        from tqdm import tqdm
    except ImportError:  # Only the extra `desk` brings it.
        yield lambda done: None
        return
    with tqdm(total=total, unit=unit, unit_scale=unit == "B", disable=None) as bar:
        yield bar.update
