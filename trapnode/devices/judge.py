"""The judge of a sequence: detector, classifier and motion, joined by the card of their set.

A set's card names a detector's card, a classifier's card, the weights of the witnesses and the
thresholds. A classifier's own card is a set of one: its word alone counts, frame by frame.
Fails open: a frame that cannot be judged says why and costs no other frame its scores.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trapnode.devices import cards
from trapnode.devices.cards import ModelRefused
from trapnode.devices.classifier import LINES, TfliteClassifier
from trapnode.devices.detector import TfliteDetector, individuals
from trapnode.devices.fusion import Fusion, alike, alive, known, motion, shares_with, stirred
from trapnode.devices.picture import GREY, crop, decode, grey, is_blur, nothing_to_judge, squash
from trapnode.devices.tflite import Runtime
from trapnode.errors import DeviceError, TrapnodeError
from trapnode.model import BLANK, Detection, Judgement, Scores, Unjudged

__all__ = ["SetCard", "TfliteJudge", "read_set"]

WIDTH, HEIGHT = 640, 480  # A preview: larger pictures are made as small before anything sees them.
TARGETS = ("leopard",)
BLUR = "the picture is a blur"
BOX = 0.4  # Below it too many boxes are a head or a bush; a card may say another.
# Of the fusion's numbers these are shares; the others lie within WIDEST.
SHARES = ("crop_score", "detector_middle", "site_middle", "spared")
WIDEST = (-100, 100)


@dataclass(frozen=True, slots=True)
class SetCard:
    """What a set's card promises; a set of one has neither detector nor fusion."""

    name: str
    classifier: Path
    detector: Path | None
    fusion: Fusion | None
    thresholds: Mapping[str, float]
    box: float = 1.0  # From this probability on a box is an individual.


def read_set(path: Path) -> SetCard:
    """Read and check the card of a set, or of a classifier alone; raise ModelRefused."""
    return cards.read(path, lambda top, folder: _set(top, folder, path))


def _set(top: Any, folder: Path, path: Path) -> SetCard:
    name = f"{cards.text(top, 'name')}-{cards.text(top, 'version')}"
    if "detector" not in top:
        return SetCard(name, path, None, None, cards.thresholds(top, *LINES))
    return SetCard(
        name=name,
        classifier=folder / cards.bare(top, "classifier"),
        detector=folder / cards.bare(top, "detector"),
        fusion=_fusion(cards.take(top, "fusion", dict)),
        thresholds=cards.thresholds(top, *LINES),
        box=_box(cards.take(top, "thresholds", dict)),
    )


def _box(section: Any) -> float:
    return cards.number(section, "box", 0, 1) if "box" in section else BOX


def _fusion(section: Any) -> Fusion:
    """Read the weights; one we do not know would change the arithmetic and is refused."""
    names = [field.name for field in fields(Fusion)]
    if unknown := sorted(set(section) - set(names)):
        raise ModelRefused(f"fusion has {', '.join(unknown)}, must have only {', '.join(names)}")
    limits = {name: (0, 1) if name in SHARES else WIDEST for name in names}
    return Fusion(**{name: cards.number(section, name, *limits[name]) for name in names})


@dataclass(frozen=True, slots=True)
class _Look:
    """What the models see in one frame; without `shares` it cannot be judged, blurred it may be."""

    shares: NDArray[np.float64] | None = None
    boxes: tuple[Detection, ...] = ()
    scene: float = 0.0  # Log-odds that something lives, from the whole picture.
    small: NDArray[np.uint8] | None = None
    fault: str = ""
    why: Unjudged | None = None


class TfliteJudge:
    """A set of models on one runtime."""

    def __init__(
        self,
        path: Path,
        *,
        targets: Sequence[str] = TARGETS,
        runtime: Runtime | None = None,
        threads: int = 1,
    ) -> None:
        """Load the set of the card at `path`; raise ModelRefused if a model is not its card's.

        Stillness never speaks against a frame that may show one of the `targets`.
        """
        card = read_set(path)
        self._classifier = TfliteClassifier(card.classifier, runtime=runtime, threads=threads)
        self._detector: TfliteDetector | None = None
        if card.detector is not None:
            self._detector = TfliteDetector(card.detector, runtime=runtime, threads=threads)
        self._fusion, self._box = card.fusion, card.box
        self.name, self.thresholds = card.name, card.thresholds
        self.labels = self._classifier.labels
        self._targets = [n for n, label in enumerate(self.labels) if label in targets]
        if self._detector and self.labels[0] != BLANK:
            raise ModelRefused(f"{card.classifier}: its first label must be {BLANK}")

    def judge(
        self, pictures: Iterable[bytes | None], past: Sequence[bytes] = ()
    ) -> list[Judgement]:
        """Judge the frames of one sequence, in their order; None is a frame without a picture.

        `past` are greys of this site's recent blanks, as judgements carry them; one of another
        size is passed over. Holds one decoded picture at a time. Raises nothing for a bad picture
        or a failed run.
        """
        looks = [self._look(jpeg) for jpeg in pictures]
        moved = self._moved([look for look in looks if look.shares is not None])
        greys = [_grey(each) for each in past if len(each) == GREY[0] * GREY[1]]
        return [self._judgement(look, moved, greys) for look in looks]

    def _moved(self, looks: Sequence[_Look]) -> float:
        """Give the log-odds that motion adds to every frame of a burst; stillness takes."""
        if self._fusion is None or len(looks) < 2:
            return 0.0
        best = [_row(look.boxes) for look in looks]
        greys = [look.small for look in looks if look.small is not None]
        scores = [float(row[0]) for row in best]
        return stirred(motion(greys, best), scores, self._fusion)

    def _look(self, jpeg: bytes | None) -> _Look:
        if jpeg is None:
            return _Look(fault="there is no picture", why=Unjudged.PICTURE)
        try:
            picture = self._decoded(jpeg)
            small = grey(picture)
            if fault := nothing_to_judge(small):
                return _Look(fault=fault, why=Unjudged.COVERED)
            shares, boxes, scene = self._seen(picture)
        except (TrapnodeError, ValueError, MemoryError) as error:
            model = isinstance(error, DeviceError)
            fault = str(error) or type(error).__name__
            return _Look(fault=fault, why=Unjudged.MODEL if model else Unjudged.PICTURE)
        if is_blur(small):  # It is judged all the same: what can be told through ice is told.
            return _Look(shares, boxes, scene, small, BLUR, Unjudged.COVERED)
        return _Look(shares, boxes, scene, small)

    def _decoded(self, jpeg: bytes) -> Image.Image:
        if self._detector is None:
            return decode(jpeg, self._classifier.width, self._classifier.height)
        picture = decode(jpeg, WIDTH, HEIGHT)
        if picture.width <= WIDTH:
            return picture
        return picture.resize((WIDTH, max(1, picture.height * WIDTH // picture.width)))

    def _seen(
        self, picture: Image.Image
    ) -> tuple[NDArray[np.float64], tuple[Detection, ...], float]:
        """Ask the detector, then the classifier of the frame, and of the best box if it is one."""
        boxes, scene = self._detector.detect(picture) if self._detector else ((), 0.0)
        shares = self._named(picture)
        if self._fusion and boxes and boxes[0].probability >= self._fusion.crop_score:
            shares = (shares + self._named(crop(picture, boxes[0]))) / 2
        return shares, boxes, scene

    def _named(self, picture: Image.Image) -> NDArray[np.float64]:
        size = self._classifier.width, self._classifier.height
        return self._classifier.shares(squash(picture, *size))

    def _judgement(self, look: _Look, moved: float, past: Sequence[NDArray[np.uint8]]) -> Judgement:
        if look.shares is None or look.small is None:
            return Judgement(None, look.fault, look.why)
        shares, grey = look.shares, b""
        if self._fusion:
            best = _row(look.boxes)
            hope = max((float(shares[target]) for target in self._targets), default=0.0)
            lives = alive(float(best[0]), look.scene, float(shares[0]), self._fusion)
            still = max(moved, 0.0) if hope >= self._fusion.spared else moved
            if shares_with(shares, lives + still)[0] >= self.thresholds["blank"]:
                grey = look.small.tobytes()  # Without the site's word, so that none feeds itself.
            if hope < self._fusion.spared:
                like = alike(look.small, past, best, self._fusion.crop_score)
                still += known(like, self._fusion)
            shares = shares_with(shares, lives + still)
        by_label = dict(zip(self.labels, map(float, shares), strict=True))
        scores = Scores(by_label, individuals(look.boxes, self._box))
        return Judgement(scores, look.fault, look.why, grey)


def _grey(small: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(small, np.uint8).reshape(GREY[1], GREY[0])


def _row(boxes: Sequence[Detection]) -> NDArray[np.float64]:
    """Give the best box as score, left, top, right, bottom; zeros where there is none."""
    if not boxes:
        return np.zeros(5)
    best = boxes[0]
    sides = (best.x, best.y, best.x + best.width, best.y + best.height)
    return np.array([best.probability, *sides])
