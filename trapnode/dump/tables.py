"""The files of a dump that grow record by record."""

from collections.abc import Mapping
from dataclasses import dataclass

from trapnode.dump.candidates import offered
from trapnode.dump.claims import Claim
from trapnode.dump.columns import MEDIA, OBSERVATIONS, Table
from trapnode.dump.copying import Put
from trapnode.dump.deployments import Deployment
from trapnode.dump.individuals import Best, Individuals
from trapnode.dump.page import ROWS, Rows
from trapnode.dump.sealed import SEALED_XMP, Words
from trapnode.megadetector import Megadetector
from trapnode.model import Verdict
from trapnode.store.reading import Record

__all__ = ["GROWING", "Tables"]

GROWING = ("media.csv", "observations.csv", "individual_id.csv", "megadetector.json", ROWS)


@dataclass(frozen=True, slots=True)
class Tables:
    """All of them on their way."""

    media: Table
    observations: Table
    individuals: Individuals
    scores: Megadetector
    page: Rows
    words: Words  # For pictures that only `unseal` can write into.

    @classmethod
    def of(
        cls, put: Mapping[str, Put], deployments: tuple[Deployment, ...], utc_offset_min: int
    ) -> "Tables":
        """Begin them; `put` takes the text of each file, SEALED_XMP if there is one."""
        return cls(
            Table(MEDIA, put["media.csv"]),
            Table(OBSERVATIONS, put["observations.csv"]),
            Individuals(put["individual_id.csv"], deployments, utc_offset_min),
            Megadetector(put["megadetector.json"]),
            Rows(put[ROWS]),
            Words(put.get(SEALED_XMP)),
        )

    def list_best(
        self,
        record: Record,
        best: Best,
        claims: Mapping[int, Claim],
        files: Mapping[int, str],
        place: tuple[str, str],  # Deployment and event.
    ) -> None:
        """List a target by the frame to know it by; where that is sealed, offer the others, too."""
        if (path := files.get(best.frame.number)) is None:
            return
        self.individuals.add(record, best, *place, path)
        if best.sharpness is None:
            rows = {
                frame.number: self.individuals.row(record, frame, *place, files[frame.number])
                for frame in best.among
                if frame.number in files
            }
            self.words.offer(offered(record, claims, files, rows))

    def score(self, record: Record, files: Mapping[int, str]) -> None:
        """Write what the models said of each picture that came."""
        observation = record.observation
        blank = observation is not None and observation.verdict is Verdict.DISCARD
        for number, path in files.items():
            scores = record.scores[number]
            if scores is None:
                self.scores.fail(path, observation.reason if observation else "not sorted yet")
            else:
                self.scores.add(path, scores, blank)
