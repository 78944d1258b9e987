"""Two pictures of the card as SVG: who is taken for whom, and what a probability is worth."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from models.training.evaluate import interval

INK, PAPER, LINE = "#222", "#fff", "#bbb"
COLOURS = ("#0b6e8f", "#c4511a", "#5a7d2a")
CELL, MARGIN = 46, 130  # pixels
SIDE, EDGE = 360, 50
Point = tuple[float, int, int]  # mean probability, hits, of how many


def _svg(width: int, height: int, parts: Iterable[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
    ground = f'<rect width="{width}" height="{height}" fill="{PAPER}"/>'
    style = 'font-family="sans-serif" font-size="12"'
    body = "\n".join([ground, *parts])
    return f'{head} width="{width}" height="{height}" {style}>\n{body}\n</svg>\n'


def _text(x: float, y: float, words: str, extra: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" fill="{INK}" {extra}>{escape(words)}</text>'


def confusion(labels: Sequence[str], counts: Mapping[tuple[str, str], int], title: str) -> str:
    """Draw truth by row, verdict by column; the darker, the larger a share of its row."""
    shown = [each for each in labels if any(counts.get((each, said), 0) for said in labels)]
    middle = 'text-anchor="middle"'
    parts = [_text(8, 18, title)]
    for column, said in enumerate(labels):
        x, y = MARGIN + (column + 0.5) * CELL, MARGIN - 8
        parts.append(_text(x, y, said, f'transform="rotate(-45 {x:.0f} {y:.0f})"'))
    for row, truth in enumerate(shown):
        total, top = sum(counts.get((truth, said), 0) for said in labels), MARGIN + row * CELL
        parts.append(_text(MARGIN - 8, top + CELL / 2 + 4, truth, 'text-anchor="end"'))
        for column, said in enumerate(labels):
            count, left = counts.get((truth, said), 0), MARGIN + column * CELL
            shade = round(255 - 200 * count / total)
            fill = f"rgb({shade},{shade},255)" if truth == said else f"rgb(255,{shade},{shade})"
            parts.append(
                f'<rect x="{left}" y="{top}" width="{CELL - 2}" height="{CELL - 2}"'
                f' fill="{fill}" stroke="{LINE}"/>'
            )
            if count:
                parts.append(_text(left + CELL / 2, top + CELL / 2 + 4, str(count), middle))
    return _svg(MARGIN + len(labels) * CELL + 70, MARGIN + len(shown) * CELL + 12, parts)


def reliability(series: Mapping[str, Sequence[Point]], title: str) -> str:
    """Draw how often it was so (95 % intervals) against how probable it was said to be."""
    low, high = EDGE, EDGE + SIDE

    def at(x: float, y: float) -> tuple[float, float]:
        return low + x * SIDE, high - y * SIDE

    parts = [_text(8, 18, title), _text(low + SIDE / 2, high + 36, "probability", "")]
    parts.append(f'<path d="M{low} {low}V{high}H{high}L{high} {low}" fill="none" stroke="{LINE}"/>')
    parts.append(f'<path d="M{low} {high}L{high} {low}" stroke="{LINE}" stroke-dasharray="4"/>')
    for tick in (0.0, 0.5, 1.0):
        parts += [_text(at(tick, 0)[0] - 8, high + 16, f"{tick:g}")]
        parts += [_text(low - 28, at(0, tick)[1] + 4, f"{tick:g}")]
    for number, (name, points) in enumerate(series.items()):
        colour, shift = COLOURS[number % len(COLOURS)], 3 * number
        for said, hits, of in points:
            x, y = at(said, hits / of)
            bottom, top = (at(0, each)[1] for each in interval(hits, of))
            parts.append(
                f'<path d="M{x + shift:.1f} {bottom:.1f}V{top:.1f}" stroke="{colour}"/>'
                f'<circle cx="{x + shift:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>'
            )
        y = high + 56 + 18 * number
        parts.append(f'<circle cx="{low}" cy="{y - 4}" r="4" fill="{colour}"/>')
        parts.append(_text(low + 10, y, name))
    return _svg(high + EDGE, high + 60 + 18 * len(series), parts)
