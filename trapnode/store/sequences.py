"""The rows of sequences, their frames and observations: the sorter's side of the store."""

from collections.abc import Iterator
from collections.abc import Sequence as Rows

from trapnode.errors import StoreError
from trapnode.model import (
    ClockTrust,
    Frame,
    FrameState,
    Observation,
    Scores,
    Sequence,
    SequenceState,
    Verdict,
)
from trapnode.store.database import Database, moment, text
from trapnode.store.rows import (
    FRAME,
    OBSERVATION,
    SEQUENCE,
    Row,
    frame_of,
    integer,
    observation_of,
    packed,
    packed_boxes,
    scores_of,
    sequence_of,
)

__all__ = ["Sequences"]

FROM = "FROM sequence s LEFT JOIN boot b ON b.id = s.boot"


class Sequences:
    """Sequences, frames and observations in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_unsorted(self) -> Sequence | None:
        """Give the oldest sequence that waits for its verdict, with its frames."""
        row = self._database.row(
            f"SELECT {SEQUENCE} {FROM} WHERE s.state = 'unsorted' ORDER BY s.id LIMIT 1"
        )
        return self._sequence(row) if row else None

    def begin_judging(self, sequence: int) -> int:
        """Count, durably, how often this sequence has been begun; give the count, this one too."""
        with self._database.transaction():
            self._database.run("UPDATE sequence SET tries = tries + 1 WHERE id = ?", sequence)
        row = self._database.row("SELECT tries FROM sequence WHERE id = ?", sequence)
        return integer(row[0]) if row else 0

    def conclude(self, observation: Observation, scores: Rows[Scores | None]) -> None:
        """Write verdict, scores and observation of a sequence; inside a transaction.

        `scores` go with the frames in the order of their numbers. The frames of a discard turn
        to `discarding`; their pixels go later, through `discarding` and `discarded`.
        """
        numbers = self._database.rows(
            "SELECT number FROM frame WHERE sequence = ? ORDER BY number", observation.id
        )
        if len(numbers) != len(scores):  # Repair has adopted a frame meanwhile.
            raise StoreError(
                f"sequence {observation.id}: {len(numbers)} frames, {len(scores)} scores"
            )
        for (number,), each in zip(numbers, scores, strict=True):
            self._database.run(
                "UPDATE frame SET scores = ?, detections = ? WHERE sequence = ? AND number = ?",
                packed(each),
                packed_boxes(each),
                observation.id,
                number,
            )
        if observation.verdict is Verdict.DISCARD and not observation.audit:
            self._database.run(
                "UPDATE frame SET state = ? WHERE sequence = ? AND state = ?",
                FrameState.DISCARDING,
                observation.id,
                FrameState.WHOLE,
            )
        self._insert(observation)
        self._database.run(
            "UPDATE sequence SET state = ? WHERE id = ?", SequenceState.SORTED, observation.id
        )

    def discarding(self) -> list[Frame]:
        """List frames whose verdict is on the card and whose pixels are to go."""
        return [
            frame_of(row)
            for row in self._database.rows(
                f"SELECT {FRAME} FROM frame WHERE state = 'discarding' ORDER BY sequence, number"
            )
        ]

    def discarded(self, frames: Rows[Frame]) -> None:
        """Say that the pixels of these frames are gone."""
        with self._database.transaction():
            for frame in frames:
                self._database.run(
                    "UPDATE frame SET state = ? WHERE sequence = ? AND number = ?",
                    FrameState.DISCARDED,
                    frame.sequence,
                    frame.number,
                )

    def last_of(self, label: str, before: int) -> tuple[int, Sequence] | None:
        """Give event and sequence of the last observation with this label before a sequence."""
        row = self._database.row(
            f"SELECT o.event, {SEQUENCE} {FROM} JOIN observation o ON o.id = s.id"
            " WHERE o.label = ? AND o.id < ? ORDER BY o.id DESC LIMIT 1",
            label,
            before,
        )
        return (int(str(row[0])), self._sequence(row[1:])) if row else None

    def observations(self, since: int = 0, last: int | None = None) -> list[Observation]:
        """List observations with an id above `since`, oldest first; only the `last` so many."""
        order = "ORDER BY o.id" if last is None else f"ORDER BY o.id DESC LIMIT {int(last)}"
        rows = self._database.rows(
            "SELECT s.id, s.triggered_at, coalesce(b.clock_trust, 'none'),"
            f" (SELECT count(*) FROM frame f WHERE f.sequence = s.id), {OBSERVATION}"
            f" {FROM} JOIN observation o ON o.id = s.id WHERE o.id > ? {order}",
            since,
        )
        found = (
            observation_of(
                row[4:],
                integer(row[0]),
                moment(row[1]),
                integer(row[3]),
                row[2] != ClockTrust.NONE.value,
            )
            for row in rows
        )
        return sorted(found, key=lambda each: each.id)

    def all(self, since: int = 0) -> Iterator[Sequence]:
        """Walk the sequences with an id above `since`, with their frames, oldest first."""
        last = since
        while rows := self._database.rows(
            f"SELECT {SEQUENCE} {FROM} WHERE s.id > ? ORDER BY s.id LIMIT 100", last
        ):
            yield from map(self._sequence, rows)
            last = int(str(rows[-1][0]))

    def scores(self, sequence: int) -> dict[int, Scores | None]:
        """Give the scores of a sequence's frames by frame number."""
        rows = self._database.rows(
            "SELECT number, scores, detections FROM frame WHERE sequence = ? ORDER BY number",
            sequence,
        )
        return {integer(number): scores_of(*found) for number, *found in rows}

    def bytes_of(self, sequence: int) -> tuple[int, int]:
        """Give the bytes of a sequence's frames and of its previews, as they were written."""
        row = self._database.row(
            "SELECT coalesce(sum(bytes), 0), coalesce(sum(preview_bytes), 0)"
            " FROM frame WHERE sequence = ?",
            sequence,
        )
        assert row is not None
        return int(str(row[0])), int(str(row[1]))

    def saved_and_discarded(self) -> tuple[int, int]:
        """Give the bytes of full frames that are on the card, and of those that went."""
        row = self._database.row(
            "SELECT coalesce(sum(bytes) FILTER (WHERE state = 'whole'), 0),"
            " coalesce(sum(bytes) FILTER (WHERE state IN ('discarding', 'discarded')), 0)"
            " FROM frame"
        )
        assert row is not None
        return int(str(row[0])), int(str(row[1]))

    def counts(self) -> dict[str, int]:
        """Count sequences by state, frames by state, and observations by label."""
        return {
            f"{table}.{value}": int(str(number))
            for table, column in (
                ("sequence", "state"),
                ("frame", "state"),
                ("observation", "label"),
            )
            for value, number in self._database.rows(
                f"SELECT {column}, count(*) FROM {table} GROUP BY {column}"
            )
        }

    def _sequence(self, row: Row) -> Sequence:
        frames = self._database.rows(
            f"SELECT {FRAME} FROM frame WHERE sequence = ? ORDER BY number", row[0]
        )
        return sequence_of(row, frames)

    def _insert(self, observation: Observation) -> None:
        assert observation.classified_at is not None
        self._database.run(
            "INSERT INTO observation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            observation.id,
            observation.verdict,
            observation.label,
            observation.probability,
            observation.event,
            observation.target,
            observation.audit,
            observation.reason,
            observation.classified_by,
            text(observation.classified_at),
            observation.count,
        )
