"""What the steps of the rig share: commands that must succeed, and what is made only once."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = Path(os.environ.get("TRAPNODE_RIG") or Path.home() / ".cache" / "trapnode-rig")
LONGEST_S = 7200.0  # Half an hour of models under qemu, on a busy machine.
SAID = 3000  # Characters of each stream that a failure shows.


def run(
    *command: object,
    said: str | None = None,
    cwd: Path | str | None = None,
    given: Mapping[str, str] | None = None,
) -> str:
    """Run a command and give what it printed, or fail with that; `given`: more environment."""
    words = [str(each) for each in command]
    done = subprocess.run(
        words,
        input=said,
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | (given or {}),
        timeout=LONGEST_S,
    )
    told = done.stdout[-SAID:] + done.stderr[-SAID:]
    assert done.returncode == 0, f"{' '.join(words)} ended with {done.returncode}:\n{told}"
    return done.stdout


def once(name: str, make: Callable[[Path], object]) -> Path:
    """Give what `make` puts into a path, made at the first use: whole under its name, or not there.

    The path that `make` gets ends like the name: some tools choose a format by it.
    """
    target, part = CACHE / name, CACHE / f"part-{name}"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.unlink(missing_ok=True)
        make(part)
        part.rename(target)
    return target


def package(architecture: str, folder: Path, source: Path = ROOT, *more: str, **given: str) -> Path:
    """Build the Debian package of a checkout into a folder; `given`: the script's variables."""
    script = source / "systemd" / "deb" / "deb.sh"
    variables = {"PYTHON": sys.executable} | given
    return Path(run("sh", script, architecture, folder, *more, given=variables).strip())
