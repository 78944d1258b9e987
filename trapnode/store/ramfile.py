"""One small file in RAM, written whole."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from trapnode.late_log import LateLog

__all__ = ["replace"]

log = LateLog(__name__)


def replace(path: Path, value: Mapping[str, object]) -> None:
    """Write a file in RAM so that a reader sees the old one or the new one."""
    part = path.with_name(f"{path.name}.{os.getpid()}.new")  # Several processes write some files.
    try:
        part.write_text(json.dumps(value), "utf-8")
        part.replace(path)
    except OSError as error:  # The folder is full or gone: no reason to stop the unit.
        log.warning("%s: not written: %s", path, error)
