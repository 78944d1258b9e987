"""The evaluation as a Markdown page: what a researcher must know before trusting the filter.

usage: python -m models.training.report --data ../shared/data --card models/lite0-amur.json
Needs no training packages: it runs in the product's environment, on either runtime.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from models.training.evaluate import (
    Figures,
    Judged,
    blank,
    discarded,
    measure,
    separation,
    wilson,
)

# Its frames are in the training split: its figures say only that training worked.
TRAINING_PLACES = ("mlwic_CA-01", "mlwic_site_CA-01")
LEVELS = (0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9)


def report(figures: Figures) -> str:
    """Write everything measured, trap frames apart from photographs."""
    trap = [frame for frame in figures.frames if frame.trap]
    photographs = [frame for frame in figures.frames if not frame.trap]
    limits = ", ".join(f"{name} {value:g}" for name, value in figures.thresholds.items())
    parts = [
        f"Model `{figures.model}` on {figures.runtime}, thresholds: {limits}. A frame is dropped "
        "when P(blank) reaches `blank` and P(leopard) stays under `target`. Shares carry their "
        "95 % Wilson intervals. Nothing below was seen in training but the sequences marked so.",
        "## Camera-trap frames of sites never trained on",
        _filter(figures, trap),
        "### By site",
        _by_place(figures, trap),
        "### What other blank thresholds would have done (not used to choose)",
        _levels(figures, trap),
        "### Labels",
        _labels(figures, trap),
        "## Photographs",
        "Easier than trap frames, and no measure of the filter: blanks are landscapes.",
        _filter(figures, photographs),
        _labels(figures, photographs),
        "## Whole sequences",
        _sequences(figures),
    ]
    return "\n\n".join(parts) + "\n"


def summary(figures: Figures) -> dict[str, object]:
    """Give the figures a card carries: trap frames of held-out sites."""
    trap = [frame for frame in figures.frames if frame.trap]
    rows = {name: wilson(*counts) for name, counts in _counts(figures, trap)}
    return {"held_out_trap_frames": rows, "separation_blank_living": round(separation(trap), 3)}


def _counts(figures: Figures, frames: Sequence[Judged]) -> list[tuple[str, tuple[int, int]]]:
    leopards = [frame for frame in frames if frame.truth == "leopard"]
    living = [frame for frame in frames if frame.truth != "blank"]
    blanks = [frame for frame in frames if frame.truth == "blank"]
    return [
        ("living frames kept", (len(living) - _dropped(figures, living), len(living))),
        ("leopard frames kept", (len(leopards) - _dropped(figures, leopards), len(leopards))),
        ("blank frames dropped", (_dropped(figures, blanks), len(blanks))),
        ("leopards named leopard", (_right(leopards), len(leopards))),
        ("living frames named right", (_right(living), len(living))),
    ]


def _filter(figures: Figures, frames: Sequence[Judged]) -> str:
    rows = [(name, wilson(*counts)) for name, counts in _counts(figures, frames)]
    rows.append(("separation of blank and living (area under curve)", f"{separation(frames):.3f}"))
    return _table(("measure", "value"), rows)


def _by_place(figures: Figures, frames: Sequence[Judged]) -> str:
    rows = []
    for place in sorted({frame.place for frame in frames}):
        here = [frame for frame in frames if frame.place == place]
        kept, _, dropped, _, _ = (counts for _, counts in _counts(figures, here))
        rows.append((place, wilson(*kept), wilson(*dropped)))
    return _table(("site", "living kept", "blanks dropped"), rows)


def _levels(figures: Figures, frames: Sequence[Judged]) -> str:
    rows = []
    for level in LEVELS:
        living = [f.shares["blank"] < level for f in frames if f.truth != "blank"]
        blanks = [f.shares["blank"] >= level for f in frames if f.truth == "blank"]
        kept, dropped = wilson(sum(living), len(living)), wilson(sum(blanks), len(blanks))
        rows.append((f"{level:g}", kept, dropped))
    return _table(("P(blank) from", "living kept", "blanks dropped"), rows)


def _labels(figures: Figures, frames: Sequence[Judged]) -> str:
    counts = Counter((frame.truth, frame.said) for frame in frames)
    rows = []
    for truth in figures.labels:
        of = sum(counts[truth, said] for said in figures.labels)
        if of:
            cells = [str(counts[truth, said] or ".") for said in figures.labels]
            rows.append((f"**{truth}**", *cells, wilson(counts[truth, truth], of)))
    return "Rows are the truth, columns the likeliest label.\n\n" + _table(
        ("", *figures.labels, "right"), rows
    )


def _sequences(figures: Figures) -> str:
    rows, kept, dropped = [], [], []
    for name, frames in sorted(figures.sequences.items()):
        living = any(frame.truth != "blank" for frame in frames)
        gone = discarded(frames, figures.thresholds)
        alone = sum(blank(frame, figures.thresholds) for frame in frames)
        lowest = min(frame.shares["blank"] for frame in frames)
        trained = frames[0].place in TRAINING_PLACES
        if not trained:
            (kept if living else dropped).append(gone != living)
        truth = "living" if living else "blank"
        row = (name, truth, "discard" if gone else "keep", f"{alone} of {len(frames)}")
        rows.append((*row, f"{lowest:.3f}", "yes" if trained else ""))
    heads = ("sequence", "truth", "verdict", "frames blank", "lowest P(blank)", "site trained on")
    return (
        f"Sites never trained on: living sequences kept {wilson(sum(kept), len(kept))}; "
        f"blank sequences discarded {wilson(sum(dropped), len(dropped))}.\n\n" + _table(heads, rows)
    )


def _dropped(figures: Figures, frames: Iterable[Judged]) -> int:
    return sum(blank(frame, figures.thresholds) for frame in frames)


def _right(frames: Iterable[Judged]) -> int:
    return sum(frame.said == frame.truth for frame in frames)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Print the report of a model that is already there."""
    parser = argparse.ArgumentParser(description="Measure a shipped model.")
    parser.add_argument("--data", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--card", type=Path, required=True)
    parser.add_argument("--runtime", choices=["ai-edge-litert", "tflite-runtime"])
    options = parser.parse_args()
    print(report(measure(options.card, options.data, options.runtime)))


if __name__ == "__main__":
    main()
