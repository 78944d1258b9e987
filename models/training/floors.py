"""The floors the filter was asked for, beside what was measured."""

from collections.abc import Collection, Sequence

from models.training.evaluate import Outcome, wilson
from models.training.report import spread, table


def section(frames: Sequence[Outcome], sequences: Sequence[Outcome],
            doubted: Collection[str], macro_gap: float) -> str:  # fmt: skip
    """Write each floor and whether it holds; `doubted` are the paths of `corrections.csv`.

    A floor holds or is missed on all frames, doubted or not.
    """
    sure = [each for each in frames if each.path not in doubted]
    rows = [
        [name, f"{floor:.0%}", wilson(sum(hits), len(hits)), wilson(sum(without), len(without)),
         _word(sum(hits) >= floor * len(hits))]
        for (name, floor, hits), (_, _, without) in zip(
            _asked(frames, sequences), _asked(sure, sequences), strict=True
        )
    ]  # fmt: skip
    gap = f"{macro_gap:+.3f}"
    rows.append(["float to int8, macro-F1", "within 0.01", gap, gap, _word(macro_gap >= -0.01)])
    heads = ["measure", "floor", "measured", "doubted labels left out", ""]
    trap = [each for each in frames if each.trap]
    return (
        f"{table(heads, rows)}\n\n"
        f"Blank frames dropped by site: {spread(trap)} (sites with ten blanks and more)."
    )


def _asked(
    frames: Sequence[Outcome], sequences: Sequence[Outcome]
) -> list[tuple[str, float, list[bool]]]:
    trap, everything = [each for each in frames if each.trap], [*frames, *sequences]
    leopards = [each for each in everything if each.truth == "leopard"]
    people = [each for each in [*trap, *sequences] if each.truth == "person"]
    animals = [e for e in trap if e.truth not in ("blank", "person", "vehicle")]
    return [
        ("leopards kept, all frames and sequences", 1.0, [not e.dropped for e in leopards]),
        ("leopards named leopard", 0.95, [e.said == "leopard" for e in leopards]),
        ("persons kept (traps)", 0.99, [not e.dropped for e in people]),
        ("animals kept (traps)", 0.97, [not e.dropped for e in animals]),
        ("blank frames dropped", 0.60, [e.dropped for e in trap if e.truth == "blank"]),
        ("blank sequences dropped", 0.75, [e.dropped for e in sequences if e.truth == "blank"]),
    ]


def _word(holds: bool) -> str:
    return "holds" if holds else "**missed**"
