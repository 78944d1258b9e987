"""The models on aarch64: what the arm64 package finds in pictures, beside what is found here.

usage: python -m tests.rig.aarch64 [PICTURES_OF_EACH_KIND]

The package that `deb.sh` builds is unpacked beside Debian 12's arm64 Python, numpy and Pillow, and
its `trapnode classify` runs under qemu-user as on a Cortex-A53, the Zero 2 W's processor; here, the
same code runs on this machine. Once with ai-edge-litert, which the package ships, on both sides;
once with tflite-runtime, the named alternative. Pictures are the demo's bursts and, where the data
are beside the checkout, so many of each kind, those of camera traps first. Near a tie of two
labels, or near a threshold of the card, another verdict or label is told and counted; anywhere else
it fails.

qemu is Debian 13's (10.0), unpacked, too: under Debian 12's (7.2) ai-edge-litert's wheel dies of a
segmentation fault. Needs mmdebstrap, no root; what is downloaded stays in ~/.cache/trapnode-rig.
"""

import csv
import hashlib
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.rig.made import ROOT, once, package, run

DATA = ROOT.parent / "shared" / "data"
EACH = 6
CARD = ROOT / "models" / "amur.json"
NEAR = 0.25  # Log-odds: kernels of two processors are not bit-identical, some steps of 256 apart.
DEPENDS = "python3,python3-cryptography,python3-numpy,python3-piexif,python3-pil,python3-serial"
TFLITE = "tflite-runtime==2.14.0"
CLASSIFY = "import sys; {}from trapnode.cli import main; sys.exit(main())"
RUNTIMES = {  # And what makes `classify` choose it.
    "ai-edge-litert": "",
    "tflite-runtime": "sys.modules['ai_edge_litert'] = None; ",  # As if it were not there.
}

Rows = dict[str, dict[str, str]]  # By picture: the lines of classify's CSV.
Command = tuple[str, ...]


@dataclass(slots=True)
class Difference:
    """How what two runtimes found in the same pictures differs."""

    pictures: int
    verdicts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    near: list[str] = field(default_factory=list)  # Verdicts and labels near a line or a tie.
    best: list[float] = field(default_factory=list)  # Of the probability of the one's label.

    @property
    def told(self) -> list[str]:
        """Every picture that differs."""
        return [*self.verdicts, *self.labels, *(f"near: {each}" for each in self.near)]

    def __str__(self) -> str:
        """Say it in figures."""
        return (
            f"{len(self.verdicts)} verdicts and {len(self.labels)} labels differ, and"
            f" {len(self.near)} near a line; the label's probability by"
            f" {sum(self.best) / len(self.best):.3f} on average, {max(self.best):.3f} at most"
        )


def main(each: int) -> int:
    """Compare; give 1 where aarch64 finds another verdict or label than x86-64."""
    said, bad = [], 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        work = Path(folder)
        kinds = list(_kinds(work / "pictures", each))
        emulated = _emulated(work / "package")
        for name, choice in RUNTIMES.items():
            script = CLASSIFY.format(choice)
            runs = (sys.executable, "-c", script), (*emulated, "-c", script)
            here, there = (_all(pool.map(partial(_classify, run), kinds)) for run in runs)
            found = compare(here, there)
            for line in found.told:
                print(f"{name}: {line}", file=sys.stderr)
            said.append(f"{name}: {found}")
            bad += len(found.verdicts) + len(found.labels)
    print(
        f"{found.pictures} pictures of {len(kinds)} kinds, here and on aarch64: {'; '.join(said)}"
    )
    return int(bool(bad))


def compare(one: Rows, other: Rows) -> Difference:
    """Compare what was found in the same pictures."""
    assert one.keys() == other.keys(), one.keys() ^ other.keys()
    lines = json.loads(CARD.read_text("utf-8"))["thresholds"]
    found = Difference(len(one))
    for name, row in one.items():
        pair = row, other[name]
        said = f"{'/'.join(Path(name).parts[-2:])}: {' / '.join(map(_said, pair))}"
        if row["verdict"] != other[name]["verdict"]:
            near = any(_near_line(each, lines) for each in pair)
            (found.near if near else found.verdicts).append(said)
        if row["label"] != other[name]["label"]:
            (found.near if any(map(_near_tie, pair)) else found.labels).append(said)
        of_label = (
            [float(each[f"p_{row['label']}"]) for each in pair] if row["probability"] else [0]
        )
        found.best.append(max(of_label) - min(of_label))
    return found


def _near_line(row: dict[str, str], lines: dict[str, float]) -> bool:
    """Say whether a probability is so near its threshold that a step of the models crosses it."""
    told = ((row["p_blank"], lines["blank"]), (row["p_leopard"], lines["target"]))
    return any(abs(_odds(float(p)) - _odds(line)) <= NEAR for p, line in told)


def _near_tie(row: dict[str, str]) -> bool:
    first, second = (float(p) for p, _ in _ranked(row)[:2])
    return _odds(first) - _odds(second) <= NEAR


def _odds(p: float) -> float:
    p = min(max(p, 1e-4), 1 - 1e-4)
    return math.log(p / (1 - p))


def _ranked(row: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(((row[key], key[2:]) for key in row if key.startswith("p_")), reverse=True)


def _said(row: dict[str, str]) -> str:
    return f"{row['verdict']} {', '.join(f'{label} {p}' for p, label in _ranked(row)[:2])}"


def _kinds(folder: Path, each: int) -> Iterator[Path]:
    """Lay out the pictures, a folder for each kind: the demo's bursts, then the data's labels."""
    shutil.copytree(ROOT / "trapnode" / "sim" / "pictures", folder / "demo")
    yield folder / "demo"
    if not DATA.is_dir():
        return
    by_label: dict[str, list[tuple[bool, str, str]]] = {}
    with (DATA / "index.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            path = row["path"]
            lot = row["camera_trap"] != "1", hashlib.md5(path.encode()).hexdigest(), path
            by_label.setdefault(row["label"], []).append(lot)
    for label, lots in sorted(by_label.items()):
        kind = folder / label
        kind.mkdir()
        for number, (_, _, path) in enumerate(sorted(lots)[:each]):
            shutil.copy(DATA / path, kind / f"{number:03}-{Path(path).name}")
        yield kind


def _all(found: Iterable[Rows]) -> Rows:
    return {name: row for rows in found for name, row in rows.items()}


def _classify(command: Command, kind: Path) -> Rows:
    """Run `trapnode classify`: the demo's bursts have a verdict each, other pictures their own."""
    bursts = ("--by-folder",) if kind.name == "demo" else ()
    lines = run(*command, "classify", str(kind), *bursts, "--csv", "-", cwd=ROOT).splitlines()
    return {row["file"]: row for row in csv.DictReader(lines)}


def _emulated(folder: Path) -> Command:
    """Build and unpack the package for arm64; give what runs its Python."""
    unpacked, pip = ("mmdebstrap", "--variant=extract"), (sys.executable, "-m", "pip", "install")
    qemu = once(  # A static program.
        "qemu", lambda part: run(*unpacked, "--include=qemu-user", "trixie", part)
    )
    arm64 = ("--architectures=arm64", f"--include={DEPENDS}", "bookworm")
    root = once("bookworm-arm64", lambda part: run(*unpacked, *arm64, part))  # Not set up.
    wheel = ("--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_34_aarch64")
    tflite = once(
        "tflite-aarch64",
        lambda part: run(*pip, "-q", "--no-deps", *wheel, "--target", part, TFLITE),
    )
    run("dpkg-deb", "-x", package("arm64", folder, COMPRESS="none"), folder)
    libraries, path = "/usr/lib/aarch64-linux-gnu", f"{folder}/usr/lib/trapnode:{tflite}"
    return (
        str(qemu / "usr" / "bin" / "qemu-aarch64"), "-cpu", "cortex-a53", "-L", str(root),
        "-E", f"LD_LIBRARY_PATH={libraries}/blas:{libraries}/lapack", "-E", f"PYTHONPATH={path}",
        str(root / "usr" / "bin" / "python3.11"), "-sP",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else EACH))
