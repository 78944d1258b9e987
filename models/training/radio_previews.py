"""Which codec and size shows the most of a leopard in one or two kilobytes.

usage: python -m models.training.radio_previews --data ../shared/data   (needs no training packages)

Each picture is first made as small as a unit's own preview (640 px), then its labelled box is cut
out in grey. What each codec makes of it within a number of bytes is brought to the size of the
longest side measured, and compared with the box there: SSIM (Wang et al. 2004, windows of 7x7).
"""

import argparse
import csv
import io
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image

from models.training.report import table
from trapnode.devices.radio_preview import CODECS, encoded, subject
from trapnode.model import Detection

assert AvifImagePlugin.SUPPORTED
OPTIONS = {"AVIF": {"speed": 6, "subsampling": "4:0:0", "max_threads": 1}, **CODECS}
SIDES = (96, 128, 160, 192, 256)
BYTES = (800, 1200, 1600)
REFERENCE = 320  # Pixels of the longer side at which all are compared.
WINDOW = 7
LUMINANCE, CONTRAST = (0.01 * 255) ** 2, (0.03 * 255) ** 2
Pixels = NDArray[np.float64]


def boxes(data: Path, label: str = "leopard") -> Iterator[Image.Image]:
    """Give each labelled target's box as a unit has it, in grey."""
    with (data / "index.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["label"] != label or not row["w"]:
                continue
            box = Detection(*(float(row[key]) for key in "xywh"), 1.0)
            picture = Image.open(data / row["path"]).convert("RGB")
            picture.thumbnail((640, 640))
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=80)
            cut = subject(out.getvalue(), box)
            if max(cut.size) >= max(SIDES):
                yield cut


def ssim(one: Pixels, other: Pixels) -> float:
    """Give the structural similarity of two grey pictures of one size, 1 for the same."""
    mean_one, mean_other = _mean(one), _mean(other)
    var_one = _mean(one * one) - mean_one**2
    var_other = _mean(other * other) - mean_other**2
    both = _mean(one * other) - mean_one * mean_other
    top = (2 * mean_one * mean_other + LUMINANCE) * (2 * both + CONTRAST)
    bottom = (mean_one**2 + mean_other**2 + LUMINANCE) * (var_one + var_other + CONTRAST)
    return float((top / bottom).mean())


def _mean(picture: Pixels) -> Pixels:
    """Give the mean of each window."""
    sums = np.pad(picture, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    w = WINDOW
    return np.asarray((sums[w:, w:] - sums[:-w, w:] - sums[w:, :-w] + sums[:-w, :-w]) / w**2)


def compare(cut: Image.Image, codec: str, side: int, most: int) -> tuple[float, int, float]:
    """Give SSIM, bytes and seconds of one picture; SSIM 0 where nothing fits."""
    small = cut.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    began = time.process_time()
    data = encoded(small, codec, most, OPTIONS[codec])
    took = time.process_time() - began
    if not data:
        return 0.0, 0, took
    scale = REFERENCE / max(cut.size)
    size = max(16, round(cut.width * scale)), max(16, round(cut.height * scale))
    shown = Image.open(io.BytesIO(data)).convert("L").resize(size, Image.Resampling.BICUBIC)
    wanted = cut.resize(size, Image.Resampling.BICUBIC)
    return ssim(np.asarray(wanted, float), np.asarray(shown, float)), len(data), took


def main() -> None:
    """Print a table: for each number of bytes and codec, the median SSIM at each size."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, required=True)
    arguments.add_argument("--most", type=int, default=24, help="pictures, spread over all")
    chosen = arguments.parse_args()
    cuts = list(boxes(chosen.data))
    cuts = cuts[:: -(-len(cuts) // chosen.most)]
    print(f"{len(cuts)} pictures\n")
    rows = []
    for most in BYTES:
        for codec in OPTIONS:
            found = {side: [compare(cut, codec, side, most) for cut in cuts] for side in SIDES}
            medians = [f"{statistics.median(e[0] for e in found[side]):.3f}" for side in SIDES]
            took = statistics.median(each[2] for each in found[128])
            rows.append([str(most), codec, *medians, f"{took * 1000:.0f} ms"])
    print(table(["bytes", "codec", *(f"{side} px" for side in SIDES), "processor, 128 px"], rows))


if __name__ == "__main__":
    main()
