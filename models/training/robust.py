"""What the field does to frames, and what the unit's own judge then makes of them."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from models.training import damage, views
from models.training.evaluate import wilson
from models.training.pictures import Picture, read_index
from models.training.report import table
from models.training.runtimes import state
from trapnode.devices.judge import TARGETS, TfliteJudge
from trapnode.model import Verdict
from trapnode.policy.verdict import Thresholds, decide

Harm = Callable[[Image.Image, np.random.Generator], Image.Image]
QUALITY = 95  # of the previews that carry a damage to the judge


def verdict(judge: TfliteJudge, picture: Image.Image) -> tuple[bool, bool]:
    """Say if the frame alone would be dropped, and if it could be judged at all."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    [said] = judge.judge([out.getvalue()])
    decision = decide([said.scores], Thresholds(**judge.thresholds), TARGETS)
    return decision.verdict is Verdict.DISCARD, said.scores is not None


def under(judge: TfliteJudge, pictures: Sequence[Picture], harm: Harm) -> list[str]:
    """Give kept shares of leopards and of the living, dropped blanks, and what was not judged."""
    found = []
    for number, picture in enumerate(pictures):
        view = views.decode(views.unit_preview(picture.path.read_bytes()))
        found.append((picture.label, *verdict(judge, harm(view, np.random.default_rng(number)))))
    leopards = [not gone for label, gone, _ in found if label == "leopard"]
    living = [not gone for label, gone, _ in found if label != "blank"]
    blanks = [gone for label, gone, _ in found if label == "blank"]
    unjudged = sum(not judged for _, _, judged in found)
    shares = [wilson(sum(group), len(group)) for group in (leopards, living, blanks)]
    return [*shares, str(unjudged)]


def section(data: Path, card: Path) -> str:
    """Write both tables, of the single trap frames of `val`; a damage asked before is not again."""
    judge = TfliteJudge(card)
    key = state(card, Path(damage.__file__).read_text())
    listed = [each for each in read_index(data) if each.split == "val" and each.trap]
    harms: dict[str, Harm] = {"none": lambda picture, random: picture} | damage.DAMAGES
    rows = []
    for number, (name, harm) in enumerate(harms.items()):
        path = card.parent / f"damage-{number}-{key}.json"
        if not path.exists():
            path.write_text(json.dumps(under(judge, listed, harm)))
        rows.append([name, *json.loads(path.read_text())])
    heads = ["damage", "leopards kept", "living kept", "blanks dropped", "could not be judged"]
    return f"{table(heads, rows)}\n\n{_nothing(judge)}"


def _nothing(judge: TfliteJudge) -> str:
    """Write what the set says of frames that show nothing at all."""
    frames = {"black": (0, 0, 0), "white": (255, 255, 255), "grey": (128, 128, 128)}
    rows = []
    for name, colour in frames.items():
        gone, judged = verdict(judge, Image.new("RGB", (640, 480), colour))
        word = "judged" if judged else "told as a fault (covered lens)"
        rows.append([name, "dropped" if gone else "kept", word])
    return table(["a frame all", "is", "and"], rows)
