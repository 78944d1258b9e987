"""`make rig`: what needs root, a browser, other Pythons or long runs; writes docs/rig.md.

usage: python -m tests.rig [STEP ...]    all steps, or those named; only all write the summary
"""

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from tests import readers
from tests.rig.made import ROOT, run

SUMMARY = ROOT / "docs" / "rig.md"
TRANSCRIPTS = SUMMARY.parent / "rig"
SHARED = ROOT.parent / "shared"


class Missing(Exception):
    """A system package that a step needs is not here; the message says which."""


def main(wanted: list[str]) -> int:
    """Run the steps; give 1 if one failed."""
    unknown = set(wanted) - {step.__name__ for step in STEPS}
    if unknown:
        print(f"no such step: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(2) as pool:  # Most of a step is waiting for processes.
        rows = list(pool.map(_run, [s for s in STEPS if not wanted or s.__name__ in wanted]))
    if not wanted:
        _write(rows)
    return int(any(verdict != "passed" for _, verdict, _, _ in rows))


def _run(step: Callable[[], str]) -> tuple[str, str, str, float]:
    began = time.monotonic()
    try:
        verdict, found = "passed", step()
    except Missing as error:
        verdict, found = "MISSING", str(error)
    except (AssertionError, subprocess.SubprocessError, OSError) as error:
        verdict, found = "FAILED", str(error)[-2000:]
    took_s = time.monotonic() - began
    print(f"{step.__name__} {verdict} in {took_s:.0f} s: {found}", flush=True)
    return step.__name__, verdict, found.strip().splitlines()[-1] if found else "", took_s


def _write(rows: list[tuple[str, str, str, float]]) -> None:
    commit = run("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD").strip()
    lines = [
        "# The rig's last run",
        "",
        f"`make rig` on {datetime.now(UTC):%Y-%m-%d}, at commit {commit}, Python"
        f" {sys.version.split()[0]}, {os.cpu_count()} processors.",
        "",
        "| step | verdict | what was found | s |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {verdict} | {found.replace('|', '/')} | {took_s:.0f} |"
        for name, verdict, found, took_s in rows
    ]
    for path in sorted(TRANSCRIPTS.glob("*.txt")):  # What a step wrote of what it saw.
        lines += ["", f"## {path.stem}", "", "```", path.read_text("utf-8").strip(), "```"]
    SUMMARY.parent.mkdir(exist_ok=True)
    SUMMARY.write_text("\n".join(lines) + "\n", "utf-8")


def kills() -> str:
    """200 seeded `kill -9` of each loop over one store, and one at each step between."""
    done = _python("-m", "tests.rig.kills")
    return done.strip().splitlines()[-1]


def replay() -> str:
    """200 `kill -9` of each of the five real processes while bursts are replayed."""
    return _python("-m", "tests.rig.replay", "200").strip().splitlines()[-1]


def powercut() -> str:
    """A hundred thousand cards that power cuts may leave, of the model and of real ext4."""
    return _python("-m", "tests.rig.powercut").strip().splitlines()[-1]


def soak() -> str:
    """Twenty thousand radio sessions over faulty modems of both kinds, as `make uplink-soak`."""
    return _python("-m", "tests.soak").strip().splitlines()[-1]


def card() -> str:
    """Full, thin and read-only cards of tmpfs and ext4 under a unit (root)."""
    if os.geteuid() != 0:
        raise Missing("root, to mount")
    _need("mkfs.ext4", "e2fsprogs")
    return _python("-m", "tests.rig.card").strip().splitlines()[-1]


def badcard() -> str:
    """Cards that stall, drop or refuse writes, or lose a sector, under a unit (root, FUSE)."""
    if os.geteuid() != 0:
        raise Missing("root, to mount")
    _need("mkfs.ext4", "e2fsprogs")
    _need("fusermount3", "fuse3")
    return _python("-m", "tests.rig.badcard").strip().splitlines()[-1]


def camera() -> str:
    """The real picamera2 on libcamera's virtual camera, in a Debian trixie root (root)."""
    if os.geteuid() != 0:
        raise Missing("root, for a Debian root")
    _need("mmdebstrap", "mmdebstrap")
    return _python("-m", "tests.rig.camera", _interpreter("3.13")).strip().splitlines()[-1]


def clean_clone() -> str:
    """`make demo` in a fresh clone with nothing beside it, then `make test`; unprivileged."""
    with tempfile.TemporaryDirectory(prefix="clone") as folder:
        clone = Path(folder) / "trapnode"
        run("git", "clone", "-q", str(ROOT), str(clone))
        Path(folder).chmod(0o755)
        user, python = _give_away(Path(folder)), f"PYTHON={_interpreter('3.11')}"
        demo = run(*user, "make", "-C", str(clone), "demo", python)
        assert "agree, id by id" in demo, demo[-2000:]
        if SHARED.is_dir():
            (Path(folder) / "shared").symlink_to(SHARED)
        test = run(*user, "make", "-C", str(clone), "test", python)
        return "demo agrees; " + next(x for x in reversed(test.splitlines()) if " passed" in x)


def sequences() -> str:
    """The demo over the real sequences of six cameras' owners, beside the checkout."""
    folder = SHARED / "data" / "sequences"
    if not folder.is_dir():
        raise Missing(str(folder))
    with tempfile.TemporaryDirectory() as out:
        said = _demo(Path(out), "--sequences", str(folder))
        assert "WRONG" not in said, said[-2000:]
        return said.strip().splitlines()[-1]


def other_python() -> str:
    """The tests on Python 3.13, with ai-edge-litert alone."""
    python = _interpreter("3.13")
    with tempfile.TemporaryDirectory() as folder:
        run(python, "-m", "venv", folder)
        pip = f"{folder}/bin/pip"
        run(pip, "install", "-q", "-e", f"{ROOT}[dev]")
        out = run(f"{folder}/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT))
        return out.strip().splitlines()[-1]


def wheel() -> str:
    """The built wheel alone in a fresh venv, away from the checkout, runs the demo."""
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, str(ROOT))
        (built,) = Path(folder).glob("*.whl")
        run(sys.executable, "-m", "venv", f"{folder}/venv")
        run(f"{folder}/venv/bin/pip", "install", "-q", str(built))
        out = run(f"{folder}/venv/bin/trapnode", "demo", "--out", f"{folder}/out", cwd=folder)
        assert "agree, id by id" in out, out[-2000:]
        return f"{built.name}, {built.stat().st_size / 1e6:.1f} MB: demo agrees id by id"


def exif() -> str:
    """ExifTool, an independent reader, finds every field we promise in a demo's frames."""
    tool = _need("exiftool", "libimage-exiftool-perl")
    with tempfile.TemporaryDirectory() as folder:
        _demo(Path(folder))
        frame = next(
            path
            for path in Path(folder, "store", "archive").rglob("*.jpg")
            if "preview" not in path.name
        )
        found = run(tool, "-G1", "-s", str(frame))
        for field in (
            "DateTimeOriginal",
            "OffsetTimeOriginal",
            "SubSecTimeOriginal",
            "Make",
            "Model",
            "SerialNumber",
            "ImageUniqueID",
            "UserComment",
            "Software",
        ):
            assert f" {field} " in found, f"{frame.name} lacks {field}:\n{found}"
        assert "GPS" not in found, found
        said = run(tool, "-validate", "-warning", "-a", str(frame)).strip().splitlines()
        return f"nine fields found, no GPS; ExifTool: {' '.join(said[0].split())}"


def keywords() -> str:
    """ExifTool reads in each dumped picture what observations.csv says, and the card's EXIF."""
    tool = _need("exiftool", "libimage-exiftool-perl")
    with tempfile.TemporaryDirectory() as folder:
        _demo(Path(folder))
        dump, card = Path(folder, "dump"), Path(folder, "store", "archive")
        fields = ("-json", "-r", "-HierarchicalSubject", "-Subject", "-Rating")
        found = json.loads(run(tool, *fields, str(dump / "media")))
        told = {Path(each["SourceFile"]).name: each for each in found}
        with (dump / "observations.csv").open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["mediaID"]]
        paths = {path.name.replace(".preview", ""): path for path in dump.glob("media/**/*.jpg")}
        for row in rows:
            path = paths[row["mediaID"] + ".jpg"]
            subjects = told[path.name]["HierarchicalSubject"]
            assert f"Observation|{row['observationType']}" in subjects, (path.name, subjects)
            if row["scientificName"]:
                assert f"Species|{row['scientificName']}" in subjects, (path.name, subjects)
        rated = [name for name, each in told.items() if each.get("Rating") == 5]
        listed = (dump / "individual_id.csv").read_text("utf-8")
        assert all(name in listed for name in rated)
        assert listed.count("media/") == len(rated), (rated, listed)
        path = next(each for each in paths.values() if ".preview" not in each.name)
        before, after = (
            run(tool, "-EXIF:all", "-G1", "-s", str(each))
            for each in (card / path.relative_to(dump / "media"), path)
        )
        assert before == after, f"{path.name}: EXIF differs from the card's"
        return f"keywords of {len(told)} pictures agree, {len(rated)} rated, EXIF is the card's"


def page() -> str:
    """Headless Chromium uses the dump's page, of few and of 10,000 sequences, wide and narrow."""
    _need("chromium", "chromium")
    with tempfile.TemporaryDirectory() as folder:
        _demo(Path(folder))
        return _python("-m", "tests.rig.page", f"{folder}/dump").strip().splitlines()[-1]


def guide() -> str:
    """The field guides, printed by headless Chromium: two pages of A4."""
    _need("chromium", "chromium")
    with tempfile.TemporaryDirectory() as folder:
        return _python("-m", "tests.rig.guide", folder).strip()


def walk() -> str:
    """README's "A researcher's walk", command by command, from a sealed demo to its readers."""
    _need("exiftool", "libimage-exiftool-perl")
    if not readers.is_here():
        raise Missing("megadetector-utils: pip install '.[readers]'")
    _python("-m", "pytest", "-q", "tests/test_megadetector.py", "tests/test_classify.py")
    return _python("-m", "tests.rig.walk").strip().splitlines()[-1]


def systemd() -> str:
    """systemd's own checker has nothing to say about the units."""
    tool = _need("systemd-analyze", "systemd")
    with tempfile.TemporaryDirectory() as folder:
        units = []
        for unit in sorted((ROOT / "systemd").glob("*.service")):
            text = unit.read_text("utf-8").replace("/usr/bin/trapnode", "/bin/true")
            units.append(Path(folder, unit.name))
            units[-1].write_text(text, "utf-8")
        for target in (ROOT / "systemd").glob("*.target"):
            shutil.copy(target, folder)
        done = subprocess.run(
            [tool, "verify", *map(str, units)], capture_output=True, text=True, check=False
        )
        assert not done.stderr.strip(), done.stderr
        return f"{len(units)} units verified clean"


def package() -> str:
    """The Debian package in a clean Debian 12, and 13, with systemd as PID 1 (root)."""
    if os.geteuid() != 0:
        raise Missing("root, for a container")
    _need("mmdebstrap", "mmdebstrap")
    _need("systemd-nspawn", "systemd-container")
    said = [_python("-m", "tests.rig.package", suite) for suite in ("bookworm", "trixie")]
    return "; ".join(each.strip().splitlines()[-1] for each in said)


def aarch64() -> str:
    """Under qemu-user the arm64 package finds in pictures what is found here, at length."""
    _need("mmdebstrap", "mmdebstrap")
    return _python("-m", "tests.rig.aarch64").strip().splitlines()[-1]


def thief() -> str:
    """The raw image of a sealed card: no picture, no private key; of an open one: all."""
    if os.geteuid() != 0:
        raise Missing("root, to mount an image")
    return _python("-m", "tests.rig.thief").strip()


def readonly() -> str:
    """A whole unit on a read-only root in qemu: cut, torn, without its data partition (root)."""
    if os.geteuid() != 0:
        raise Missing("root, to mount an image")
    _need("qemu-system-x86_64", "qemu-system-x86")
    _need("mmdebstrap", "mmdebstrap")
    _need("sfdisk", "fdisk")
    # Mounts of its own: a container that starts meanwhile would keep them.
    done = run("unshare", "--mount", sys.executable, "-m", "tests.rig.readonly", cwd=ROOT)
    return done.strip().splitlines()[-1]


def fuzz() -> str:
    """Fuzz every parser of bytes from outside for a minute, guided by coverage (atheris)."""
    if importlib.util.find_spec("atheris") is None:
        raise Missing("atheris: pip install '.[fuzz]'")
    return _python("-m", "tests.rig.fuzz", "60").strip().splitlines()[-1]


STEPS = (
    kills,
    replay,
    powercut,
    soak,
    card,
    badcard,
    camera,
    clean_clone,
    sequences,
    other_python,
    wheel,
    exif,
    keywords,
    page,
    guide,
    walk,
    systemd,
    package,
    aarch64,
    thief,
    readonly,
    fuzz,
)


def _demo(out: Path, *more: str) -> str:
    done = _python("-m", "trapnode", "demo", "--rate", "120", "--out", str(out), *more)
    assert "agree, id by id" in done, done[-2000:]
    return done


def _python(*arguments: str) -> str:
    return run(sys.executable, *arguments, cwd=ROOT)


def _need(tool: str, package: str) -> str:
    found = shutil.which(tool)
    if found is None:
        raise Missing(f"{tool} (Debian: apt install {package})")
    return found


def _interpreter(version: str) -> str:
    """Find a Python that runs: the system's, which every user may run, or one of pyenv's."""
    system = Path(f"/usr/bin/python{version}")
    others = Path.home().glob(f".pyenv/versions/{version}*/bin/python{version}")
    found = [path for path in (system, *sorted(others)) if path.exists()]
    if not found:
        raise Missing(f"Python {version} (Debian: apt install python{version}-venv)")
    return str(found[0])


def _give_away(folder: Path) -> tuple[str, ...]:
    """As root: hand the folder to an unprivileged user and give the words that run as him."""
    if os.geteuid() != 0:
        return ()
    shutil.chown(folder, "nobody", "nogroup")
    run("chown", "-R", "nobody:nogroup", str(folder))
    home = f"HOME={folder}"
    return ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", home)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
