"""The model card of the set, with every figure measured again: `make evaluate`.

usage: python -m models.training.card --data ../shared/data --models models

What takes long (evidence, heads, other filters) is cached in `.training/` by what it hangs on.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.training import counts, judged, page, report, train
from models.training.gathered import CACHE, Gathered, Options, gather, timed
from models.training.sections import sections

SET = train.SET_NAME


def set_card(all_: Gathered, options: Options) -> dict[str, Any]:
    """Give the card of the set with weights, thresholds and figures as they are now."""
    card: dict[str, Any] = json.loads((options.models / f"{SET}.json").read_text())
    lines = judged.line(all_.groups, all_.held, None) | {"unknown": train.UNKNOWN}
    lines["box"] = counts.choose(counts.boxed(all_.frames, all_.found, options.data))
    trap = [each for each in all_.outcomes.frames if each.trap]
    return card | {
        "fusion": asdict(all_.held.fusion),
        "thresholds": {name: round(value, 4) for name, value in lines.items()},
        "metrics": {
            "how": "every frame judged by heads and thresholds that saw nothing of its place",
            "trap_frames": report.headline(trap),
            "trap_frames_without_CA-01": report.headline(
                [each for each in trap if each.place not in page.LEARNED]
            ),
            "sequences": report.headline(all_.outcomes.sequences),
        },
    }


def main() -> None:
    """Write `amur.md`, its pictures, and thresholds and figures of `amur.json`."""
    parser = argparse.ArgumentParser(description="Measure the set and write its model card.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--packages", type=Path, default=CACHE / "packages")
    parser.add_argument("--python", type=Path, default=Path(".venv/bin/python"))
    options = Options(**vars(parser.parse_args()))
    for folder in ("features", "evidence", "held", "others"):
        (CACHE / folder).mkdir(parents=True, exist_ok=True)
    all_ = timed("held-out verdicts", gather, options)
    card = set_card(all_, options)
    (options.models / f"{SET}.json").write_text(json.dumps(card, indent=2) + "\n")
    text = "\n\n".join(sections(all_, card, options)).rstrip() + "\n"
    (options.models / f"{SET}.md").write_text(text)


if __name__ == "__main__":
    main()
