"""Part of `make bench`: what a frame costs against Lite0-224 int8, and what a Pi would take."""

from dataclasses import dataclass

from models.training import latency
from trapnode.cli.judges import models

# Against Lite0-224 int8 in the same run, for any number of threads; measured
# 5.1 to 5.7, 1.2, 7.0, 8.1.
FRAME_LIMITS = {
    latency.DETECTOR: 7.0,
    latency.CLASSIFIER: 2.0,
    latency.EMPTY: 8.5,
    latency.ALIVE: 10.0,
}
PEAK_LIMIT = 2.0  # measured 1.5


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    value: float
    limit: float
    how: str


def frame_costs() -> list[Figure]:
    """Compare a frame's time and memory with Lite0-224 int8's; say what a Pi would take."""
    figures, card = [], models() / "amur.json"
    for threads in latency.THREADS:
        for cost in latency.costs(card, threads):
            if cost.name in FRAME_LIMITS:
                pis = ", ".join(f"{pi} {cost.on(pi):.2f} s" for pi in latency.LITE0_S)
                how = f"{cost.ms:.1f} ms; estimated: {pis}"
                name = f"{cost.name} / Lite0, {threads} threads"
                figures.append(Figure(name, cost.ratio, FRAME_LIMITS[cost.name], how))
        peaks = latency.peaks(card, threads)
        bare = peaks.pop(latency.REFERENCE)
        for name, peak in peaks.items():
            how = f"{peak:.0f} / {bare:.0f} MiB"
            figures.append(Figure(f"peak, {name}, {threads} threads", peak / bare, PEAK_LIMIT, how))
    print(f"a Pi Zero 2 W should take {latency.GOAL_S} s a frame and less; none was measured yet")
    return figures
