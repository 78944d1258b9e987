"""The unit's own judge on both runtimes, over the same frames.

usage: python -m models.training.runtimes --data ../shared/data --set .training/held/amur.json

Runs where both runtimes are: in `.venv`, whose numpy is older than that of training. What it
finds goes, once for each runtime and state of the models, into `runtimes-*.json` beside the set.
"""

import argparse
import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from models.training.evaluate import Sample, calibration
from models.training.pictures import Picture, read_index
from models.training.report import table
from models.training.views import unit_preview
from trapnode.devices.judge import TfliteJudge
from trapnode.devices.tflite import RUNTIMES, Runtime

Said = dict[str, dict[str, float]]  # by path, by label


def frames(data: Path) -> list[Picture]:
    """Take the single trap frames of `val`."""
    return [each for each in read_index(data) if each.split == "val" and each.trap]


def state(card: Path, also: str) -> str:
    """Name all that a set's answers hang on: its models, weights and thresholds, and `also`."""
    described = json.loads(card.read_text())
    key = hashlib.sha256(f"{also} {described['fusion']} {described['thresholds']}".encode())
    for model in sorted(card.parent.glob("*.tflite")):
        key.update(model.read_bytes())
    return key.hexdigest()[:12]


def answers(data: Path, card: Path, runtime: Runtime) -> Said:
    """Give what the set says of each frame; from the file if the models are the same."""
    path = card.parent / f"runtimes-{runtime}-{state(card, runtime)}.json"
    if not path.exists():
        judge = TfliteJudge(card, runtime=runtime)
        said = {}
        for picture in frames(data):
            [judgement] = judge.judge([unit_preview(picture.path.read_bytes())])
            if judgement.scores is not None:
                said[str(picture.path)] = dict(judgement.scores.by_label)
        path.write_text(json.dumps(said))
    found: Said = json.loads(path.read_text())
    return found


def section(data: Path, card: Path, python: Path) -> str:
    """Write calibration on each runtime, and where they part; `python` has both runtimes."""
    command = [str(python), "-m", "models.training.runtimes", "--data", str(data)]
    subprocess.run([*command, "--set", str(card)], check=True)
    said = {runtime: answers(data, card, runtime) for runtime in RUNTIMES}
    truth = {str(each.path): each.label for each in frames(data)}
    rows = [
        [runtime, str(len(each)), calibration(_blank(each, truth)), calibration(_best(each, truth))]
        for runtime, each in said.items()
    ]
    ours, theirs = said.values()
    both = sorted(ours.keys() & theirs.keys())
    same = [_label(ours[path]) == _label(theirs[path]) for path in both]
    gaps = np.array([abs(ours[path]["blank"] - theirs[path]["blank"]) for path in both])
    heads = ["runtime", "frames", "error of P(blank)", "error of the likeliest label"]
    return (
        f"{table(heads, rows)}\n\nThe runtimes give the same label on {np.mean(same):.1%}"
        f" of {len(both)} frames; P(blank) differs by {gaps.mean():.3f} on average,"
        f" {gaps.max():.2f} at most."
    )


def _label(said: Mapping[str, float]) -> str:
    return max(said, key=lambda label: said[label])


def _blank(said: Said, truth: Mapping[str, str]) -> Sample:
    was = np.array([truth[path] == "blank" for path in said])
    return np.array([each["blank"] for each in said.values()]), was


def _best(said: Said, truth: Mapping[str, str]) -> Sample:
    was = np.array([_label(each) == truth[path] for path, each in said.items()])
    return np.array([max(each.values()) for each in said.values()]), was


def main() -> None:
    """Fill the files for both runtimes."""
    parser = argparse.ArgumentParser(description="Ask a set on both runtimes.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", type=Path, required=True, help="card of the set")
    options = parser.parse_args()
    for runtime in RUNTIMES:
        answers(options.data, options.set, runtime)


if __name__ == "__main__":
    main()
