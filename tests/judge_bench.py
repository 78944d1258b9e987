"""What judging costs beside the bare models' invokes."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.frame_bench import Figure
from tests.sets import card_of
from trapnode.cli.demo import folders_of, own
from trapnode.cli.judges import models
from trapnode.devices.detector import TfliteDetector
from trapnode.devices.judge import TfliteJudge, read_set
from trapnode.devices.picture import crop, decode, letterbox, squash
from trapnode.sim.scene import preview_of

JUDGE_LIMIT = 1.5


def judge_ratio(rounds: int = 3) -> Figure:
    """Compare the sorter's whole work on a burst of previews with the bare models' invokes."""
    with tempfile.TemporaryDirectory() as folder:
        path = models() / "amur.json"
        path = path if path.exists() else card_of(Path(folder))
        judge, bare = TfliteJudge(path), _Bare(path)
        bursts = [[preview_of(path.read_bytes()) for path in burst] for burst in folders_of(own())]
        ours, floor, frames = [], [], sum(map(len, bursts)) * rounds
        for burst in bursts * rounds:
            floor.append(sum(map(bare.seconds, burst)))
            ours.append(_timed(lambda burst=burst: judge.judge(burst)))
    ratio = statistics.median(a / b for a, b in zip(ours, floor, strict=True))
    how = f"{sum(ours) / frames * 1e3:.1f} ms / {sum(floor) / frames * 1e3:.1f} ms a frame"
    return Figure("judge a preview / bare invokes", ratio, JUDGE_LIMIT, how)


class _Bare:
    """The models of a set without anything of ours around them, on the same real tensors."""

    def __init__(self, path: Path) -> None:
        card = read_set(path)
        assert card.detector is not None
        assert card.fusion is not None
        self._crop_score = card.fusion.crop_score
        self._finder = TfliteDetector(card.detector)
        self._models = {each: _interpreter(each) for each in (card.detector, card.classifier)}
        self._detector, self._classifier = self._models.values()

    def seconds(self, preview: bytes) -> float:
        """Time the invokes that this preview needs: its crop is classified where it has a box."""
        picture = decode(preview, 640, 480)
        best = self._finder.detect(picture)[0][0]
        views = [picture]
        if best.probability >= self._crop_score:
            views.append(crop(picture, best))
        boxed = letterbox(picture, self._finder.width, self._finder.height)[0]
        height, width = self._classifier.get_input_details()[0]["shape"][1:3]
        took = _invoked(self._detector, boxed)
        return took + sum(
            _invoked(self._classifier, squash(view, int(width), int(height))) for view in views
        )


def _interpreter(card: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(card.with_suffix(".tflite")), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _invoked(model: Any, pixels: NDArray[np.uint8]) -> float:
    """Time one invoke alone, on pixels as the model stores them."""
    source = model.get_input_details()[0]
    stored = pixels if source["dtype"] == np.uint8 else (pixels ^ 0x80).view(np.int8)
    model.set_tensor(source["index"], stored[np.newaxis])
    return _timed(model.invoke)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
