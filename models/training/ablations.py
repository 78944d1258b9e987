"""What each ingredient of the training data buys, place by place held out.

usage: python -m models.training.ablations --data ../shared/data --models models --stamps FOLDER

Every row is a head trained anew with that ingredient, judged as the evaluation judges: by heads
and thresholds that saw nothing of a frame's place; a composite by heads that saw neither its ground
nor its animal.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from models.training import folds, pasted
from models.training.folds import Rows
from models.training.report import table
from models.training.trials import Bench, Mask, bench_of, figures

HEAD = """# What each ingredient buys

Written by `python -m models.training.ablations`. Every row is a head trained anew, judged by heads
that saw nothing of a frame's place. These heads are thin, so that a table takes
minutes: whole frames, best crops and empty windows without other looks, 128 directions, 20 steps.
Compare rows with the first one, not with the evaluation of what ships. One line keeps 97 % of the
living trap frames in every row; frames are judged alone. Composites count apart, judged by heads
that saw neither their ground's place nor their animal's; their grounds are the same frames without
the animal. *Windows* are pieces of boxed photographs outside the box.
"""
Ingredients = Callable[[Bench], Sequence[Rows]]  # the first: all that is learned without them


def _all(bench: Bench) -> Mask:
    return np.ones(len(bench.made), bool)


ROWS: dict[str, Ingredients] = {
    "no composites": lambda b: [b.rows],
    "all composites": lambda b: [b.rows, b.rows_of(_all(b))],
    "all composites, weight 3": lambda b: [b.rows, b.rows_of(_all(b), 3.0)],
    "boxed leopards": lambda b: [b.rows, b.rows_of(b.cut & b.labelled("leopard"))],
    "boxed other animals": lambda b: [b.rows, b.rows_of(b.cut & ~b.labelled("leopard"))],
    "stamps": lambda b: [b.rows, b.rows_of(~b.cut & ~b.labelled("blank"))],
    "twins without animals": lambda b: [b.rows, b.rows_of(b.labelled("blank"))],
    "windows outside boxes, weight 4": lambda b: [b.rows, b.windows],
    "leopards at 0.25, the others at 1": lambda b: [b.rows, *pasted.balanced(b.made, b.said)],
    "the same and windows, weight 4": lambda b: [
        b.rows,
        *pasted.balanced(b.made, b.said),
        b.windows,
    ],
    "blanks of every trap site alike": lambda b: [folds.sites_alike(b.rows)],
    "sites alike; stamps, boxed others, twins": lambda b: [
        folds.sites_alike(b.rows),
        b.rows_of(~b.labelled("leopard")),
    ],
    "sites alike; the same, leopards at 0.25": lambda b: [
        folds.sites_alike(b.rows),
        *pasted.balanced(b.made, b.said),
    ],
    "sites alike; the same; windows, weight 4": lambda b: [
        folds.sites_alike(b.rows),
        *pasted.balanced(b.made, b.said),
        b.windows,
    ],
}


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description="Measure what each ingredient buys.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--stamps", type=Path, help="unpacked tuxpaint-stamps-default")
    parser.add_argument("--only", nargs="*", default=list(ROWS))
    options = parser.parse_args()
    bench = bench_of(options.data, options.models / "yolox-tiny.tflite", options.stamps)
    rows, heads = [], [""]
    for name in options.only:
        said = figures(bench, ROWS[name](bench))
        heads = ["training data", *said]
        rows.append([name, *said.values()])
        print(" | ".join(rows[-1]), flush=True)
    text = f"{HEAD}\n{table(heads, rows)}\n\n{(Path(__file__).parent / 'pays.md').read_text()}"
    (Path(__file__).parent / "ablations.md").write_text(text)


if __name__ == "__main__":
    main()
