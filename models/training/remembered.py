"""What a site's memory would have known of each frame, had the unit worked there.

Each site's frames are walked in the order of their names, bursts together; the memory holds the
latest blanks that were let go, by heads and thresholds that saw nothing of the place, as
`trapnode/store/site.py` keeps them. Frames of one burst, and neighbours of it, know nothing of
each other. Sites whose frames have no order are left without a memory.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.training.decide import dropped
from models.training.judged import LEOPARD, Held, Witnesses
from trapnode.devices.fusion import alike, motion
from trapnode.store.site import MOST

NUMBERED = re.compile(r"_(\d{7})_")  # CA-01: five pictures a trigger, a second apart
NEIGHBOURS = 5
NOWHERE = ("photographs", "site unknown")


def likes(
    groups: Sequence[Witnesses], held: Held, lines: Mapping[str, Mapping[str, float]]
) -> NDArray[np.float64]:
    """Give the likeness of every frame to its site's blanks, shape (frames,)."""
    result = np.zeros(1 + max(row for one in groups for row in one.rows))
    for site in _sites(groups):
        past: list[tuple[int, NDArray[np.uint8]]] = []
        for burst in site:
            number = _number(burst[0])
            known = [grey for at, grey in past if not number or number - at > NEIGHBOURS][-MOST:]
            together = _together(burst)
            for row, grey, box in zip(together.rows, together.greys, together.boxes, strict=True):
                result[row] = alike(grey, known, box, held.fusion.crop_score)
            shares = held.judge(together, together.place)
            if dropped(shares, LEOPARD, lines[together.place]):
                past.append((number, together.greys[len(together.greys) // 2]))
    return result


def _together(burst: Sequence[Witnesses]) -> Witnesses:
    """Make one sequence of the frames of a burst."""
    boxes = tuple(box for one in burst for box in one.boxes)
    greys = tuple(grey for one in burst for grey in one.greys)
    return replace(
        burst[0],
        frames=tuple(frame for one in burst for frame in one.frames),
        rows=tuple(row for one in burst for row in one.rows),
        scores=tuple(score for one in burst for score in one.scores),
        moved=tuple(motion(greys, boxes)) if len(greys) > 1 else None,
        boxes=boxes,
        greys=greys,
    )


def _sites(groups: Sequence[Witnesses]) -> list[list[list[Witnesses]]]:
    """Order the single trap frames of each site, and put those of a burst together."""
    sites: dict[str, list[Witnesses]] = defaultdict(list)
    for one in groups:
        first = one.frames[0]
        if first.trap and not first.sequence and first.place not in NOWHERE:
            sites[first.place].append(one)
    return [_bursts(sorted(site, key=_order)) for site in sites.values()]


def _bursts(site: Sequence[Witnesses]) -> list[list[Witnesses]]:
    bursts: list[list[Witnesses]] = []
    for one in site:
        name = one.frames[0].burst
        numbered = _number(one)
        if bursts and name and not numbered and bursts[-1][0].frames[0].burst == name:
            bursts[-1].append(one)
        else:
            bursts.append([one])
    return bursts


def _order(one: Witnesses) -> tuple[int, str]:
    return _number(one), one.frames[0].path.rpartition("/")[2]


def _number(one: Witnesses) -> int:
    found = NUMBERED.search(one.frames[0].path)
    return int(found.group(1)) if found else 0
