"""Stores for the tests of the dump, made through the store's own doors with small pictures."""

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image, ImageDraw

from trapnode.model import (
    BLANK,
    ClockTrust,
    Detection,
    Observation,
    Scores,
    Shot,
    Trigger,
    TriggerSource,
    Verdict,
    WakeReason,
)
from trapnode.store.entries import begin_boot
from trapnode.store.seals import Sealing
from trapnode.store.store import Store, open_store

NOON = datetime(2026, 11, 22, 2, 0, 0, 250_000, tzinfo=UTC)  # Noon at UTC+10.
LABELS = ("blank", "leopard", "deer", "person", "vehicle")
MODEL = "amur-2"


def jpeg(words: str, size: tuple[int, int] = (160, 120), hue: int = 90) -> bytes:
    """A small picture that can be told from the others."""
    picture = Image.new("HSV", size, (hue % 256, 90, 150)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((size[0] // 4, size[1] // 3, size[0] * 3 // 4, size[1] * 4 // 5), "#c08040")
    draw.text((6, 6), words, "white")
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def scores(boxes: int = 0, **by_label: float) -> Scores:
    """Scores for all labels; what is not given shares the rest. Boxes stand side by side."""
    rest = (1 - sum(by_label.values())) / max(1, len(LABELS) - len(by_label))
    found = tuple(Detection(0.3 * n, 0.25, 0.25, 0.5, 0.8 - 0.1 * n) for n in range(boxes))
    return Scores({label: by_label.get(label, rest) for label in LABELS}, found)


@dataclass
class Sightings:
    """A store that is filled sequence by sequence."""

    store: Store
    unit: str = "AL07"
    trust: ClockTrust = ClockTrust.RTC
    boots: dict[ClockTrust, object] = field(default_factory=dict)

    def boot(self, trust: ClockTrust):
        if trust not in self.boots:
            self.boots[trust] = begin_boot(
                self.store.database, f"kernel-{trust}", NOON, WakeReason.PIR, trust
            )
        return self.boots[trust]

    def see(
        self,
        at: datetime,
        frames: int = 3,
        trust: ClockTrust | None = None,
        source: TriggerSource = TriggerSource.PIR,
    ) -> int:
        """Save a sequence; give its id."""
        boot = self.boot(trust or self.trust)
        burst = self.store.archive.begin(self.unit, 600, "imx708", Trigger(at, 1.0, source), boot)
        for number in range(frames):
            taken = at + timedelta(seconds=0.4 * number)
            words = f"{burst.sequence}.{number + 1}"
            hue = 37 * burst.sequence
            shot = Shot(jpeg(words, (640, 480), hue), jpeg(words, hue=hue), taken)
            burst.add(shot)
        burst.close()
        return burst.sequence

    def judge(
        self, sequence: int, label: str, per_frame: list[Scores | None], event: int = 0, **more
    ) -> None:
        """Conclude a sequence as the sorter does."""
        judged = [each for each in per_frame if each is not None]
        probability = max((each.by_label.get(label, 0.5) for each in judged), default=None)
        row = self.store.database.row("SELECT triggered_at FROM sequence WHERE id = ?", sequence)
        at = datetime.fromisoformat(row[0])
        observation = Observation(
            id=sequence,
            observed_at=at,
            label=label,
            probability=None if label == "unclassified" else probability,
            frames=len(per_frame),
            event=event or sequence,
            clock_trusted=True,
            target=label == "leopard",
            verdict=Verdict.DISCARD if label == BLANK else Verdict.KEEP,
            classified_by=MODEL,
            classified_at=at + timedelta(seconds=9),
            **more,
        )
        with self.store.database.transaction():
            self.store.sequences.conclude(observation, per_frame)
        discarding = self.store.sequences.discarding()
        for frame in discarding:
            self.store.archive.discard(frame)
        self.store.sequences.discarded(discarding)


def sightings(state: Path, sealing: Sealing | None = None) -> Sightings:
    """An empty store."""
    return Sightings(open_store(state, sealing=sealing))


def a_day(state: Path, sealing: Sealing | None = None) -> Sightings:
    """One of everything: leopard twice in one event, blank, audit blank, person, unsorted, ..."""
    seen = sightings(state, sealing)
    blank, leopard = scores(blank=0.97), scores(leopard=0.91)
    first = seen.see(NOON)
    family = scores(leopard=0.91, boxes=3)
    seen.judge(first, "leopard", [family, scores(leopard=0.8, boxes=1), blank], count=3)
    again = seen.see(NOON + timedelta(minutes=10))
    seen.judge(again, "leopard", [leopard] * 3, event=first)
    seen.judge(seen.see(NOON + timedelta(hours=1)), "blank", [blank] * 3)
    seen.judge(seen.see(NOON + timedelta(hours=2)), "blank", [blank] * 3, audit=True)
    seen.judge(
        seen.see(NOON + timedelta(hours=3)), "person", [scores(person=0.88, boxes=1)] * 3, count=1
    )
    seen.judge(seen.see(NOON + timedelta(hours=4)), "unknown", [scores(blank=0.4, deer=0.3)] * 3)
    failed = seen.see(NOON + timedelta(hours=5))
    seen.judge(failed, "unclassified", [blank, None, None], reason="2 of 3 frames not <judged>")
    seen.judge(seen.see(NOON + timedelta(hours=6)), "vehicle", [scores(vehicle=0.9), None, blank])
    seen.see(NOON + timedelta(hours=7))
    return seen


DESK = """\
[project]
title = "Leopards of the border"
samplingDesign = "targeted"
contributors = [{ title = "A. Person", role = "contact" }]
licenses = [
    { name = "CC-BY-4.0", scope = "data" },
    { name = "CC-BY-NC-4.0", scope = "media" },
]
"""
K07 = """
[[deployment]]
unit = "AL07"
locationID = "K07"
latitude = 43.1234
longitude = 131.5
coordinateUncertainty = 30
deploymentStart = 2026-11-20T10:00:00
"""


def desk(folder: Path, *deployments: str) -> Path:
    """The desk's file."""
    path = folder / "deployments.toml"
    path.write_text(DESK + "".join(deployments or (K07,)), "utf-8")
    return path
