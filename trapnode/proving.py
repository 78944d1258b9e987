"""What a set must say of known frames before it may judge: the one list of demands.

The frames are the demo's pictures, judged and decided upon as the sorter does it.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from PIL import Image

from trapnode.errors import TrapnodeError
from trapnode.judging import Judge, judged
from trapnode.model import Detection, Frame, Judgement, Verdict
from trapnode.policy.lens import covered
from trapnode.policy.verdict import Thresholds, decide

__all__ = ["EMPTY", "LIVING", "Figures", "Limits", "SetRefused", "examine", "within"]

LIVING = ("02_ocelot_night", "05_person_day", "09_raccoon_night")  # Each must be kept.
EMPTY = ("01_stream_day", "06_trees_night", "12_larch_day")  # One at least must be dropped.
DARK = "a covered lens"  # Must never be dropped, whatever a model says of it.
GREY = 6  # Level of a frame behind a covered lens, of 255.
EDGE = 1e-6  # Rounding of a box that ends at the frame's edge.
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


class SetRefused(TrapnodeError):
    """The set failed its self-test: it must not judge."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a set may cost: seconds a frame, peak memory of its process in MiB."""

    frame_s: float
    memory_mib: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What a set cost in its self-test: seconds a frame, peak memory of its process in MiB."""

    name: str
    frame_s: float
    peak_mib: float


def within(figures: Figures, limits: Limits) -> Figures:
    """Give the figures back if they are within the limits; raise SetRefused."""
    if not figures.frame_s <= limits.frame_s:
        raise SetRefused(
            f"{figures.name}: {figures.frame_s:.2f} s a frame,"
            f" must be at most {limits.frame_s:g} (sorter.frame_max_s)"
        )
    if not figures.peak_mib <= limits.memory_mib:
        raise SetRefused(
            f"{figures.name}: {figures.peak_mib:.0f} MiB of memory,"
            f" must be at most {limits.memory_mib:g} (sorter.memory_max_mib)"
        )
    return figures


def examine(
    judge: Judge,
    read: Callable[[str], Sequence[bytes]],
    targets: Sequence[str],
    monotonic: Callable[[], float],
) -> float:
    """Put the known frames before a set; give its seconds a frame. Raise SetRefused.

    `read` gives the JPEG frames of a burst by its name.
    """
    if strangers := sorted(set(targets) - set(judge.labels)):
        raise SetRefused(f"{judge.name}: knows no {', '.join(strangers)} (sorter.targets)")
    bursts = {name: read(name) for name in (*LIVING, *EMPTY)}
    _keep(judge, DARK, [_dark()] * 2, targets)
    first = LIVING[0]  # The first run of a model is slower than all others.
    _dropped(judge, first, bursts[first][:1], targets)
    began_s = monotonic()
    for name in LIVING:
        _keep(judge, name, bursts[name], targets)
    dropped = [name for name in EMPTY if _dropped(judge, name, bursts[name], targets)]
    took_s = monotonic() - began_s
    if not dropped:
        raise SetRefused(f"{judge.name}: drops 0 of {len(EMPTY)} empty bursts, must drop 1")
    return took_s / sum(map(len, bursts.values()))


def _keep(judge: Judge, name: str, pictures: Sequence[bytes], targets: Sequence[str]) -> None:
    """Refuse at the first burst that must not be dropped: the others cannot save the set."""
    if _dropped(judge, name, pictures, targets):
        raise SetRefused(f"{judge.name}: would drop {name}, must keep it")


def _dropped(judge: Judge, name: str, pictures: Sequence[bytes], targets: Sequence[str]) -> bool:
    """Say whether the sorter would discard a burst; raise SetRefused for what is no answer."""
    frames = [Frame(0, n, f"{name}/{n + 1}", "", ANY_TIME) for n in range(len(pictures))]
    found = judged(judge, frames, lambda frame: pictures[frame.number])
    if name != DARK:
        for each, frame in zip(found, frames, strict=True):
            _check(judge, each, frame)
    decision = decide([each.scores for each in found], Thresholds(**judge.thresholds), targets)
    return decision.verdict is Verdict.DISCARD and not covered(found)


def _check(judge: Judge, judgement: Judgement, frame: Frame) -> None:
    if judgement.scores is None:
        raise SetRefused(f"{judge.name}: frame {frame.path}: {judgement.fault}")
    for box in judgement.scores.detections:
        if not _inside(box):
            raise SetRefused(f"{judge.name}: frame {frame.path}: {box} is not within the frame")


def _inside(box: Detection) -> bool:
    low, high = -EDGE, 1 + EDGE
    sides = (box.x, box.y, box.width, box.height, box.x + box.width, box.y + box.height)
    return all(low <= each <= high for each in (*sides, box.probability))


def _dark() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (640, 480), (GREY, GREY, GREY)).save(written, "JPEG")
    return written.getvalue()
