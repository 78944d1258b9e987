"""What a user would pick instead, on the same frames: each as it comes, and at our kept share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from models.training.evaluate import Outcome, separation, wilson
from models.training.report import table


@dataclass(frozen=True, slots=True)
class Filter:
    """Another filter: how alive each frame or sequence is to it, and where it draws its line."""

    name: str
    alive: Mapping[str, float]  # by the outcome's path
    line: float  # from here on it keeps


def section(compared: Sequence[Filter], frames: Sequence[Outcome],
            sequences: Sequence[Outcome]) -> str:  # fmt: skip
    """Write the table: ours first, then each other one at its own line and at one like ours.

    The second line is drawn on these very frames, so that it keeps as many of the living as ours
    does: better than anybody could draw it beforehand.
    """
    known = set(compared[0].alive)
    sides = [[each for each in side if each.path in known] for side in (frames, sequences)]
    ours = [_cells(side, [not each.dropped for each in side]) for side in sides]
    rows = [["**this set**", "as chosen", *ours[0], *ours[1][1:], f"{separation(sides[0]):.3f}"]]
    for other in compared:
        scores = [[other.alive.get(each.path, 1.0) for each in side] for side in sides]
        area = _area(sides[0], scores[0]) if any(x != 1.0 for x in scores[0]) else "-"
        like = [_like_ours(*pair) for pair in zip(sides, scores, strict=True)]
        for how, lines in (("its own", [other.line] * 2), ("keeps as many as ours", like)):
            cells = [
                _cells(side, [score >= line for score in found])
                for side, found, line in zip(sides, scores, lines, strict=True)
            ]
            rows.append([other.name, how, *cells[0], *cells[1][1:], area])
    heads = ["filter", "line", "leopards kept", "living kept", "blanks dropped",
             "living sequences kept", "blank sequences dropped", "area under curve"]  # fmt: skip
    return table(heads, rows)


def _cells(side: Sequence[Outcome], kept: Sequence[bool]) -> list[str]:
    pairs = list(zip(side, kept, strict=True))
    leopards = [stays for each, stays in pairs if each.truth == "leopard"]
    living = [stays for each, stays in pairs if each.truth != "blank"]
    blanks = [not stays for each, stays in pairs if each.truth == "blank"]
    return [wilson(sum(group), len(group)) for group in (leopards, living, blanks)]


def _like_ours(side: Sequence[Outcome], scores: Sequence[float]) -> float:
    """Give the highest line that keeps as many of the living as ours does."""
    living = [(score, each.dropped) for each, score in zip(side, scores, strict=True)
              if each.truth != "blank"]  # fmt: skip
    kept = sum(not dropped for _, dropped in living)
    return sorted((score for score, _ in living), reverse=True)[kept - 1] if kept else 1.0


def _area(side: Sequence[Outcome], scores: Sequence[float]) -> str:
    blank = [replace(each, blank=-score) for each, score in zip(side, scores, strict=True)]
    return f"{separation(blank):.3f}"
