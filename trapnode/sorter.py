"""The sorter: takes unsorted sequences, oldest first, and reaches one verdict for each.

Fails open: whatever goes wrong with model or picture, the sequence stays, as `unclassified`. A
sequence that ended the sorter twice in one boot (a crash, a watchdog), or five times in all (power
that fails while it is judged), is not judged again. A lens that shows nothing, sequence after
sequence, is told as the sorter's fault.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from trapnode.errors import CardFailed, TrapnodeError
from trapnode.judging import Judge, Show, judged, nothing_shown, shown, unseen
from trapnode.loop import Alive, Clock, Stopping
from trapnode.model import ClockTrust, Decision, Frame, Observation, Scores, Sequence, Verdict
from trapnode.policy.events import event_of
from trapnode.policy.lens import LAST, hidden, lens_fault
from trapnode.policy.report import Watch
from trapnode.policy.verdict import Thresholds, audit, count_of, decide, unclassified
from trapnode.store import ram
from trapnode.store.doorbell import SORTER, UPLINKER, Doorbell, ring
from trapnode.store.stage import read_restraint
from trapnode.store.store import Store
from trapnode.store.telling import tell

__all__ = ["Judges", "Sorter", "Sorting"]

log = logging.getLogger(__name__)

ROUND_S = 20.0  # The watchdog hears from us at least this often.
LOAD_AGAIN_S = 600.0  # A model that could not be read once may be read later.
TRIES = 2  # A sequence may end the sorter so often in one boot before it is left alone,
TRIES_IN_ALL = 5  # and so often over all boots: each of these may have been a power cut.
JUDGING = "judging"


@dataclass(frozen=True, slots=True)
class Sorting:
    """What the configuration says about sorting; `draw` is uniform in [0, 1)."""

    watch: Watch
    audit_share: float
    independence_interval_s: float
    draw: Callable[[], float]
    show: Show = nothing_shown
    blank_least: float = 0.0


class Judges(Protocol):
    """Where a judge comes from."""

    @property
    def fault(self) -> str:
        """Say what is wrong with the choice that `load` made, or nothing."""
        ...

    def load(self) -> Judge:
        """Load the set that judges now; raise TrapnodeError if none can be trusted."""
        ...

    def changed(self) -> bool:
        """Say whether another set may be the one that judges since the last load."""
        ...


class Sorter:
    """The loop over the store's unsorted sequences."""

    def __init__(self, store: Store, run: Path, sorting: Sorting, judges: Judges) -> None:
        self._store = store
        self._run = run
        self._sorting = sorting
        self._judges = judges
        self._judge: Judge | None = None
        self._load_again_s = 0.0  # Monotonic.
        self._strangers = False  # Targets that the model does not know.
        self._fault = ""
        self._lens = ""
        self._alive: Alive = _nobody

    def run(self, clock: Clock, stopping: Stopping, alive: Alive) -> None:
        """Sort until told to stop; raise StoreError."""
        self._alive = alive
        self._load_judge(clock)
        self._look_back()
        self._store.archive.drop_stale_copies()
        bell = Doorbell(self._run, SORTER)
        try:
            while not stopping():
                alive(self._fault or self._lens)
                if not self.sort_next(clock):
                    clock.wait([bell, stopping], ROUND_S)
                    bell.answered()
        finally:
            bell.close()

    def sort_next(self, clock: Clock) -> bool:
        """Do one piece of work; say whether there was one."""
        waiting = self._judge is None and clock.monotonic() >= self._load_again_s
        if waiting or self._judges.changed():
            self._load_judge(clock)
        if frames := self._store.sequences.discarding():
            self._discard(frames)
            return True
        if read_restraint(self._run).hot:
            return False
        sequence = self._store.sequences.next_unsorted()
        if sequence is None:
            return False
        scores, decision = self._judged(sequence)
        self._conclude(sequence, scores, decision, clock)
        self._look_back()
        return True

    def _load_judge(self, clock: Clock) -> None:
        self._judge = None  # First: there is no memory for two sets.
        ram.write_set(self._run, "none")
        try:
            self._judge = self._judges.load()
        except (TrapnodeError, MemoryError) as error:
            self._load_again_s = clock.monotonic() + LOAD_AGAIN_S
            self._fault = f"no classifier, every sequence is kept: {error}"
            log.error("%s", self._fault)
            return
        log.info("judging by %s", self._judge.name)
        ram.write_set(self._run, self._judge.name)
        strangers = set(self._sorting.watch.targets) - set(self._judge.labels)
        named = ", ".join(sorted(strangers))
        self._strangers = bool(strangers)
        self._fault = (
            f"the model knows no {named} (sorter.targets): nothing is discarded"
            if named
            else self._judges.fault
        )
        if self._fault:
            log.error("%s", self._fault)

    def _look_back(self) -> None:
        """Look whether the lens shows anything: by the rows, for a boot may see one sequence."""
        recent = self._store.sequences.observations(last=LAST)
        self._lens = lens_fault([each.reason for each in recent])

    def _judged(self, sequence: Sequence) -> tuple[list[Scores | None], Decision]:
        nothing: list[Scores | None] = [None] * len(sequence.frames)
        if self._judge is None:
            return nothing, unclassified(self._fault)
        tries = self._store.sequences.begin_judging(sequence.id)
        if ram.begin(self._run, JUDGING, f"{sequence.id}") > TRIES or tries > TRIES_IN_ALL:
            return nothing, unclassified(f"the sorter ended {tries - 1} times on this sequence")
        scores, decision = self._decided(sequence, self._judge)
        if self._strangers and decision.verdict is Verdict.DISCARD:
            return scores, unclassified(self._fault)  # A typo must not cost a leopard.
        return scores, decision

    def _decided(self, sequence: Sequence, judge: Judge) -> tuple[list[Scores | None], Decision]:
        """Judge frames by their previews, or by their pixels where a preview is no good."""
        frames, past = sequence.frames, self._store.site.past()
        bad: set[int] = set()

        def read(frame: Frame) -> bytes | None:
            self._alive(self._fault or self._lens)  # A long burst outlasts the watchdog.
            archive = self._store.archive
            return archive.pixels(frame) if frame.number in bad else archive.preview(frame)

        found = judged(judge, frames, read, past)
        bad |= {frame.number for frame, each in zip(frames, found, strict=True) if unseen(each)}
        if bad:
            found = judged(judge, frames, read, past)
        scores = [each.scores for each in found]
        lines = Thresholds(**judge.thresholds).at_least(self._sorting.blank_least)
        decision = decide(scores, lines, self._sorting.watch.targets)
        if reason := hidden(found, decision):
            return scores, unclassified(reason)
        if bad and decision.verdict is Verdict.DISCARD:
            return scores, unclassified("blank, but without a preview that stays as evidence")
        greys = [each.grey for each in found if each.grey]
        if greys and decision.verdict is Verdict.DISCARD:
            self._store.site.remember(sequence.id, greys[len(greys) // 2])
        return scores, decision

    def _conclude(
        self,
        sequence: Sequence,
        scores: list[Scores | None],
        decision: Decision,
        clock: Clock,
    ) -> None:
        observation = self._observation(sequence, decision, count_of(scores, decision), clock)
        shown = self._shown(sequence, scores, decision) if observation.target else b""
        with self._store.database.transaction():
            self._store.sequences.conclude(observation, scores)
            self._store.previews.keep(sequence.id, shown)
            told = tell(self._store, observation, self._sorting.watch, clock.now())
        self._store.archive.judged(sequence)
        log.info("sequence %d: %s %s", sequence.id, observation.verdict, observation.label)
        if told:
            ring(self._run, UPLINKER)

    def _shown(self, sequence: Sequence, scores: list[Scores | None], decision: Decision) -> bytes:
        """Make the target's picture for the radio; a fault costs the picture, nothing else."""
        read = self._store.archive.preview
        try:
            return shown(sequence.frames, scores, decision.label, read, self._sorting.show)
        except (TrapnodeError, MemoryError, ValueError, OSError) as error:
            if isinstance(error, CardFailed):
                raise
            log.warning("sequence %d: no picture for the radio: %s", sequence.id, error)
            return b""

    def _observation(
        self, sequence: Sequence, decision: Decision, count: int | None, clock: Clock
    ) -> Observation:
        previous = self._store.sequences.last_of(decision.label, sequence.id)
        discard = decision.verdict is Verdict.DISCARD
        return Observation(
            id=sequence.id,
            observed_at=sequence.trigger.at,
            label=decision.label,
            probability=decision.probability,
            frames=len(sequence.frames),
            event=event_of(sequence, previous, self._sorting.independence_interval_s),
            clock_trusted=sequence.clock_trust is not ClockTrust.NONE,
            target=decision.label in self._sorting.watch.targets,
            audit=discard and audit(self._sorting.audit_share, self._sorting.draw()),
            verdict=decision.verdict,
            classified_by=self._judge.name if self._judge else "",
            classified_at=clock.now(),
            reason=decision.reason,
            count=count,
        )

    def _discard(self, frames: list[Frame]) -> None:
        """Let go of pixels whose verdict is on the card; the previews and the scores stay."""
        freed = sum(self._store.archive.discard(frame) for frame in frames)
        self._store.sequences.discarded(frames)
        log.info("discarded %d blank frames, %d bytes", len(frames), freed)


def _nobody(fault: str) -> None:
    """Give a sign of life to nobody: a sorter that does not run has no watchdog."""
