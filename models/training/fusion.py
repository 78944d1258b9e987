"""What the unit makes of its models' outputs: pure numpy, the reference for its own code."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Moved = tuple[float, float]  # at the frame's best box, anywhere
SURE = 1e-3  # No witness is surer than this: one alone never outweighs all others.
BLOCK, QUIET, LOUD = 8, 1.0, 3.0  # pixels; grey levels that are noise; times the usual difference
CONTRAST = 30  # grey levels; the flattest of 6,500 real frames has 31, a covered lens fewer than 20
MATCHED = (0.1, 0.25, 0.5, 0.75, 0.9)  # parts of a frame's greys that light alone may change


def cells(width: int, height: int, strides: Sequence[int]) -> Floats:
    """List column, row and stride of every cell, row by row, stride by stride."""
    parts = []
    for stride in strides:
        row, column = np.mgrid[: height // stride, : width // stride]
        parts.append(np.stack([column.ravel(), row.ravel(), np.full(row.size, stride)], axis=1))
    return np.concatenate(parts).astype(np.float64)


def boxes_of(box: Floats, obj: Floats, cls: Floats, grid: Floats, inner: tuple[int, int]) -> Floats:
    """Give score, left, top, right, bottom per cell; the sides are shares of the picture.

    `inner` is the size of the picture inside the letterbox, in pixels of the input.
    """
    score = 1 / ((1 + np.exp(-obj.ravel())) * (1 + np.exp(-cls.ravel())))
    stride = grid[:, 2:]
    middle = (box[:, :2] + grid[:, :2]) * stride
    half = np.exp(np.clip(box[:, 2:], -10, 10)) * stride / 2
    edges = np.concatenate([middle - half, middle + half], axis=1) / np.array([*inner, *inner])
    return np.concatenate([score[:, None], edges.clip(0, 1)], axis=1)


def apart(found: Floats, least: float, overlap: float, most: int) -> Floats:
    """Keep the best box of each heap: score from `least` on, intersection over union below."""
    found = found[found[:, 0] >= least]
    kept: list[Floats] = []
    for each in found[np.argsort(-found[:, 0], kind="stable")]:
        if len(kept) < most and all(_overlap(each, other) < overlap for other in kept):
            kept.append(each)
    return np.array(kept).reshape(-1, 5)


def _overlap(a: Floats, b: Floats) -> float:
    across, down = (min(a[far], b[far]) - max(a[far - 2], b[far - 2]) for far in (3, 4))
    if across <= 0 or down <= 0:
        return 0.0
    areas = sum((each[3] - each[1]) * (each[4] - each[2]) for each in (a, b))
    return float(across * down / (areas - across * down))


def log_odds(share: float) -> float:
    """Give log-odds, bounded so that no witness is ever certain."""
    bounded = min(max(share, SURE), 1 - SURE)
    return float(np.log(bounded / (1 - bounded)))


def judgeable(grey: NDArray[np.uint8]) -> bool:
    """Say whether a 160x120 grey shows enough to be judged: not black, white, or covered."""
    dark, bright = np.quantile(grey, (0.02, 0.98))
    return bool(bright - dark >= CONTRAST)


def motion(greys: Sequence[NDArray[np.uint8]], boxes: Sequence[Floats]) -> list[Moved]:
    """Say how much moved in each frame of a burst: at its best box, and anywhere.

    Frames are 160x120 greys of the previews, two at least; `boxes` are their best ones, score
    first. Each frame is compared, after a small blur and a change of light, with the median of all
    (of two: with the other), block by block; a block counts from LOUD times what the whole frame
    usually differs. Blocks that hang together are a patch; what moved is log(1 + its sum), of the
    largest patch that touches the box, and of the largest patch.
    """
    frames = [_blur(grey.astype(np.float64)) for grey in greys]
    middle = np.median(frames, axis=0)
    still = [middle] * len(frames) if len(frames) > 2 else frames[::-1]
    return [_moved(*each) for each in zip(frames, still, boxes, strict=True)]


def _blur(grey: Floats) -> Floats:
    padded = np.pad(grey, 1, mode="edge")
    height, width = grey.shape
    shifted = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.asarray(np.mean(shifted, axis=0))


def _moved(frame: Floats, still: Floats, box: Floats) -> Moved:
    mine, its = np.quantile(frame, MATCHED), np.quantile(still, MATCHED)
    apart_by, of_its = mine - mine.mean(), its - its.mean()
    gain = np.clip((apart_by * of_its).sum() / ((apart_by**2).sum() + 1e-6), 0.5, 2)
    change = np.abs((frame - mine.mean()) * gain + its.mean() - still)
    rows, columns = (side // BLOCK for side in change.shape)
    whole = change[: rows * BLOCK, : columns * BLOCK]
    blocks = whole.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
    usual = np.median(blocks)
    spread = 1.4826 * np.median(np.abs(blocks - usual)) + QUIET
    return _largest((blocks - usual) / spread, box[1:] * np.array([columns, rows] * 2))


def _largest(loud: Floats, box: Floats) -> Moved:
    """Sum each patch of neighbouring loud blocks; `box` is in blocks, half a block is near."""
    left, top, right, bottom = box + np.array([-0.5, -0.5, 0.5, 0.5])
    waiting = {(int(y), int(x)) for y, x in zip(*np.nonzero(loud > LOUD), strict=True)}
    touching = anywhere = 0.0
    while waiting:
        edge, total, touches = [waiting.pop()], 0.0, False
        while edge:
            y, x = edge.pop()
            total += float(loud[y, x])
            touches |= bool(x + 1 > left and x < right and y + 1 > top and y < bottom)
            near = waiting & {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)}
            waiting -= near
            edge += near
        anywhere = max(anywhere, total)
        touching = max(touching, total) if touches else touching
    return float(np.log1p(touching)), float(np.log1p(anywhere))
