"""The parts of the model card, from the figures of all held-out verdicts."""

import csv
import json
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from models.training import (
    baselines,
    counts,
    floors,
    latency,
    others,
    page,
    plots,
    quantised,
    report,
    robust,
    runtimes,
    train,
)
from models.training.corrections import read_corrections
from models.training.evaluate import bins, calibration
from models.training.gathered import CACHE, Gathered, Options, timed
from models.training.pictures import LABELS

SET = train.SET_NAME
HELD_SET = CACHE / "held" / f"{SET}.json"
COLOUR = 3.0  # grey levels between the channels, on average; under it a frame is infra-red
HOW = (
    "Written by `make evaluate`. Unless a section says otherwise, every frame and sequence is "
    "judged by a head that saw no picture of its place and by thresholds chosen on other places, "
    "by heads that saw neither. A sequence is dropped when every frame is blank and none may be a "
    "leopard. Shares carry their 95 % Wilson intervals, which take frames as independent: frames "
    'of one site are not, so read the tables by site, too. "Doubted labels" are the frames of '
    "`training/corrections.csv`, where a second look found nothing, or was not sure."
)
LINES = {
    "blank": "a frame is blank from this P(blank) on: the highest line at which no known place, "
    "and no group of them, loses more than 3 % of its living frames (doubted labels apart), "
    "and no trap leopard comes nearer than 0.5 in log-odds",
    "target": "a frame with a P(leopard) from here on is never dropped: half of what the least "
    "sure leopard of all reaches",
    "unknown": "a label less probable is not claimed: three of four claims are right then",
    "box": "a box with this score and more is an individual: the least score at which one animal "
    "is counted as several in at most 5 % of the pictures that have a box (see Counts)",
}


def sections(all_: Gathered, card: Mapping[str, Any], options: Options) -> list[str]:
    """Write the card part by part, the most important first."""
    both = timed("float and int8", _pair, all_, options)
    doubted = {str((options.data / path).resolve()) for path in read_corrections()}
    limits = [[name, f"{card['thresholds'][name]:g}", means] for name, means in LINES.items()]
    return [
        f"# Model card: `{card['name']}-{card['version']}`",
        _prose("about"),
        HOW,
        "## Thresholds, and how they were chosen",
        report.table(["line", "at", "means"], limits),
        "## Asked and measured",
        floors.section(all_.outcomes.frames, all_.outcomes.sequences, doubted, both.macro_gap),
        *_verdicts(all_, doubted, options),
        "## What each witness buys",
        timed("ablation", page.ablation, all_.groups, all_.held),
        "## Against what one would pick instead",
        _prose("others"),
        timed("other filters", _others, all_, options),
        *_worth(all_, both, options),
        "## Counts",
        _prose("counts"),
        counts.section(all_.frames, all_.found, options.data),
        "## Damage",
        _prose("damage"),
        timed("damage", robust.section, options.data, HELD_SET),
        "## What a frame costs",
        _prose("latency"),
        timed("latency", latency.section, options.models / f"{SET}.json"),
        _prose("limits"),
        "## Weights and data, with their licences",
        _licences(options),
    ]


def _prose(name: str) -> str:
    return (Path(__file__).parent / f"{name}.md").read_text().rstrip()


def _verdicts(all_: Gathered, doubted: Collection[str], options: Options) -> list[str]:
    """Write what became of frames and sequences, group by group."""
    trap, sequences = all_.outcomes.trap, all_.outcomes.sequences
    source = {frame.path: frame.source or frame.fold for frame in all_.frames}
    light = {each.path: _light(each.path) for each in [*trap, *sequences]}
    pairs = Counter((each.truth, each.said) for each in trap)
    title = "Single trap frames, places held out: truth by row, kept as by column"
    (options.models / f"{SET}.confusion.svg").write_text(plots.confusion(LABELS, pairs, title))
    return [
        "## Single camera-trap frames",
        page.single(trap, doubted),
        "### By label",
        report.by_label(trap),
        f"![Who is taken for whom]({SET}.confusion.svg)",
        "### By day and night",
        "Grey frames are infra-red; CA-01's white flash at night counts as colour.",
        report.grouped(trap, "frames", lambda each: light[each.path]),
        report.grouped(sequences, "sequences", lambda each: light[each.path]),
        "### By source",
        report.grouped(trap, "source", lambda each: source[each.path]),
        "### By site",
        report.by_place(trap),
        "### Once the site's blanks are known",
        "The same frames, each judged alone with what the site's memory would hold by then.",
        page.single([each for each in all_.outcomes.known if each.trap], doubted),
        "## Whole sequences",
        page.whole(sequences),
        "## Photographs",
        "Easier than trap frames, and no measure of the filter: blanks are landscapes.",
        report.figures({"photographs": all_.outcomes.photographs}),
        report.by_label(all_.outcomes.photographs),
    ]


def _others(all_: Gathered, options: Options) -> str:
    compared = others.filters(all_.frames, all_.found, all_.groups, options.data,
                                 options.packages, CACHE / "others")  # fmt: skip
    return baselines.section(compared, all_.outcomes.frames, all_.outcomes.sequences)


def _worth(all_: Gathered, both: quantised.Pair, options: Options) -> list[str]:
    """Write and draw what a probability is worth, and what int8 changes."""
    blanks = page.blanks_said(all_.outcomes.trap)
    series = {
        "P(blank) of the set, all trap frames, places held out": blanks,
        "likeliest label, float classifier, val": both.sure(both.floating),
        "likeliest label, int8 classifier, val": both.sure(both.int8),
    }
    drawn = {name: bins(sample) for name, sample in series.items()}
    title = "How often it was so, against how probable it was said to be"
    (options.models / f"{SET}.calibration.svg").write_text(plots.reliability(drawn, title))
    return [
        "## What a probability is worth",
        f"![{title}]({SET}.calibration.svg)",
        "Expected calibration error, ten bins, 95 % bootstrap interval over frames. P(blank) of "
        f"all single trap frames, places held out: {calibration(blanks)}. Below, the unit's own "
        "code with an int8 classifier whose head saw only the `train` split, on the trap frames "
        "of `val`, on the runtime that ships and on the other:",
        timed("runtimes", runtimes.section, options.data, HELD_SET, options.python),
        "## Float against int8",
        "The same head, fitted on the `train` split alone, in float and in int8, on every single "
        "frame of `val`, whole frames, ai-edge-litert.",
        quantised.section(both),
    ]


def _pair(all_: Gathered, options: Options) -> quantised.Pair:
    backbone = train.stored_backbone(options.data)
    return quantised.pair(
        all_.frames, all_.found, options.data, backbone, options.models, CACHE / "held"
    )


def _light(path: str) -> str:
    with Image.open(path) as file:
        pixels = np.asarray(file.convert("RGB"), np.float32)
    return "grey" if np.ptp(pixels, axis=2).mean() < COLOUR else "colour"


def _licences(options: Options) -> str:
    """List the weights and every source of pictures with its licence."""
    finder, namer = (
        json.loads((options.models / f"{name}.json").read_text())
        for name in ("yolox-tiny", train.NAME)
    )
    weights = [["detector", finder["weights"], finder["licence"]],
               ["classifier", namer["backbone"], namer["licence"]]]  # fmt: skip
    pictures = [[each["source"], each["licence"], str(each["pictures"])] for each in namer["data"]]
    with (options.data / "sequences.csv").open(newline="") as file:
        bursts = Counter((row["source"], row["licence"]) for row in csv.DictReader(file))
    pictures += [[*key, f"{count} sequences"] for key, count in sorted(bursts.items())]
    return "\n\n".join(
        [
            report.table(["weights", "from", "licence"], weights),
            report.table(["pictures from", "licence as the source states it", "used"], pictures),
        ]
    )
