"""A researcher's walk: the commands of README's section, as they stand there, one after the other.

usage: python -m tests.rig.walk

In a fresh folder with a fresh home. A person's part is done here: the browser's file of answers.
What needs a network or a screen is left out; the standard's files are those beside the checkout.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT.parent / "shared" / "camtrap-dp" / "schemas"
SECTION = re.compile(r"^## A researcher's walk$(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```sh$(.*?)^```$", re.MULTILINE | re.DOTALL)
TELL = (  # What must be said, whatever the models find.
    "files opened, 0 were open already",
    "missed by the filter:",
    "encounters",
    "are gone from the card",
    "Review|individual ID",
    "'errors': []",
)


def main() -> int:
    """Walk; give 1 where a command fails or does not say what it must."""
    with tempfile.TemporaryDirectory() as folder:
        work, home = Path(folder, "work"), Path(folder, "home")
        (home / "Downloads").mkdir(parents=True)
        work.mkdir()
        (work / ".venv").symlink_to(sys.prefix)
        said, count = "", 0
        tells = (*TELL, "VALID") if SCHEMAS.is_dir() else TELL
        if SCHEMAS.is_dir():
            (home / "camtrap-dp").symlink_to(SCHEMAS)
        for script in _scripts((ROOT / "README.md").read_text("utf-8")):
            if " audit " in script:
                _answer(work / "demo-out" / "laptop", home / "Downloads" / "DEMO01-answers.csv")
            said += _run(script, work, home)
            count += 1
    if missing := [each for each in tells if each not in said]:
        print(f"nobody said: {', '.join(missing)}\n{said}", file=sys.stderr)
        return 1
    print(f"{count} blocks of README walked; readers: ExifTool, MegaDetector's, frictionless")
    return 0


def _scripts(readme: str) -> Iterator[str]:
    """Give the blocks of the section, without what needs a network or a screen."""
    section = SECTION.search(readme)
    assert section is not None, "README has no such section"
    for block in BLOCK.findall(section[1]):
        if "~/camtrap-dp" in block and not SCHEMAS.is_dir():
            continue
        lines = block.strip().splitlines(keepends=True)
        yield "".join(x for x in lines if "xdg-open" not in x and "needs a network" not in x)


def _run(script: str, work: Path, home: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=work,
        env=os.environ | {"HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def _answer(dump: Path, target: Path) -> None:
    """Answer for the first pictures of each sequence, as the page saves it."""
    rows = [f"{path.relative_to(dump)},blank" for path in sorted(dump.glob("media/**/*.1.jpg"))]
    target.write_text("\r\n".join(["path,label", *rows, ""]), "utf-8", newline="")


if __name__ == "__main__":
    sys.exit(main())
