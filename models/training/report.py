"""The evaluation as a Markdown page: what a researcher must know before trusting the filter."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from models.training.evaluate import Outcome, separation, wilson
from models.training.pictures import LABELS

Rows = Iterable[Sequence[str]]


def table(heads: Sequence[str], rows: Rows) -> str:
    """Write a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def share(outcomes: Iterable[Outcome], hit: Callable[[Outcome], bool]) -> str:
    """Write how many are hits, with the interval."""
    listed = [hit(each) for each in outcomes]
    return wilson(sum(listed), len(listed))


def headline(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Give the floors' figures, in the order of the page."""
    living = [each for each in outcomes if each.truth != "blank"]
    blanks = [each for each in outcomes if each.truth == "blank"]
    people = [each for each in living if each.truth == "person"]
    leopards = [each for each in living if each.truth == "leopard"]
    animals = [e for e in living if e.truth not in ("person", "vehicle")]
    return {
        "leopards kept": share(leopards, lambda each: not each.dropped),
        "leopards named leopard": share(leopards, lambda each: each.said == "leopard"),
        "persons kept": share(people, lambda each: not each.dropped),
        "animals kept": share(animals, lambda each: not each.dropped),
        "living kept": share(living, lambda each: not each.dropped),
        "blanks dropped": share(blanks, lambda each: each.dropped),
        "living named right": share(living, lambda each: each.said == each.truth),
        "separation of blank and living (area under curve)": f"{separation(outcomes):.3f}",
    }


def figures(groups: Mapping[str, Sequence[Outcome]]) -> str:
    """Write the headline of several groups side by side."""
    columns = {name: headline(outcomes) for name, outcomes in groups.items()}
    measures = next(iter(columns.values()))
    rows = [[measure, *(each[measure] for each in columns.values())] for measure in measures]
    return table(["measure", *columns], rows)


def by_place(outcomes: Sequence[Outcome]) -> str:
    """Write keeps and drops site by site."""
    rows = []
    for place in sorted({each.place for each in outcomes}):
        here = [each for each in outcomes if each.place == place]
        living = [each for each in here if each.truth != "blank"]
        blanks = [each for each in here if each.truth == "blank"]
        kept = share(living, lambda each: not each.dropped)
        rows.append([place, kept, share(blanks, lambda each: each.dropped)])
    return table(["site", "living kept", "blanks dropped"], rows)


def grouped(outcomes: Sequence[Outcome], name: str, of: Callable[[Outcome], str]) -> str:
    """Write keeps and drops group by group: by source, by day and night."""
    groups: dict[str, list[Outcome]] = {}
    for each in outcomes:
        groups.setdefault(of(each), []).append(each)
    rows = []
    for group in sorted(groups):
        figures = headline(groups[group])
        shown = ("leopards kept", "living kept", "blanks dropped", "living named right")
        rows.append([group, *(figures[measure] for measure in shown)])
    heads = [name, "leopards kept", "living kept", "blanks dropped", "living named right"]
    return table(heads, rows)


def by_label(outcomes: Sequence[Outcome]) -> str:
    """Write for each label how much is kept, named right, and how often its name is true."""
    rows = []
    for label in LABELS[1:]:
        true = [each for each in outcomes if each.truth == label]
        claimed = [each for each in outcomes if each.said == label]
        kept = share(true, lambda each: not each.dropped)
        named, right = (
            share(group, lambda each: each.said == each.truth) for group in (true, claimed)
        )
        if true:
            rows.append([label, kept, named, right])
    return table(["label", "kept", "named right", "right where named so"], rows)


def sequences(outcomes: Sequence[Outcome]) -> str:
    """Write every sequence with its verdict."""
    rows = [
        [
            each.name,
            each.truth,
            "discard" if each.dropped else "keep",
            f"{each.blank:.3f}",
            f"{each.moved:.2f}" if each.moved is not None else "-",
            each.said,
        ]
        for each in outcomes
    ]
    return table(
        ["sequence", "truth", "verdict", "least P(blank)", "motion at the box", "kept as"], rows
    )


def spread(outcomes: Sequence[Outcome]) -> str:
    """Say how the sites with ten blanks and more differ."""
    shares = []
    for place in {each.place for each in outcomes}:
        here = [e.dropped for e in outcomes if e.place == place and e.truth == "blank"]
        if len(here) >= 10:
            shares.append(float(np.mean(here)))
    return f"{min(shares):.0%} to {max(shares):.0%} over {len(shares)} sites" if shares else "-"
