"""SHA256SUMS as `unseal` rewrites it: in order, and nothing outside the dump."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from trapnode.errors import UsageError

__all__ = ["line_of", "listed"]

LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def listed(sums: Path) -> Iterator[tuple[str, str]]:
    """Give path and SHA-256 of each line of SHA256SUMS; none if there is no such file.

    Raise UsageError.
    """
    try:
        text = sums.read_text("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        if match is None:
            continue
        if match[2].startswith("/") or ".." in PurePosixPath(match[2]).parts:
            raise UsageError(f"{sums}: points outside the dump: {match[2]}")
        yield match[2], match[1]


def line_of(digest: str, path: str) -> str:
    """Write one line, as sha256sum does."""
    return f"{digest}  {path}\n"
